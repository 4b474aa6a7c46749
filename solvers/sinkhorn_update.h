// One half of an iteration of Sinkhorn's algorithm, on centred points (solvers/sinkhorn.cpp): from what is known at the
// columns to the potential at the rows,
//
//   F_i = -ε ln Σ_j e^(h_j + x_i·y_j/ε)        rows x [n, d], columns y [m, d], h [m] -> F [n]
//
// Products x·y are kept, or made again in blocks of rows for each update.
#pragma once

#include "engine/ops.h"

namespace brenier {

// Whether x belongs to a program that is being recorded: its numbers cannot be read.
bool in_program(const Tensor& x);

// The products of rows with columns, [n, m], and a sign they carry.
struct ScaledProducts {
  Tensor matrix;
  double sign = 1;

  // F for h.
  Tensor soft_minimum(const Tensor& h, double epsilon) const;
  // With rows and columns exchanged: as a view, and as a row-major matrix of its own.
  ScaledProducts transposed() const;
  ScaledProducts exchanged() const;
};

class SinkhornUpdate {
 public:
  // If it is `second`, the update with rows and columns exchanged is the first of the pair, and its products are used.
  // Constants, or parts of a program.
  SinkhornUpdate(const Tensor& rows, const Tensor& columns, bool second = false);

  ScaledProducts products() const { return products_of(rows_); }
  // The same, given those of the first of the pair.
  ScaledProducts products(const ScaledProducts& first) const;
  // Keeps its products.
  void keep(const ScaledProducts& products) { kept_ = products; }

  Tensor operator()(const Tensor& h, double epsilon) const;
  // The same as a function of the rows, for derivatives.
  Tensor at(const Tensor& rows, const Tensor& h, double epsilon) const;

 private:
  ScaledProducts products_of(const Tensor& rows) const;
  template <class Evaluate>
  Tensor by_blocks(const Tensor& rows, const Tensor& h, double epsilon, Evaluate evaluate) const;

  Tensor rows_, columns_;  // [n, d], [m, d]
  bool copies_;
  ScaledProducts kept_;  // [n, m], or undefined
  std::int64_t block_;
};

}  // namespace brenier

// A symmetric linear map given by what it does to vectors, one map per row of a batch.
//
//   LinearOperator a = hessian_operator(potential, x);   // v -> ∇²potential(x_i) v_i for every row i
//   Tensor av = a(v);                                    // [rows, d], or [k, rows, d] for k vectors per row
//
// Solvers leave out rows that have converged. For that an operator may say how it is restricted to some of its rows;
// one that cannot is applied to all of them, and what comes out for the others is not used.
#pragma once

#include <functional>
#include <utility>

#include "engine/autodiff.h"

namespace brenier {

class LinearOperator {
 public:
  using Map = std::function<Tensor(const Tensor& v)>;                     // [..., rows, d] -> the same shape
  using Restriction = std::function<LinearOperator(const Tensor& rows)>;  // to the rows with these int64 indices, [m]

  LinearOperator(Map map, Restriction restriction = {}) : map_(std::move(map)), restriction_(std::move(restriction)) {}

  Tensor operator()(const Tensor& v) const { return map_(v); }
  bool can_be_restricted() const { return static_cast<bool>(restriction_); }
  // Indices count among the rows of this operator, which may be a restricted one itself.
  LinearOperator restricted(const Tensor& rows) const { return restriction_(rows); }

 private:
  Map map_;
  Restriction restriction_;
};

// v -> A v for A [d, d], the same for all rows, or [rows, d, d].
LinearOperator matrix_operator(const Tensor& a);

// The Hessian of a potential that treats rows independently: potential(x) is [rows] or [rows, 1] for x [rows, d].
// What does not depend on v is computed once, here and after every restriction (engine/autodiff.h, linearize).
LinearOperator hessian_operator(std::function<Tensor(const Tensor& x)> potential, const Tensor& x);

}  // namespace brenier

// The 35 problems of Moré, Garbow & Hillstrom, Testing unconstrained optimization software (1981), by their numbers
// there: sums of squares f(x) = Σ r_i(x)², with the standard starts and sizes, and the minima that are known.
//
// They are badly scaled, singular at the minimum, flat, or have several minima; solvers are compared on them. Written in
// operations of the engine for any number of rows, so derivatives come from it. In problem 11 the publication misprints
// y_i - x₂. bench/peers/scipy_lbfgs.py has the same problems in Python.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace brenier::testing {

struct LeastSquares {
  int number;
  std::string name;
  std::vector<double> start;
  std::function<Tensor(const Tensor& x)> residuals;  // [rows, n] -> [rows, m]
  std::vector<double> minima;                        // of f; as printed in the publication, six digits

  Tensor value(const Tensor& x) const;  // [rows]
  Tensor start_row() const;             // [1, n]
};

std::vector<LeastSquares> more_garbow_hillstrom();
std::vector<LeastSquares> small_more_garbow_hillstrom();  // 1 … 19, of fixed size
std::vector<LeastSquares> large_more_garbow_hillstrom();  // 20 … 35, of any size

}  // namespace brenier::testing

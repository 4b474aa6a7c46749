// Symmetric matrices with prescribed eigenvalues, one per row, and their functions in closed form.
//
//   A = H diag(λ) H,   H = I - 2 u uᵀ / uᵀu,   f(A) = H diag(f(λ)) H
#pragma once

#include <functional>

#include "engine/ops.h"
#include "solvers/linear_operator.h"

namespace brenier::testing {

struct Spectrum {
  Tensor eigenvalues;  // [rows, d]
  Tensor mirror;       // [rows, d], u

  // H v for v [..., rows, d].
  Tensor reflected(const Tensor& v) const;
  // f(A) v; f acts on the eigenvalues.
  Tensor apply(const std::function<Tensor(const Tensor&)>& f, const Tensor& v) const;
  // v -> A v. Counts in `counter`, if there is one, the rows it is applied to.
  LinearOperator matrix(std::int64_t* counter = nullptr) const;
  Tensor solve(const Tensor& b) const;  // A⁻¹ b
  Tensor dense() const;                 // [rows, d, d]
  Spectrum rows(const Tensor& indices) const;
};

// d numbers from `low` to `high`, equally spaced in logarithm; `low` alone if d is 1.
std::vector<double> log_uniform(std::int64_t d, double low, double high);

}  // namespace brenier::testing

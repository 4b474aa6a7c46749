// Steepest descent with the strong Wolfe line search: the reference that other methods are to beat.
//
//   x₊ = x - t g,    first trial t₊ = t φ'(0) / φ₊'(0): the change hoped for is that of the step before
//
// On a quadratic of condition number κ the error falls by ((κ - 1)/(κ + 1))² per step at best.
// Reference: Nocedal & Wright (2006), sections 3.3 and 3.5, equation 3.60.
#pragma once

#include <cstdint>

#include "solvers/batch_objective.h"
#include "solvers/line_search.h"

namespace brenier {

// As in LbfgsOptions (solvers/lbfgs.h).
struct GradientDescentOptions {
  std::int64_t max_iterations = 1000;
  double gradient_tolerance = 1e-8;
  LineSearchOptions line_search{.c2 = 0.5};  // nearer to the minimum along the line than quasi-Newton steps need
  double relative_gradient_tolerance = 0;
  double value_tolerance = 0;
  double value_rounding = 64;
};

// Each row of `start`, [rows, n], on its own; see lbfgs().
Minimum<Tensor> gradient_descent(const BatchObjective& objective, const Tensor& start,
                                 const GradientDescentOptions& options = {});

}  // namespace brenier

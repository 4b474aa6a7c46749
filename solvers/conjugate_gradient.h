// Preconditioned conjugate gradients for many symmetric positive definite systems at once, one per row.
//
//   α = rᵀz / pᵀAp,   x ← x + α p,   r ← r - α Ap,   z = M r,   β = r₊ᵀz₊ / rᵀz,   p ← z + β p
//
//   auto [z, report] = conjugate_gradient(hessian_operator(potential, x), b, {.absolute_tolerance = 1e-3});
//
// Every row has its own scalars and stops by its own residual; from then on its numbers do not change, and the
// operator is restricted to the rows that are left. The residual of the recurrence drifts from b - Ax. When it meets
// the tolerance, the true one is computed, in the same product as the other rows' next step; if that one lags behind,
// the row goes on from it, and ends as Stagnated when a second correction does not help.
//
// Reference: Hestenes & Stiefel (1952); Golub & Van Loan (2013), section 11.3; van der Vorst & Ye (2000) for the
// residuals. The iteration itself: solvers/conjugate_gradient_step.h.
#pragma once

#include <cstdint>
#include <optional>

#include "solvers/linear_operator.h"
#include "solvers/preconditioners.h"
#include "solvers/solve_report.h"

namespace brenier {

enum class ResidualNorm { Two, Infinity };

struct ConjugateGradientOptions {
  // A row has converged when ‖b - Az‖ <= max(absolute_tolerance, relative_tolerance ‖b‖).
  double absolute_tolerance = 0;
  double relative_tolerance = 1e-5;
  ResidualNorm norm = ResidualNorm::Two;
  std::optional<std::int64_t> max_iterations{};  // of every row; 10 d unless given
  // z = M r with M ≈ A⁻¹, symmetric positive definite; see solvers/preconditioners.h. It is restricted with A.
  std::optional<LinearOperator> preconditioner{};
  Tensor start{};  // the first iterate, in the shape of b; zero unless given
  // Whether the true residual confirms convergence: one more row of a product. Without it the recurrence is trusted.
  bool confirm = true;
  // A and M are restricted to the unfinished rows when their share of the present rows falls below this. 1: whenever a
  // row has finished; 0: never.
  double compact_below = 0.75;
  // Iterations between two looks at which rows are unfinished; 0: 1 where the host reads the device's memory, else 8.
  // In between, finished rows are held by masks.
  std::int64_t check_every = 0;
};

struct LinearSolution {
  Tensor solution;  // in the shape of b
  SolveReport report;
};

// The solution of A z = b. b is [rows, d], or [k, rows, d] for k right-hand sides per row; the outcomes in the report are
// in that order, [k, rows], and a row of A is active while any of its k is. The report's residuals are true ones for
// rows that converged or stagnated, else those of the recurrence; row_evaluations counts rows of products, a row with
// k vectors as k.
//
// The last iterate is returned, which is the best one in the norm ‖z - A⁻¹b‖_A. A row of zeros in b gives zeros, in no
// iteration. IndefiniteOperator: pᵀAp <= √d ε ‖p‖‖Ap‖, what rounding makes of a positive number at most, or rᵀMr <= 0.
// NotFinite: b, the start, A or M gave NaN or infinity; other rows are not touched by it.
//
// Works on values and records nothing; solvers/implicit.h, linear_solve() makes it differentiable. Throws
// std::invalid_argument for shapes that do not fit and options out of range.
LinearSolution conjugate_gradient(const LinearOperator& a, const Tensor& b,
                                  const ConjugateGradientOptions& options = {});

}  // namespace brenier

// Newton's method by Hessian products: each direction solves H d = -g as far as it pays, by conjugate gradients.
//
//   ‖H d + g‖ ≤ η ‖g‖,    η₊ = 0.9 (‖g₊‖/‖g‖)^φ,  φ = (1 + √5)/2,  never above 0.9, nor falling faster than 0.9 η^φ
//
// Far from the minimum a few products are enough, close to it the error falls with order φ. A direction of non-positive
// curvature ends the inner solve: what has been found so far is a descent direction, and if nothing has, -g is. The rows
// of a batch take their directions together, in one product for all rows whose inner solve goes on, and search along
// them on their own.
//
// Against L-BFGS: fewer and better iterations of many products each. It pays for ill-conditioned problems, where
// curvature pairs are too few to say what the Hessian is.
// Reference: Nocedal & Wright (2006), algorithm 7.1; Eisenstat & Walker (1996), choice 2, for η; the Hessian is
// recorded at x and only its product is repeated (engine/autodiff.h, linearize).
#pragma once

#include <cstdint>

#include "solvers/batch_objective.h"
#include "solvers/line_search.h"

namespace brenier {

struct NewtonCgOptions {
  std::int64_t max_iterations = 100;
  double gradient_tolerance = 1e-8;
  std::int64_t max_products = 0;  // in one inner solve; 0: twice the number of unknowns
  double first_forcing = 0.5;     // η of the first direction
  LineSearchOptions line_search{};
  double relative_gradient_tolerance = 0;  // from here on as in LbfgsOptions (solvers/lbfgs.h)
  double value_tolerance = 0;
  double value_rounding = 64;
};

// Each row of `start`, [rows, n], on its own; see lbfgs(). row_evaluations counts evaluations and Hessian products of
// rows. Throws std::invalid_argument if the objective has no Hessian.
Minimum<Tensor> newton_cg(const BatchObjective& objective, const Tensor& start, const NewtonCgOptions& options = {});

}  // namespace brenier

// L-BFGS for devices: every row of a batch takes the same steps at the same time, and nothing is read back but once
// every few iterations.
//
//   d = -H g by the two-loop recursion (solvers/lbfgs.h), rows with tensors, absent pairs by weight 1/sᵀy = 0
//   t = the best of t₀ b, t₀, t₀/b, t₀/b², …  with  f(x + t d) ≤ f(x) + c t gᵀd        (parallel Armijo search)
//
// All trials of all rows are one evaluation: the search never waits for a number to come to the host, where the strong
// Wolfe search of lbfgs() waits after every trial. It evaluates more in exchange, so on a CPU lbfgs() is faster. If no
// trial of a row is good, the row stays, forgets its pairs, and goes on from the smallest trial. Rows that have ended stand
// still, and are left out once they are half of all. An iteration is one program: a captured graph on a GPU.
//
// References: Nocedal & Wright (2006), algorithms 3.1 and 7.4; parallel trials as in Amos, On amortizing convex
// conjugates for optimal transport (2023), appendix.
#pragma once

#include <cstdint>

#include "solvers/batch_objective.h"

namespace brenier {

struct LbfgsArmijoOptions {
  std::int64_t max_iterations = 100;
  double gradient_tolerance = 1e-8;    // converged when max_i |g_i| is at most this
  int memory = 10;                     // curvature pairs kept
  double curvature_threshold = 1e-12;  // as in LbfgsOptions
  int trials = 8;                      // steps that are tried at a time
  double base = 2;                     // their ratio, above 1
  double decrease = 1e-4;              // c
  double value_rounding = 64;          // a decrease below so many rounding errors of f counts as none
  int iterations_between_looks = 4;    // whether rows have ended is read back so often
};

// Each row of `start`, [rows, n], computed in its dtype on its device. row_evaluations counts every trial of every row,
// whether it had ended or not. Throws std::invalid_argument for an objective that is not made from a potential, for a
// start of other rank, or for options that make no sense.
Minimum<Tensor> lbfgs_armijo(const BatchObjective& objective, const Tensor& start,
                             const LbfgsArmijoOptions& options = {});

}  // namespace brenier

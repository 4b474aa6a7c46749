// The Sinkhorn divergence of two weighted point clouds, for the cost |x - y|²/2: optimal transport, smoothed at a length
// `blur`, and with the bias of the smoothing removed.
//
//   S(α, β) = OT(α, β) - OT(α, α)/2 - OT(β, β)/2,   OT(α, β) = min over plans P of <P, C> + ε KL(P | α ⊗ β),  ε = blur²
//
//   Tensor loss = sinkhorn_divergence(x, y, {.blur = 0.05});     // x [n, d], y [m, d]; differentiable in x and y
//   auto [value, potentials, report] = solve_sinkhorn(x, y, {.blur = 0.05, .tolerance = 1e-6});
//
// S >= 0, S(α, α) = 0, and S tends to half the squared Wasserstein distance as ε -> 0 (Feydy et al., Interpolating between
// optimal transport and MMD using Sinkhorn divergences, 2019). The iteration, its schedule and the numbers that a finite
// schedule gives are those of GeomLoss's SamplesLoss("sinkhorn", p=2). How it is computed: solvers/sinkhorn.cpp.
//
// Derivatives. By the envelope theorem dS/dx_i = a_i (A(x_i) - B(x_i)), where A and B are the entropic means of the x and
// of the y to which x_i is sent, and dS/da_i is a difference of potentials. What is recorded is the last update with
// the other potentials held constant; its first derivative is that formula. Second derivatives are those of this
// formula, again with constant potentials: well defined in both modes, but not the Hessian of S, which would need the
// derivative of the potentials.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/ops.h"
#include "solvers/solve_report.h"

namespace brenier {

struct SinkhornOptions {
  double blur = 0.05;    // √ε, a length
  double scaling = 0.5;  // in (0, 1): √ε is multiplied by it from one iteration of the schedule to the next
  double diameter = 0;   // √ε at the start of the schedule; 0: the diagonal of the box around both clouds
  // 0: the schedule and no more, about ln(diameter/blur)/ln(1/scaling) + 3 iterations, as in GeomLoss. Otherwise
  // iterations at the final ε follow until the plans miss their marginals by at most this, in the 1-norm.
  double tolerance = 0;
  std::int64_t max_iterations = 1000;  // of those
  Tensor x_weights{}, y_weights{};     // [n], [m], not negative, equal sums; undefined: 1/n, 1/m
  // Products of points are kept if they need no more memory than this; otherwise blocks of them are made again in every
  // iteration, in some tens of MiB.
  std::size_t matrix_bytes = std::size_t{256} << 20;
};

// Dual variables with f_i + g_j <= C_ij up to smoothing: the plan between x and y is a_i b_j e^((x_i + y_j - C_ij)/ε).
struct SinkhornPotentials {
  Tensor x, y;            // of OT(α, β), [n] and [m]
  Tensor x_self, y_self;  // of OT(α, α) and OT(β, β)
};

struct SinkhornSolution {
  Tensor value;  // scalar, recorded if points or weights are
  SinkhornPotentials potentials;
  // residual_norm: the largest 1-norm of a difference between a plan's marginal and the weights. Without a tolerance the
  // status is IterationLimit. A report made while a program is being recorded has no numbers.
  SolveReport report;
};

// The diagonal of the box around two clouds [n, d] and [m, d], constants: what SinkhornOptions::diameter is if not given.
double box_diagonal(const Tensor& x, const Tensor& y);

// Throws std::invalid_argument for shapes, dtypes and options that make no sense, for negative weights, and for weights of
// different sums. While a program is being recorded (TapeOptions::recording_program) nothing may be decided by
// values: give the diameter, and no tolerance.
SinkhornSolution solve_sinkhorn(const Tensor& x, const Tensor& y, const SinkhornOptions& options = {});
inline Tensor sinkhorn_divergence(const Tensor& x, const Tensor& y, const SinkhornOptions& options = {}) {
  return solve_sinkhorn(x, y, options).value;
}

}  // namespace brenier

// Normalising flows: invertible maps of rows x -> z whose Jacobian determinant is known, so that a simple density of z
// becomes a density of x.
//
//   ln p(x) = ln p_Z(f(x)) + ln |det ∂f/∂x|
//
// A flow is a struct with three members; the row i of every result depends on row i of the argument only:
//
//   Tensor operator()(const Tensor& x) const;            // z = f(x), [rows, d] -> [rows, d]
//   Transformed forward(const Tensor& x) const;          // with the exact ln |det|, recorded if x or a parameter is
//   Preimage inverse(const Tensor& z) const;             // x with f(x) = z, and how every row ended; records nothing
//
// Those with data-dependent starts have initialize_from(batch) too. Reference: Rezende & Mohamed, Variational inference
// with normalizing flows (2015); Papamakarios et al., Normalizing flows for probabilistic modeling and inference (2021).
//
// Next on the walk: models/convex_flow.h, models/autoregressive.h, models/flow_stack.h.
#pragma once

#include <cmath>
#include <concepts>
#include <numbers>

#include "engine/ops.h"
#include "solvers/batch_objective.h"

namespace brenier {

struct Transformed {
  Tensor value;   // z, [rows, d]
  Tensor logdet;  // ln |det ∂z/∂x|, [rows]
};

using Preimage = Minimum<Tensor>;

template <class F>
concept Flow = requires(const F& flow, const Tensor& x) {
  { flow(x) } -> std::same_as<Tensor>;
  { flow.forward(x) } -> std::same_as<Transformed>;
  { flow.inverse(x) } -> std::same_as<Preimage>;
};

// ln N(z; 0, variance I) of every row of z [rows, d]: [rows].
inline Tensor normal_log_density(const Tensor& z, double variance = 1) {
  const double constant = 0.5 * static_cast<double>(z.dim(-1)) * std::log(2 * std::numbers::pi * variance);
  return sum(square(z), {-1}) * (-0.5 / variance) - constant;
}

// ln p(x) where f(x) is normal with this variance: [rows].
template <Flow F>
Tensor log_density(const F& flow, const Tensor& x, double variance = 1) {
  const Transformed z = flow.forward(x);
  return normal_log_density(z.value, variance) + z.logdet;
}

// The report of a preimage [rows, d] that is known in closed form: rows that are finite have converged in no iteration.
Preimage exact_preimage(const Tensor& x);

// x with f(x) = z for z normal with this variance: `count` rows of d numbers, drawn with exactly this key.
template <Flow F>
Preimage sample(const F& flow, const RandomKey& key, std::int64_t count, std::int64_t dim, double variance = 1,
                DType dtype = DType::Float64) {
  return flow.inverse(std::sqrt(variance) * random_normal(key, {count, dim}, dtype));
}

}  // namespace brenier

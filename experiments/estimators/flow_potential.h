// The potential of one block of a convex potential flow, and the gradients of its mean ln det ∇²u by three methods.
//
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3 and appendix E.1.
#pragma once

#include "experiments/support/logdet_gradients.h"
#include "experiments/support/map_fitting.h"
#include "models/convex_flow.h"
#include "models/normalized_icnn.h"
#include "solvers/flat_parameters.h"

namespace brenier::experiments {

using FlowPotential = StronglyConvex<AugmentedIcnn<Softplus, Symmetrized<Softplus>>>;

// With norms started from x [rows, d].
inline FlowPotential random_potential(const RandomKey& key, const Tensor& x, std::int64_t units, std::int64_t layers) {
  auto u = FlowPotential::around(decltype(FlowPotential::convex)::random(key, x.dim(1), units, layers, x.dtype()),
                                 x.dtype());
  u.convex.initialize_from(x);
  return u;
}

// The median over rows of the condition numbers of ∇²u(x).
inline double median_condition(const FlowPotential& u, const Tensor& x) {
  const Tensor hessians =
      with_recorded_input(u, x, [&](const Tensor& input) { return batch_hessian(u(input), input); });
  const Tensor values = cast(symmetric_eigen(hessians.detached()).values, DType::Float64);
  const Tensor ratios = select(values, -1, values.dim(-1) - 1) / select(values, -1, 0);
  return median(ratios.to_vector<double>());
}

inline FlowPotential exact_gradient(const FlowPotential& u, const Tensor& x) {
  return with_gradient([&](const FlowPotential& p) { return exact_logdet(p, x); })(u).gradient;
}
inline FlowPotential lanczos_gradient(const FlowPotential& u, const Tensor& x, const Tensor& v, std::int64_t steps) {
  return with_gradient([&](const FlowPotential& p) { return lanczos_logdet(p, x, v, steps); })(u).gradient;
}
inline FlowPotential surrogate_gradient(const FlowPotential& u, const Tensor& x, const Tensor& v, std::int64_t steps) {
  const Tensor z = hessian_solution(u, x, v, {.relative_tolerance = 0, .max_iterations = steps, .confirm = false});
  return with_gradient([&](const FlowPotential& p) { return surrogate_logdet(p, x, v, z); })(u).gradient;
}

struct Method {
  const char* name;
  FlowPotential (*gradient)(const FlowPotential&, const Tensor& x, const Tensor& v, std::int64_t steps);
};
inline constexpr Method kMethods[] = {{"Lanczos", lanczos_gradient}, {"surrogate", surrogate_gradient}};

}  // namespace brenier::experiments

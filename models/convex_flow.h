// Convex potential flows: the gradient of a strongly convex function is invertible, and so is a flow.
//
//   F(x) = softplus(w₁) u(x) + softplus(w₀) |x|²/2        u a convex potential (models/normalized_icnn.h)
//   z = ∇F(x),   ln |det ∂z/∂x| = ln det ∇²F(x),   x = argmin F(x) - ⟨x, z⟩
//
// One block is the optimal transport map, for the cost |x - z|², between the density it models and the normal one:
// Brenier (1991) says that a gradient of a convex function is. A composition of two gradients is not the gradient of
// anything in general; so no such claim holds for a NormalizedStack of blocks, not even of one block between two
// ActNorms. Hence two types: ConvexFlow is a transport map, NormalizedStack<ConvexFlow<…>> is a density model.
//
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3 and appendix E.
// Next on the walk: models/logdet.h, solvers/invert_gradient.h, models/flow_training.h.
#pragma once

#include <cmath>
#include <utility>

#include "models/flow.h"
#include "models/gradient_map.h"
#include "models/layers.h"
#include "models/logdet.h"
#include "solvers/invert_gradient.h"

namespace brenier {

// F: at least softplus(w₀)-strongly convex. [rows, d] -> [rows, 1].
template <class Potential>
struct StronglyConvex {
  Potential convex;
  Tensor quadratic_weight;  // w₀, [1]
  Tensor convex_weight;     // w₁, [1]

  // As published: softplus(w₀) = 1 and softplus(w₁) = ln 2, so that F starts at |x|²/2 + ln 2 · u(x).
  static StronglyConvex around(Potential potential, DType dtype = DType::Float64) {
    return {std::move(potential), full({1}, std::log(std::expm1(1.0)), dtype), zeros({1}, dtype)};
  }

  Tensor operator()(const Tensor& x) const {
    return softplus(convex_weight) * convex(x) + softplus(quadratic_weight) * (0.5 * sum(square(x), {-1}, true));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("convex", convex, visit);
    visit("quadratic_weight", quadratic_weight);
    visit("convex_weight", convex_weight);
  }
};

// One block, a flow (models/flow.h). Inverses are solved row by row; a block on values keeps nothing between calls.
template <class Potential>
struct ConvexFlow {
  StronglyConvex<Potential> potential;

  static ConvexFlow around(Potential convex, DType dtype = DType::Float64) {
    return {StronglyConvex<Potential>::around(std::move(convex), dtype)};
  }

  Tensor operator()(const Tensor& x) const { return gradient_map(potential, x); }

  // With the exact log-determinant.
  Transformed forward(const Tensor& x) const {
    Tensor logdet;
    const Tensor z = with_recorded_map(x, [&](const RecordedGradient& map) {
      logdet = logdet_term(ExactLogdet(), map, {0, 0}).value;
      return map.gradient;
    });
    return {z, logdet};
  }

  // With what `session` makes of the log-determinant (models/flow_training.h): for training.
  template <class Session>
  requires requires(Session& session, const RecordedGradient& map) { session.surrogate(map); }
  Transformed forward(const Tensor& x, Session& session) const {
    Tensor logdet;
    const Tensor z = with_recorded_map(x, [&](const RecordedGradient& map) {
      logdet = session.surrogate(map);
      return map.gradient;
    });
    return {z, logdet};
  }

  // An estimate for monitoring, or any other term, of ln det ∇²F(x).
  template <class Estimator>
  LogdetTerm logdet(const Estimator& estimator, const Tensor& x, const RandomKey& key) const {
    LogdetTerm term;
    with_recorded_map(x, [&](const RecordedGradient& map) {
      term = logdet_term(estimator, map, key);
      return map.gradient;
    });
    return term;
  }

  // L-BFGS for every row, then Newton steps in float64 up to 64 dimensions: as near to x as the rounding of z allows.
  Preimage inverse(const Tensor& z) const { return inverse(z, InversionOptions()); }
  Preimage inverse(const Tensor& z, const InversionOptions& options) const {
    const auto constant = detached_parameters(potential);
    Preimage found = invert_gradient(constant, z, options);
    return z.dim(-1) > 64 ? found : refine_preimage(cast_parameters(constant, DType::Float64), std::move(found), z);
  }

  // The data-dependent start of the potential's norms, if it has any.
  void initialize_from(const Tensor& batch) {
    if constexpr (requires { potential.convex.initialize_from(batch); }) potential.convex.initialize_from(batch);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("potential", potential, visit);
  }

 private:
  template <class Body>
  Tensor with_recorded_map(const Tensor& x, const Body& body) const {
    return with_recorded_input(potential, x, [&](const Tensor& input) {
      const auto constant = [this](const Tensor& point) { return detached_parameters(potential)(point); };
      const Tensor value = potential(input);
      return body(RecordedGradient{constant, input, grad(sum(value), input), value});
    });
  }
};

}  // namespace brenier

// Input-convex gradient networks: a map N(x) ≈ ∇u(x), [batch, d] -> [batch, d], built from a hidden network M with
// Jacobian J = DM:
//
//   N(x) = N₀ + ∫₀¹ J(s x)ᵀ J(s x) x ds
//
// If M satisfies the equation (3) of the paper, ∂_k∂_iM·∂_jM = ∂_k∂_jM·∂_iM for all i, j, k, then DN = JᵀJ: symmetric,
// positive semi-definite, hence N is the gradient of a convex function. One layer M = act(Ax + b) satisfies it for
// every activation; its integral is Aᵀ[Γ(Ax + b) - Γ(b)] with Γ = ∫ act'². Deeper M in general do not. Reference:
// Richter-Powell, Lorraine & Amos, Input convex gradient networks (2021), sections 2 and 3.
//
// Next on the walk: solvers/quadrature.h, engine/autodiff.h.
#pragma once

#include <optional>

#include "models/activations.h"
#include "models/gradient_map.h"
#include "models/layers.h"
#include "solvers/quadrature.h"

namespace brenier {

// act(Ax + b): a hidden network that satisfies (3).
template <Activation A>
struct ActivatedLinear {
  Linear affine;

  static ActivatedLinear random(const RandomKey& key, std::int64_t dim, std::int64_t units,
                                DType dtype = DType::Float64) {
    return {Linear::random(key, dim, units, dtype)};
  }

  Tensor operator()(const Tensor& x) const { return A()(affine(x)); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("affine", affine, visit);
  }
};

// outer(inner(x)): deeper hidden networks. In more than one dimension these violate (3) in general, and the Jacobian of
// the resulting N is visibly asymmetric: the negative control.
template <class Outer, class Inner>
struct Composed {
  Outer outer;
  Inner inner;

  Tensor operator()(const Tensor& x) const { return outer(inner(x)); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("outer", outer, visit);
    visit_parameters("inner", inner, visit);
  }
};

// ∫₀¹ J(s x)ᵀ J(s x) x ds by a quadrature rule: [batch, d]. All nodes are evaluated as one batch of [nodes · batch]
// rows, with one forward and one reverse sweep through M.
template <class Hidden>
Tensor integrate_gram(const Hidden& hidden, const QuadratureRule& rule, const Tensor& x) {
  return with_recorded_input(hidden, x, [&](const Tensor& input) {
    const std::int64_t nodes = rule.nodes.size(), batch = input.dim(0), dim = input.dim(1);
    const Tensor points = reshape(reshape(rule.nodes, {nodes, 1, 1}) * input, {nodes * batch, dim});
    const Tensor tangents = reshape(broadcast_to(input, {nodes, batch, dim}), {nodes * batch, dim});
    const Tensor features = hidden(points);
    const Tensor pulled = vjp(features, points, jvp(features, points, tangents));
    return sum(reshape(rule.weights, {nodes, 1, 1}) * reshape(pulled, {nodes, batch, dim}), {0});
  });
}

// The map for any hidden network M: [rows, d] -> [rows, m] that treats rows independently.
template <class Hidden>
struct Icgn {
  Hidden hidden;
  QuadratureRule rule;             // replace it before every step if it is a random one
  std::optional<Tensor> origin{};  // N₀ = N(0), [d]; none: N(0) = 0, as in the paper

  Tensor operator()(const Tensor& x) const {
    const Tensor integral = integrate_gram(hidden, rule, x);
    return origin ? integral + *origin : integral;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("hidden", hidden, visit);
    if (origin) visit("origin", *origin);
  }
};

// The same with M = act(Ax + b) and the integral in closed form. Parameter names agree with Icgn<ActivatedLinear<A>>.
template <SquareIntegrableActivation A>
struct OneLayerIcgn {
  ActivatedLinear<A> hidden;
  std::optional<Tensor> origin{};  // N₀, [d]

  // `units` is m; (d + 1) m parameters. origin is left out.
  static OneLayerIcgn random(const RandomKey& key, std::int64_t dim, std::int64_t units, DType dtype = DType::Float64) {
    return {ActivatedLinear<A>::random(key, dim, units, dtype)};
  }

  Tensor operator()(const Tensor& x) const {
    const Linear& affine = hidden.affine;
    const Tensor slopes = A::squared_slope_integral(affine(x)) - A::squared_slope_integral(*affine.bias);
    const Tensor integral = matmul(slopes, affine.weight);
    return origin ? integral + *origin : integral;
  }

  // The same parameters, integrated numerically.
  Icgn<ActivatedLinear<A>> with_rule(QuadratureRule rule) const { return {hidden, std::move(rule), origin}; }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("hidden", hidden, visit);
    if (origin) visit("origin", *origin);
  }
};

// How far M is from satisfying (3), per row of x: max over i, j, k of |∂_k∂_iM·∂_jM - ∂_k∂_jM·∂_iM|. [batch]; recorded
// where M's parameters are, so it can serve as a penalty.
template <class Hidden>
Tensor pde_residual(const Hidden& hidden, const Tensor& x) {
  return with_recorded_input(hidden, x, [&](const Tensor& input) {
    const std::int64_t batch = input.dim(0), dim = input.dim(1);
    const Tensor first = batch_jacobian(hidden(input), input);  // [batch, m, i]
    const Tensor directions = broadcast_to(reshape(eye(dim, x.dtype()), {dim, 1, dim}), {dim, batch, dim});
    const Tensor second = jvp(first, input, directions);       // [k, batch, m, i]
    const Tensor products = matmul(transpose(second), first);  // [k, batch, i, j]
    return max(abs(products - transpose(products)), {0, 2, 3});
  });
}

}  // namespace brenier

// What monotone gradient networks are made of: maps x -> Wᵀ c(Wx) + … whose Jacobian is symmetric and positive
// semi-definite by construction, so that the map is the gradient of a convex function.
//
//   VᵀV x                    Jacobian VᵀV                              GramLinear
//   Wᵀ c(Wx)                 Jacobian Wᵀ diag(c'(Wx)) W                ridge_potential, where c acts on each unit alone
//   α act(β u), α, β ≥ 0     monotone if act is                        PositiveGain; FreeGain gives the guarantee up
//
// References: Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient networks (2023);
// Chaudhari, Pranav & Moura, Gradient networks (2024).
//
// Next on the walk: models/mgn.h, models/gradnet.h.
#pragma once

#include <concepts>
#include <initializer_list>
#include <utility>
#include <vector>

#include "models/activations.h"
#include "models/layers.h"
#include "solvers/quadrature.h"

namespace brenier {

// x -> VᵀV x, rows [rows, d] -> [rows, d]: monotone for every V, of any rank.
struct GramLinear {
  Tensor factor;  // V, [rank, d]

  // Normal entries of variance 1/d: VᵀV has mean rank/d times the identity. Draws exactly this key.
  static GramLinear random(const RandomKey& key, std::int64_t dim, std::int64_t rank, DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const { return matmul(project(x), factor); }
  Tensor project(const Tensor& x) const { return matmul(x, transpose(factor)); }  // Vx, [rows, rank]
  Tensor gram() const { return matmul(transpose(factor), factor); }               // VᵀV, [d, d]
  // |Vx|²/2: [rows, 1].
  Tensor potential(const Tensor& x) const { return 0.5 * sum(square(project(x)), {-1}, true); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("factor", factor);
  }
};

// Factors that are positive by construction: softplus(raw).
struct PositiveGain {
  static constexpr bool is_positive = true;
  Tensor raw;

  // raw is uniform in (0, 1), as published: factors between 0.69 and 1.31.
  static PositiveGain random(const RandomKey& key, const Shape& shape, DType dtype) {
    return {random_uniform(key, shape, dtype)};
  }
  Tensor operator()() const { return softplus(raw); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("raw", raw);
  }
};

// Factors of any sign: no guarantee is left. The negative control, and what some published experiments trained.
struct FreeGain {
  static constexpr bool is_positive = false;
  Tensor raw;

  // Uniform in ±1/2, as published.
  static FreeGain random(const RandomKey& key, const Shape& shape, DType dtype) {
    return {random_uniform(key, shape, dtype) - 0.5};
  }
  const Tensor& operator()() const { return raw; }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("raw", raw);
  }
};

template <class G>
concept Gain = requires(const G& gain) {
  { gain() } -> std::convertible_to<Tensor>;
  { G::is_positive } -> std::convertible_to<bool>;
};

// Throws std::invalid_argument "[model] name must be at least 1, got …" for the first size that is smaller.
void require_sizes(const char* model, std::initializer_list<std::pair<const char*, std::int64_t>> sizes);

// Wᵀ diag(slopes) W for every row of slopes [rows, units] and W [units, d]: [rows, d, d].
Tensor ridge_jacobian(const Tensor& weight, const Tensor& slopes);

// Wᵀ (diag p - p pᵀ) W for every row of weights p [rows, units], not negative and of sum at most 1, and W [units, d]:
// [rows, d, d], positive semi-definite.
Tensor softmax_jacobian(const Tensor& weight, const Tensor& p);

// Σ_i ∫₀^{t_i} c_i(τ) dτ for every row of t = Wx, [rows, units] -> [rows, 1]: the potential of x -> Wᵀ c(Wx). `units`
// is c, which treats each entry alone; the rule is one on [0, 1]. Nested saturating functions have no elementary
// integral: the more units of length t has, the more nodes the rule needs.
template <class Units>
Tensor ridge_potential(const Units& units, const Tensor& t, const QuadratureRule& rule) {
  const std::int64_t nodes = rule.nodes.size(), rows = t.dim(0), width = t.dim(1);
  const Tensor points = reshape(reshape(rule.nodes, {nodes, 1, 1}) * t, {nodes * rows, width});
  const Tensor values = reshape(units(points), {nodes, rows, width});
  return reshape(sum(reshape(rule.weights, {nodes, 1, 1}) * values * t, {0, 2}), {rows, 1});
}

}  // namespace brenier

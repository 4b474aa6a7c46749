// Monotone gradient networks: maps [rows, d] -> [rows, d] that are gradients of convex functions for every value of
// their parameters (Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient networks,
// 2023; numbers in parentheses are equations there).
//
//   C-MGN   z_0 = Wx + b_0,  z_l = Wx + σ(z_{l-1}) + b_l,   N(x) = Wᵀσ(z_{L-1}) + VᵀVx + a
//           DN  = Wᵀ [Σ_{i=1..L} Π_{l=i..L} diag σ'(z_{l-1})] W + VᵀV                                          (14)
//   M-MGN   N(x) = a + VᵀVx + Σ_k s_k(z_k) W_kᵀσ_k(z_k),   z_k = W_k x + b_k,   s_k ≥ 0 convex, σ_k = ∇s_k
//           DN  = VᵀV + Σ_k [s_k W_kᵀ (∇²s_k) W_k + (W_kᵀσ_k)(W_kᵀσ_k)ᵀ]                                       (16)
//
// Every layer of the cascade sees x through the same W and its factors are diagonal, so its potential is a sum of
// convex functions of single numbers w_i·x. A module is the gradient of s_k²/2, which mixes them: M-MGN is the richer
// family.
//
// Next on the walk: models/gradnet.h, models/certificates.h.
#pragma once

#include "models/monotone_gradient.h"

namespace brenier {

// C-MGN with σ = A between all layers. Parameters: units (d + L) + rank d + d.
template <MonotoneActivation A>
struct CascadedMgn {
  Tensor weight;               // W, [units, d]
  std::vector<Tensor> biases;  // b_0 … b_{L-1}, each [units]
  GramLinear linear;           // V, [rank, d]
  Tensor offset;               // a, [d]

  // W and the biases uniform in ±1/√d, V as GramLinear, a = 0. Draws this key and the next `layers` + 1. Throws
  // std::invalid_argument for sizes below 1, of which only the rank may be 0.
  static CascadedMgn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t layers,
                            std::int64_t rank, DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const {
    return matmul(units(matmul(x, transpose(weight))), weight) + linear(x) + offset;
  }
  // ∫ of it from 0, [rows, 1]; exact as far as the rule is for the units along the way (ridge_potential).
  Tensor potential(const Tensor& x, const QuadratureRule& rule) const {
    const auto along = [&](const Tensor& t) { return units(t); };
    const Tensor linear_part = sum(x * offset, {-1}, true);
    return ridge_potential(along, matmul(x, transpose(weight)), rule) + linear.potential(x) + linear_part;
  }
  Tensor jacobian(const Tensor& x) const {  // (14), [rows, d, d]
    return ridge_jacobian(weight, unit_slopes(matmul(x, transpose(weight)))) + linear.gram();
  }

  // σ(z_{L-1}) for t = Wx, each unit by itself: [rows, units] -> [rows, units].
  Tensor units(const Tensor& t) const {
    Tensor z = t + biases.front();
    for (std::size_t layer = 1; layer < biases.size(); ++layer) z = t + A()(z) + biases[layer];
    return A()(z);
  }
  // Its derivative, the bracket of (14), not negative: by Horner's rule, p_l = σ'(z_{l-1}) (1 + p_{l-1}).
  Tensor unit_slopes(const Tensor& t) const {
    Tensor z = t + biases.front(), slopes = A::slope(z);
    for (std::size_t layer = 1; layer < biases.size(); ++layer) {
      z = t + A()(z) + biases[layer];
      slopes = A::slope(z) * (1.0 + slopes);
    }
    return slopes;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("weight", weight);
    for (std::size_t layer = 0; layer < biases.size(); ++layer) visit(str("biases.", layer), biases[layer]);
    visit_parameters("linear", linear, visit);
    visit("offset", offset);
  }
};

// A convex function s ≥ 0 of a vector and its derivatives, applied to rows: what a module of M-MGN is made of.
template <class S>
concept ConvexScalar = requires(const Tensor& z, const Tensor& weight) {
  { S::value(z) } -> std::same_as<Tensor>;            // s(z), [rows, units] -> [rows, 1]
  { S::gradient(z) } -> std::same_as<Tensor>;         // σ = ∇s, [rows, units]
  { S::hessian(weight, z) } -> std::same_as<Tensor>;  // Wᵀ ∇²s(z) W for W [units, d]: [rows, d, d]
};

// s(z) = Σ ln cosh z_i, σ = tanh; written so that cosh is never formed and there is no kink: ln(1 + e^{2z}) - z - ln 2.
struct LogCosh {
  static Tensor value(const Tensor& z);
  static Tensor gradient(const Tensor& z) { return tanh(z); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) { return ridge_jacobian(weight, Tanh::slope(z)); }
};

// M-MGN. Parameters: K units (d + 1) + rank d + d.
template <ConvexScalar S>
struct ModularMgn {
  std::vector<Linear> modules;  // W_k and b_k, all [units, d] and [units]
  GramLinear linear;            // V, [rank, d]
  Tensor offset;                // a, [d]

  // The modules as Linear, V as GramLinear, a = 0. Draws this key and the next `modules`. Throws std::invalid_argument
  // for sizes below 1, of which only the rank may be 0.
  static ModularMgn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t modules,
                           std::int64_t rank, DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const {
    Tensor result = linear(x) + offset;
    for (const Linear& affine : modules) {
      const Tensor z = affine(x);
      result = result + matmul(S::value(z) * S::gradient(z), affine.weight);
    }
    return result;
  }
  // Σ s_k²/2 + |Vx|²/2 + a·x, [rows, 1].
  Tensor potential(const Tensor& x) const {
    Tensor result = linear.potential(x) + sum(x * offset, {-1}, true);
    for (const Linear& affine : modules) result = result + 0.5 * square(S::value(affine(x)));
    return result;
  }
  Tensor jacobian(const Tensor& x) const {  // (16), [rows, d, d]
    const std::int64_t rows = x.dim(0), dim = x.dim(1);
    Tensor result = broadcast_to(linear.gram(), {rows, dim, dim});
    for (const Linear& affine : modules) {
      const Tensor z = affine(x);
      const Tensor slope = reshape(matmul(S::gradient(z), affine.weight), {rows, dim, 1});
      const Tensor curvature = S::hessian(affine.weight, z);
      result = result + reshape(S::value(z), {rows, 1, 1}) * curvature + matmul(slope, transpose(slope));
    }
    return result;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("modules", modules, visit);
    visit_parameters("linear", linear, visit);
    visit("offset", offset);
  }
};

template <MonotoneActivation A>
CascadedMgn<A> CascadedMgn<A>::random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t layers,
                                      std::int64_t rank, DType dtype) {
  require_sizes("CascadedMgn", {{"dim", dim}, {"units", units}, {"layers", layers}});
  KeySequence keys(key);
  const Linear first = Linear::random(keys.next(), dim, units, dtype);
  CascadedMgn result{first.weight, {*first.bias}, {}, zeros({dim}, dtype)};
  for (std::int64_t layer = 1; layer < layers; ++layer)
    result.biases.push_back((2.0 * random_uniform(keys.next(), {units}, dtype) - 1.0) *
                            (1 / std::sqrt(static_cast<double>(dim))));
  result.linear = GramLinear::random(keys.next(), dim, rank, dtype);
  return result;
}

template <ConvexScalar S>
ModularMgn<S> ModularMgn<S>::random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t modules,
                                    std::int64_t rank, DType dtype) {
  require_sizes("ModularMgn", {{"dim", dim}, {"units", units}, {"modules", modules}});
  KeySequence keys(key);
  ModularMgn result{{}, {}, zeros({dim}, dtype)};
  for (std::int64_t k = 0; k < modules; ++k) result.modules.push_back(Linear::random(keys.next(), dim, units, dtype));
  result.linear = GramLinear::random(keys.next(), dim, rank, dtype);
  return result;
}

}  // namespace brenier

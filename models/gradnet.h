// Gradient networks with gains: the later form of monotone gradient networks, and the same without the guarantee
// (Chaudhari, Pranav & Moura, Gradient networks, 2024, with their published code).
//
//   cascade   z_0 = β_0 ⊙ (Wx + b_0),  z_l = β_l ⊙ (Wx + b_l) + α_{l-1} ⊙ σ(z_{l-1}),   N(x) = Wᵀ(α_{L-1} ⊙ σ(z_{L-1})) + a
//   modules   N(x) = a + Σ_k α_k W_kᵀ g(β_k (W_k x + b_k)),   g the gradient of a convex function
//
// The Jacobian is symmetric for gains of any sign, so N is a gradient; with positive gains (mGradNet-C, mGradNet-M) it
// is the gradient of a convex function, and with free ones (GradNet-C, GradNet-M) of anything. There is no VᵀV: these
// maps are bounded, up to what σ and g allow.
//
// Next on the walk: models/certificates.h, experiments/mgn_gradient_field.cpp.
#pragma once

#include "models/monotone_gradient.h"

namespace brenier {

// Parameters: units (d + 3 L) + d.
template <MonotoneActivation A, Gain G>
struct CascadedGradNet {
  // The layer l of the cascade; its α acts on σ(z_l).
  struct Layer {
    Tensor bias;  // b_l, [units]
    G outer;      // α_l, [units]
    G inner;      // β_l, [units]

    template <class Visitor>
    void for_each_parameter(Visitor&& visit) {
      visit("bias", bias);
      visit_parameters("outer", outer, visit);
      visit_parameters("inner", inner, visit);
    }
  };
  static constexpr bool is_monotone = G::is_positive;

  Tensor weight;  // W, [units, d]
  std::vector<Layer> layers;
  Tensor offset;  // a, [d]

  // W and b_0 uniform in ±1/√d, the other biases in ±1/√units, a = 0, as published. Draws this key and the next
  // 3 `layers` - 1. Throws std::invalid_argument for sizes below 1.
  static CascadedGradNet random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t layers,
                                DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const { return matmul(units(matmul(x, transpose(weight))), weight) + offset; }
  // ∫ of it from 0, [rows, 1]; exact as far as the rule is (ridge_potential).
  Tensor potential(const Tensor& x, const QuadratureRule& rule) const {
    const auto along = [&](const Tensor& t) { return units(t); };
    return ridge_potential(along, matmul(x, transpose(weight)), rule) + sum(x * offset, {-1}, true);
  }
  Tensor jacobian(const Tensor& x) const {  // [rows, d, d]
    return ridge_jacobian(weight, unit_slopes(matmul(x, transpose(weight))));
  }

  // α_{L-1} ⊙ σ(z_{L-1}) for t = Wx, each unit by itself: [rows, units] -> [rows, units].
  Tensor units(const Tensor& t) const {
    Tensor fed = layers.front().outer() * A()(layers.front().inner() * (t + layers.front().bias));
    for (std::size_t l = 1; l < layers.size(); ++l)
      fed = layers[l].outer() * A()(layers[l].inner() * (t + layers[l].bias) + fed);
    return fed;
  }
  // Its derivative: p_l = α_l σ'(z_l) (β_l + p_{l-1}).
  Tensor unit_slopes(const Tensor& t) const {
    Tensor z = layers.front().inner() * (t + layers.front().bias);
    Tensor slopes = layers.front().outer() * A::slope(z) * layers.front().inner();
    for (std::size_t l = 1; l < layers.size(); ++l) {
      z = layers[l].inner() * (t + layers[l].bias) + layers[l - 1].outer() * A()(z);
      slopes = layers[l].outer() * A::slope(z) * (layers[l].inner() + slopes);
    }
    return slopes;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("weight", weight);
    visit_parameters("layers", layers, visit);
    visit("offset", offset);
  }
};

// The gradient of a convex function of a vector, applied to rows, with that function.
template <class F>
concept VectorActivation = requires(const Tensor& z, const Tensor& weight) {
  { F::value(z) } -> std::same_as<Tensor>;            // the convex function, [rows, units] -> [rows, 1]
  { F::gradient(z) } -> std::same_as<Tensor>;         // [rows, units]
  { F::hessian(weight, z) } -> std::same_as<Tensor>;  // Wᵀ ∇² W for W [units, d]: [rows, d, d]
};

// ln Σ e^z and its gradient, the softmax p; the Hessian is diag(p) - p pᵀ.
struct Softmax {
  static Tensor value(const Tensor& z) { return logsumexp(z, {-1}, true); }
  static Tensor gradient(const Tensor& z) { return softmax(z); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) { return softmax_jacobian(weight, softmax(z)); }
};

// ln Σ e^z + ln Σ e^-z and its gradient, softmax(z) - softmax(-z): an odd map, as the published code uses in many
// dimensions, there with a gain for each half.
struct SymmetricSoftmax {
  static Tensor value(const Tensor& z) { return Softmax::value(z) + Softmax::value(-z); }
  static Tensor gradient(const Tensor& z) { return softmax(z) - softmax(-z); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) {
    return Softmax::hessian(weight, z) + Softmax::hessian(weight, -z);
  }
};

// Parameters: K (units (d + 1) + 2) + d.
template <VectorActivation F, Gain G>
struct ModularGradNet {
  struct Module {
    Linear affine;  // W_k [units, d], b_k [units]
    G outer;        // α_k, [1]
    G inner;        // β_k, [1]

    template <class Visitor>
    void for_each_parameter(Visitor&& visit) {
      visit_parameters("affine", affine, visit);
      visit_parameters("outer", outer, visit);
      visit_parameters("inner", inner, visit);
    }
  };
  static constexpr bool is_monotone = G::is_positive;

  std::vector<Module> modules;
  Tensor offset;  // a, [d]

  // The affine maps as Linear, a = 0. Draws this key and the next 3 `modules` - 1. Throws std::invalid_argument for
  // sizes below 1.
  static ModularGradNet random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t modules,
                               DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const {
    Tensor result = broadcast_to(offset, x.shape());
    for (const Module& m : modules)
      result = result + matmul(m.outer() * F::gradient(m.inner() * m.affine(x)), m.affine.weight);
    return result;
  }
  // a·x + Σ α_k/β_k f(β_k (W_k x + b_k)), [rows, 1]. Needs β_k ≠ 0, which positive gains have.
  Tensor potential(const Tensor& x) const {
    Tensor result = sum(x * offset, {-1}, true);
    for (const Module& m : modules) result = result + m.outer() / m.inner() * F::value(m.inner() * m.affine(x));
    return result;
  }
  Tensor jacobian(const Tensor& x) const {  // [rows, d, d]
    Tensor result = zeros({x.dim(0), x.dim(1), x.dim(1)}, x.dtype());
    for (const Module& m : modules)
      result = result + m.outer() * m.inner() * F::hessian(m.affine.weight, m.inner() * m.affine(x));
    return result;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("modules", modules, visit);
    visit("offset", offset);
  }
};

template <MonotoneActivation A>
using MonotoneCascadedGradNet = CascadedGradNet<A, PositiveGain>;  // mGradNet-C
template <VectorActivation F>
using MonotoneModularGradNet = ModularGradNet<F, PositiveGain>;  // mGradNet-M

template <MonotoneActivation A, Gain G>
CascadedGradNet<A, G> CascadedGradNet<A, G>::random(const RandomKey& key, std::int64_t dim, std::int64_t units,
                                                    std::int64_t layers, DType dtype) {
  require_sizes("CascadedGradNet", {{"dim", dim}, {"units", units}, {"layers", layers}});
  KeySequence keys(key);
  const Linear first = Linear::random(keys.next(), dim, units, dtype);
  const double bound = 1 / std::sqrt(static_cast<double>(units));
  CascadedGradNet result{first.weight, {}, zeros({dim}, dtype)};
  for (std::int64_t l = 0; l < layers; ++l) {
    const Tensor bias = l == 0 ? *first.bias : (2.0 * random_uniform(keys.next(), {units}, dtype) - 1.0) * bound;
    const G outer = G::random(keys.next(), {units}, dtype), inner = G::random(keys.next(), {units}, dtype);
    result.layers.push_back({bias, outer, inner});
  }
  return result;
}

template <VectorActivation F, Gain G>
ModularGradNet<F, G> ModularGradNet<F, G>::random(const RandomKey& key, std::int64_t dim, std::int64_t units,
                                                  std::int64_t modules, DType dtype) {
  require_sizes("ModularGradNet", {{"dim", dim}, {"units", units}, {"modules", modules}});
  KeySequence keys(key);
  ModularGradNet result{{}, zeros({dim}, dtype)};
  for (std::int64_t k = 0; k < modules; ++k) {
    const Linear affine = Linear::random(keys.next(), dim, units, dtype);
    const G outer = G::random(keys.next(), {1}, dtype), inner = G::random(keys.next(), {1}, dtype);
    result.modules.push_back({affine, outer, inner});
  }
  return result;
}

}  // namespace brenier

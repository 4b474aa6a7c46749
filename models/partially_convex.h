// Partially input-convex networks: potentials u(x, c), [rows, d] and a context [rows, m] -> [rows, 1], convex in x for
// every c and every value of the parameters, and anything in c.
//
//   both                          γ = ELU(AN(W c + b)), without the AN in the augmented form
//                                 z₁ = g(AN(W₁x + b₁)),      u = scale · (P(z_L ⊙ gate(γ)) + w·(x ⊙ (1 + Bγ)))
//   PartiallyConvexIcnn           z_k = s(AN(P_k(z_{k-1} ⊙ gate_k(γ)) + W_k(x ⊙ (1 + B_k γ)) + D_k γ))
//   AugmentedPartiallyConvexIcnn  z_k = [that with half the units, g(U_k(x ⊙ (1 + B'_k γ)) + D'_k γ)]
//
// gate_k(γ) = softplus(A_k γ + κ) is positive, and it is all that convexity asks of what multiplies z; x may be
// multiplied by anything. A_k and B_k are affine and start at zero, so that x is all there is but for D_k γ. κ =
// ln(e - 1) makes every gate exactly 1 then. The published code takes e⁻¹ for it in hidden layers, which makes that
// 0.894; the slip is not repeated here. Reference: Amos, Xu & Kolter, Input convex neural networks (2017), equation 3;
// Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), published code, PICNN and PICNN2.
//
// Next on the walk: models/gradient_map.h with u.at(c).
#pragma once

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "engine/str.h"
#include "models/activations.h"
#include "models/convex_layer.h"

namespace brenier {

// x where x > 0, else e^x - 1, with derivative 1 at 0. Clevert, Unterthiner & Hochreiter (2016).
inline Tensor elu(const Tensor& x) {
  const Tensor positive = less(0.0, x);
  return where(positive, x, expm1(where(positive, 0.0, x)));
}

// An affine map that is zero at the start.
inline Linear zero_linear(std::int64_t in, std::int64_t out, DType dtype) {
  return {zeros({out, in}, dtype), zeros({out}, dtype)};
}

// What the context does to both arguments of a layer.
struct ContextGates {
  Linear z_gate;  // A, [features, context units]
  Linear x_gate;  // B, [d, context units]

  // Gates of one: draws nothing.
  static ContextGates open(std::int64_t context_units, std::int64_t features, std::int64_t dim, DType dtype) {
    return {zero_linear(context_units, features, dtype), zero_linear(context_units, dim, dtype)};
  }
  Tensor on_z(const Tensor& z, const Tensor& context) const {
    static const double kappa = std::log(std::numbers::e - 1);
    return z * softplus(z_gate(context) + kappa);
  }
  Tensor on_x(const Tensor& x, const Tensor& context) const { return x * (1.0 + x_gate(context)); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("z_gate", z_gate, visit);
    visit_parameters("x_gate", x_gate, visit);
  }
};

// norm(P(z ⊙ gate) + W(x ⊙ gate)): a ConvexLayer whose arguments the context has a say in.
template <class Norm>
struct GatedConvexLayer {
  ConvexLayer<Norm> layer;
  ContextGates gates;

  Tensor sum_of(const Tensor& z, const Tensor& x, const Tensor& context) const {
    return layer.z_path(gates.on_z(z, context)) + layer.x_path(gates.on_x(x, context));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("layer", layer, visit);
    visit_parameters("gates", gates, visit);
  }
};

// u(·, c): a potential of x alone, for gradient maps, certificates and flows. Row i of x belongs to row i of c; one row
// of c serves any number of rows.
template <class Potential>
struct AtContext {
  Potential potential;
  Tensor context;  // [rows, m] or [1, m]; not a parameter

  Tensor operator()(const Tensor& x) const { return potential(x, context); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("potential", potential, visit);
  }
};

// Rows of the context as many as of x; throws std::invalid_argument if that cannot be.
inline Tensor context_rows(const Tensor& x, const Tensor& c) {
  if (x.rank() != 2 || c.rank() != 2 || (c.dim(0) != x.dim(0) && c.dim(0) != 1))
    throw std::invalid_argument(str("[partially convex] x ", x.shape(), " with context ", c.shape(),
                                    "; expected [rows, d] with [rows, m] or [1, m]"));
  return c.dim(0) == x.dim(0) ? c : broadcast_to(c, {x.dim(0), c.dim(1)});
}

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct PartiallyConvexIcnn {
  struct Layer {
    GatedConvexLayer<ActNorm> gated;
    Linear context_path;  // D

    Tensor sum_of(const Tensor& z, const Tensor& x, const Tensor& context) const {
      return gated.sum_of(z, x, context) + context_path(context);
    }
    Tensor operator()(const Tensor& z, const Tensor& x, const Tensor& context) const {
      return A()(gated.layer.norm(sum_of(z, x, context)));
    }
    void initialize_from(const Tensor& z, const Tensor& x, const Tensor& context) {
      gated.layer.norm.initialize_from(sum_of(z, x, context));
    }

    template <class Visitor>
    void for_each_parameter(Visitor&& visit) {
      visit_parameters("gated", gated, visit);
      visit_parameters("context_path", context_path, visit);
    }
  };

  Linear context_first;
  ActNorm context_norm;
  Linear first;
  ActNorm first_norm;
  std::vector<Layer> layers;
  GatedConvexLayer<ScaleNorm> output;

  // `hidden_layers` layers of `units` units h, at least one, for d inputs and m numbers of context:
  // (m + d + 6)h + (L-1)(3h² + 6h + 2dh + d) + h² + 2h + dh + 2d + 1 parameters.
  // Uses the keys counter … counter + 3 hidden_layers.
  static PartiallyConvexIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t context, std::int64_t units,
                                    std::int64_t hidden_layers, DType dtype = DType::Float64) {
    KeySequence keys(key);
    PartiallyConvexIcnn u{Linear::random(keys.next(), context, units, dtype),
                          ActNorm::identity(units, dtype),
                          Linear::random(keys.next(), dim, units, dtype),
                          ActNorm::identity(units, dtype),
                          {},
                          {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k) {
      const NonNegativeLinear z_path = NonNegativeLinear::random(keys.next(), units, units, dtype);
      const Linear x_path = Linear::random(keys.next(), dim, units, dtype);
      u.layers.push_back(
          {{{z_path, x_path, ActNorm::identity(units, dtype)}, ContextGates::open(units, units, dim, dtype)},
           Linear::random(keys.next(), units, units, dtype)});
    }
    u.output = {convex_output<ScaleNorm>(keys, units, dim, dtype), ContextGates::open(units, units, dim, dtype)};
    return u;
  }

  Tensor operator()(const Tensor& x, const Tensor& c) const {
    const Tensor context = elu(context_norm(context_first(context_rows(x, c))));
    Tensor z = First()(first_norm(first(x)));
    for (const Layer& layer : layers) z = layer(z, x, context);
    return output.layer.norm(output.sum_of(z, x, context));
  }

  AtContext<PartiallyConvexIcnn> at(Tensor c) const { return {*this, std::move(c)}; }

  // Sets every norm from the statistics of its input on these pairs.
  void initialize_from(const Tensor& x, const Tensor& c) {
    const Tensor lifted = context_first(context_rows(x, c));
    context_norm.initialize_from(lifted);
    const Tensor context = elu(context_norm(lifted));
    first_norm.initialize_from(first(x));
    Tensor z = First()(first_norm(first(x)));
    for (Layer& layer : layers) {
      layer.initialize_from(z, x, context);
      z = layer(z, x, context);
    }
    output.layer.norm.initialize_from(output.sum_of(z, x, context));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("context_first", context_first, visit);
    visit_parameters("context_norm", context_norm, visit);
    visit_parameters("first", first, visit);
    visit_parameters("first_norm", first_norm, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }
};

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct AugmentedPartiallyConvexIcnn {
  struct Layer {
    GatedConvexLayer<ActNorm> chain;
    Linear augment;       // U
    Linear augment_gate;  // B'
    Linear context_path;  // D for the chain, then D' for the fresh functions

    Tensor sum_of(const Tensor& z, const Tensor& x, const Tensor& context) const {
      return chain.sum_of(z, x, context) + half(context_path(context), 0);
    }
    Tensor operator()(const Tensor& z, const Tensor& x, const Tensor& context) const {
      const Tensor fresh = augment(x * (1.0 + augment_gate(context))) + half(context_path(context), 1);
      return concat({A()(chain.layer.norm(sum_of(z, x, context))), First()(fresh)}, -1);
    }
    void initialize_from(const Tensor& z, const Tensor& x, const Tensor& context) {
      chain.layer.norm.initialize_from(sum_of(z, x, context));
    }
    static Tensor half(const Tensor& features, std::int64_t which) {
      const std::int64_t count = features.dim(-1) / 2;
      return slice(features, -1, which * count, (which + 1) * count);
    }

    template <class Visitor>
    void for_each_parameter(Visitor&& visit) {
      visit_parameters("chain", chain, visit);
      visit_parameters("augment", augment, visit);
      visit_parameters("augment_gate", augment_gate, visit);
      visit_parameters("context_path", context_path, visit);
    }
  };

  Linear context_first;
  Linear first;
  ActNorm first_norm;
  std::vector<Layer> layers;
  GatedConvexLayer<ScaleNorm> output;

  // `units` is the whole width h and must be even: (m + d + 4)h + (L-1)(5h²/2 + 9h/2 + 3dh + 2d) + h² + 2h + dh + 2d
  // + 1 parameters. Uses the keys counter … counter + 4 hidden_layers - 1.
  static AugmentedPartiallyConvexIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t context,
                                             std::int64_t units, std::int64_t hidden_layers,
                                             DType dtype = DType::Float64) {
    if (units % 2 != 0)
      throw std::invalid_argument(str("[AugmentedPartiallyConvexIcnn] ", units, " units cannot be halved"));
    KeySequence keys(key);
    AugmentedPartiallyConvexIcnn u{Linear::random(keys.next(), context, units, dtype),
                                   Linear::random(keys.next(), dim, units, dtype),
                                   ActNorm::identity(units, dtype),
                                   {},
                                   {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k) u.layers.push_back(layer(keys, dim, units, dtype));
    u.output = {convex_output<ScaleNorm>(keys, units, dim, dtype), ContextGates::open(units, units, dim, dtype)};
    return u;
  }

  Tensor operator()(const Tensor& x, const Tensor& c) const {
    const Tensor context = elu(context_first(context_rows(x, c)));
    Tensor z = First()(first_norm(first(x)));
    for (const Layer& layer : layers) z = layer(z, x, context);
    return output.layer.norm(output.sum_of(z, x, context));
  }

  AtContext<AugmentedPartiallyConvexIcnn> at(Tensor c) const { return {*this, std::move(c)}; }

  // Sets every norm from the statistics of its input on these pairs.
  void initialize_from(const Tensor& x, const Tensor& c) {
    const Tensor context = elu(context_first(context_rows(x, c)));
    first_norm.initialize_from(first(x));
    Tensor z = First()(first_norm(first(x)));
    for (Layer& layer : layers) {
      layer.initialize_from(z, x, context);
      z = layer(z, x, context);
    }
    output.layer.norm.initialize_from(output.sum_of(z, x, context));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("context_first", context_first, visit);
    visit_parameters("first", first, visit);
    visit_parameters("first_norm", first_norm, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }

 private:
  static Layer layer(KeySequence& keys, std::int64_t dim, std::int64_t units, DType dtype) {
    const NonNegativeLinear z_path = NonNegativeLinear::random(keys.next(), units, units / 2, dtype);
    const Linear x_path = Linear::random(keys.next(), dim, units / 2, dtype);
    const Linear augment = Linear::random(keys.next(), dim, units / 2, dtype);
    return {{{z_path, x_path, ActNorm::identity(units / 2, dtype)}, ContextGates::open(units, units, dim, dtype)},
            augment,
            zero_linear(units, dim, dtype),
            Linear::random(keys.next(), units, units, dtype)};
  }
};

}  // namespace brenier

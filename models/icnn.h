// Input-convex neural networks: potentials u(x), [batch, d] -> [batch, 1], convex for every value of the parameters.
//
//   ShallowIcnn   u = Σ_i s(w_i·x + b_i) + w·x + c
//   Icnn          z₁ = g(W₁x + b₁),   z_k = s(P_k z_{k-1} + W_k x + b_k),   u = P z_L + w·x
//
// P_k has positive weights by construction (NonNegativeLinear). s must be convex and non-decreasing; the first
// activation g acts on an affine function of x and need only be convex. Normalised variants: models/normalized_icnn.h.
// Reference: Amos, Xu & Kolter, Input convex neural networks (2017), equation 2. The shallow one is the baseline of
// Richter-Powell, Lorraine & Amos, Input convex gradient networks (2021), section 4.1: 78 parameters for d = 2 and 25
// units.
//
// Next on the walk: models/gradient_map.h, engine/autodiff.h.
#pragma once

#include <vector>

#include "models/activations.h"
#include "models/convex_layer.h"

namespace brenier {

// Output weights are fixed to one. c changes no gradient, but is counted in the paper: with it, four units in two
// dimensions have 15 parameters, as many as the ICGN with five.
template <ConvexActivation A>
struct ShallowIcnn {
  Linear hidden;  // W, b
  Linear skip;    // w, c

  // Uses the keys counter … counter + 1.
  static ShallowIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t units, DType dtype = DType::Float64) {
    KeySequence keys(key);
    return {Linear::random(keys.next(), dim, units, dtype), Linear::random(keys.next(), dim, 1, dtype)};
  }

  Tensor operator()(const Tensor& x) const { return sum(A()(hidden(x)), {-1}, true) + skip(x); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("hidden", hidden, visit);
    visit_parameters("skip", skip, visit);
  }
};

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct Icnn {
  Linear first;
  std::vector<ConvexLayer<NoNorm>> layers;  // hidden layers 2 … L
  ConvexLayer<NoNorm> output;

  // `hidden_layers` layers of `units` units; at least one. Uses the keys counter … counter + 2 hidden_layers.
  static Icnn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t hidden_layers,
                     DType dtype = DType::Float64) {
    KeySequence keys(key);
    Icnn icnn{Linear::random(keys.next(), dim, units, dtype), {}, {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k)
      icnn.layers.push_back({NonNegativeLinear::without_bias(keys.next(), units, units, dtype),
                             Linear::random(keys.next(), dim, units, dtype)});
    icnn.output = convex_output<NoNorm>(keys, units, dim, dtype);
    return icnn;
  }

  Tensor operator()(const Tensor& x) const {
    Tensor z = First()(first(x));
    for (const auto& layer : layers) z = A()(layer(z, x));
    return output(z, x);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("first", first, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }
};

}  // namespace brenier

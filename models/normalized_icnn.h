// Input-convex networks with activation normalisation, as CP-Flow uses them: potentials [batch, d] -> [batch, 1].
//
//   NormalizedIcnn  z₁ = g(AN(W₁x + b₁)),  z_k = s(AN(P_k z_{k-1} + W_k x + b_k)), the vanilla form
//   AugmentedIcnn   z₁ = g(W₁x + b₁),      z_k = [s(AN(P_k z_{k-1} + W_k x + b_k)), g(U_k x + c_k)]
//   DenseIcnn       z₁ = g(AN(W₁x + b₁)),  z_k = [z_{k-1}, s(AN(P_k z_{k-1} + W_k x + b_k))]
//   all             u = scale · (P z_L + w·x)
//
// AN is ActNorm. P_k has a bias too, redundant but published, except in the output. The scalar output norm is a scale
// alone: its shift would change no gradient. g needs only be convex (Symmetrized is usual), s also non-decreasing.
// After random() call initialize_from(batch) once: it sets every norm from the statistics of its input.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3.2 and appendix E.1.
#pragma once

#include <stdexcept>
#include <vector>

#include "engine/str.h"
#include "models/activations.h"
#include "models/convex_layer.h"

namespace brenier {

// A layer of these networks: P and W with bias, ActNorm. Draws two keys.
inline ConvexLayer<ActNorm> normalized_layer(KeySequence& keys, std::int64_t features, std::int64_t dim,
                                             std::int64_t units, DType dtype) {
  return {NonNegativeLinear::random(keys.next(), features, units, dtype),
          Linear::random(keys.next(), dim, units, dtype), ActNorm::identity(units, dtype)};
}

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct NormalizedIcnn {
  Linear first;
  ActNorm first_norm;
  std::vector<ConvexLayer<ActNorm>> layers;
  ConvexLayer<ScaleNorm> output;

  // Uses the keys counter … counter + 2 hidden_layers.
  static NormalizedIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t hidden_layers,
                               DType dtype = DType::Float64) {
    KeySequence keys(key);
    NormalizedIcnn icnn{Linear::random(keys.next(), dim, units, dtype), ActNorm::identity(units, dtype), {}, {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k)
      icnn.layers.push_back(normalized_layer(keys, units, dim, units, dtype));
    icnn.output = convex_output<ScaleNorm>(keys, units, dim, dtype);
    return icnn;
  }

  Tensor operator()(const Tensor& x) const {
    Tensor z = First()(first_norm(first(x)));
    for (const auto& layer : layers) z = A()(layer(z, x));
    return output(z, x);
  }

  void initialize_from(const Tensor& x) {
    first_norm.initialize_from(first(x));
    Tensor z = First()(first_norm(first(x)));
    for (auto& layer : layers) {
      layer.initialize_from(z, x);
      z = A()(layer(z, x));
    }
    output.initialize_from(z, x);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("first", first, visit);
    visit_parameters("first_norm", first_norm, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }
};

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct AugmentedIcnn {
  // Half of the units continue the convex chain, half are fresh functions of the input.
  struct Layer {
    ConvexLayer<ActNorm> chain;
    Linear augment;

    Tensor operator()(const Tensor& z, const Tensor& x) const {
      return concat({A()(chain(z, x)), First()(augment(x))}, -1);
    }

    template <class Visitor>
    void for_each_parameter(Visitor&& visit) {
      visit_parameters("chain", chain, visit);
      visit_parameters("augment", augment, visit);
    }
  };

  Linear first;
  std::vector<Layer> layers;
  ConvexLayer<ScaleNorm> output;

  // `units` is the whole width h and must be even. (d+1)h + (L-1)((h²+h)/2 + (d+1)h + h) + h + d + 1 parameters.
  // Uses the keys counter … counter + 3 hidden_layers - 1.
  static AugmentedIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t hidden_layers,
                              DType dtype = DType::Float64) {
    if (units % 2 != 0) throw std::invalid_argument(str("[AugmentedIcnn] ", units, " units cannot be halved"));
    KeySequence keys(key);
    AugmentedIcnn icnn{Linear::random(keys.next(), dim, units, dtype), {}, {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k)
      icnn.layers.push_back(
          {normalized_layer(keys, units, dim, units / 2, dtype), Linear::random(keys.next(), dim, units / 2, dtype)});
    icnn.output = convex_output<ScaleNorm>(keys, units, dim, dtype);
    return icnn;
  }

  Tensor operator()(const Tensor& x) const {
    Tensor z = First()(first(x));
    for (const auto& layer : layers) z = layer(z, x);
    return output(z, x);
  }

  void initialize_from(const Tensor& x) {
    Tensor z = First()(first(x));
    for (auto& layer : layers) {
      layer.chain.initialize_from(z, x);
      z = layer(z, x);
    }
    output.initialize_from(z, x);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("first", first, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }
};

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct DenseIcnn {
  Linear first;
  ActNorm first_norm;
  std::vector<ConvexLayer<ActNorm>> layers;  // layer k reads the k · units features before it
  ConvexLayer<ScaleNorm> output;

  // Uses the keys counter … counter + 2 hidden_layers.
  static DenseIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t hidden_layers,
                          DType dtype = DType::Float64) {
    KeySequence keys(key);
    DenseIcnn icnn{Linear::random(keys.next(), dim, units, dtype), ActNorm::identity(units, dtype), {}, {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k)
      icnn.layers.push_back(normalized_layer(keys, k * units, dim, units, dtype));
    icnn.output = convex_output<ScaleNorm>(keys, hidden_layers * units, dim, dtype);
    return icnn;
  }

  Tensor operator()(const Tensor& x) const {
    Tensor features = First()(first_norm(first(x)));
    for (const auto& layer : layers) features = concat({features, A()(layer(features, x))}, -1);
    return output(features, x);
  }

  void initialize_from(const Tensor& x) {
    first_norm.initialize_from(first(x));
    Tensor features = First()(first_norm(first(x)));
    for (auto& layer : layers) {
      layer.initialize_from(features, x);
      features = concat({features, A()(layer(features, x))}, -1);
    }
    output.initialize_from(features, x);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("first", first, visit);
    visit_parameters("first_norm", first_norm, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }
};

}  // namespace brenier

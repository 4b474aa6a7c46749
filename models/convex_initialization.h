// A start of input-convex networks that keeps signals as they are: for inputs x ~ N(0, I) every pre-activation has mean
// 0 and variance 1 in every layer, and two inputs stay as correlated as they came.
//
//   a_k = P_k z_{k-1} + W_k x + b_k,   z = φ(a)
//   1. mean       positive weights pass on the mean of φ. b_k = -E φ(N(0,1)) Σ_j P_kj, row by row, removes it. (One b
//                 for rows of different sums, as published, leaves a random constant in every unit, by which all inputs
//                 look alike.)
//   2. variance   rows of P_k have sum R and squares S = R²/m, drawn log-normal; Var P_k z follows from the Hermite
//                 coefficients of φ (models/signal_propagation.h). Rows of W_k have random directions and the length
//                 that is missing to variance 1.
//   3. stability  what units share, s(x), goes from layer to layer by a map with slopes up to R sup φ', increasing and
//                 convex. R sup φ' ≤ 1 keeps it from growing, at any depth and in any dimension; for softpluses
//                 sup φ' = 1.
// In the output, w = 0 and the sum of weights is what gives the potential variance 1.
//
// Hoedt & Klambauer (2023) drew log-normal weights for relu networks such that a correlation c = 1/2 of units is a
// fixed point. Condition 3 fails there (R ≈ 2): with smooth activations the fixed point is unstable, and the variance
// explodes after some layers. `correlation` gives it, as the control. The start published with CP-Flow has sums of 0.7,
// all weights nearly equal, and in deep layers mean 0.9 and variance 1/3.
// Reference: Hoedt & Klambauer, Principled weight initialisation for input-convex neural networks, NeurIPS (2023).
//
// Next on the walk: models/signal_propagation.h, experiments/icnn_initialization.cpp.
#pragma once

#include <optional>
#include <vector>

#include "models/icnn.h"
#include "models/normalized_icnn.h"
#include "models/signal_propagation.h"

namespace brenier {

struct PrincipledOptions {
  double row_sum = 1;           // R
  double effective_inputs = 4;  // m: as if every unit averaged so many features; at most all of them
  // Instead of both: the fixed point with this correlation of units, without the input in hidden layers. In (0, 1).
  std::optional<double> correlation{};
};

// The law for a layer that reads these features. Throws std::invalid_argument for options out of range, or if the
// variance from positive weights alone is above 1.
RowLaw principled_law(const FeatureStatistics& features, const PrincipledOptions& options);
// The same for the output: with the sum of weights that makes variance 1 without w·x, which would only add a constant
// to the gradient. No layer follows, so nothing can grow.
RowLaw principled_output_law(const FeatureStatistics& features, const PrincipledOptions& options);

// Replaces the parameters of one layer's paths; the bias is b_k, or left out where there is none. Draws two keys.
void start_paths(NonNegativeLinear& z_path, Linear& x_path, KeySequence& keys, const FeatureStatistics& features,
                 const RowLaw& law);
// Rows of length one, bias zero. Draws one key.
void start_directions(Linear& linear, KeySequence& keys);

template <class Norm>
void start_layer(ConvexLayer<Norm>& layer, KeySequence& keys, const FeatureStatistics& features, const RowLaw& law) {
  start_paths(layer.z_path, layer.x_path, keys, features, law);
  layer.norm = Norm::identity(layer.x_path.weight.dim(0), layer.x_path.weight.dtype());
}

enum class Reads { LayerBefore, AllLayers };

// Layers first, layers, output of a network without augmentation.
template <class A, class First, class Network>
void start_chain(Network& icnn, const RandomKey& key, const PrincipledOptions& options, Reads reads) {
  KeySequence keys(key);
  const std::int64_t units = icnn.first.weight.dim(0);
  start_directions(icnn.first, keys);
  FeatureStatistics features(icnn.first.weight.dim(1));
  features.add_fresh(hermite_series(First()), units);
  const HermiteSeries hidden = hermite_series(A());
  for (auto& layer : icnn.layers) {
    const RowLaw law = principled_law(features, options);
    start_layer(layer, keys, features, law);
    features.add_layer(hidden, units, law, reads == Reads::LayerBefore);
  }
  start_layer(icnn.output, keys, features, principled_output_law(features, options));
}

// Replaces all parameters. Norms become the identity; initialize_from(batch) may follow and changes little. Uses the
// keys counter … counter + 2 L, or + 3 L - 1 for the augmented network of L hidden layers.
template <class A, class First>
void principled_start(Icnn<A, First>& icnn, const RandomKey& key, const PrincipledOptions& options = {}) {
  start_chain<A, First>(icnn, key, options, Reads::LayerBefore);
}

template <class A, class First>
void principled_start(NormalizedIcnn<A, First>& icnn, const RandomKey& key, const PrincipledOptions& options = {}) {
  start_chain<A, First>(icnn, key, options, Reads::LayerBefore);
  icnn.first_norm = ActNorm::identity(icnn.first.weight.dim(0), icnn.first.weight.dtype());
}

template <class A, class First>
void principled_start(DenseIcnn<A, First>& icnn, const RandomKey& key, const PrincipledOptions& options = {}) {
  start_chain<A, First>(icnn, key, options, Reads::AllLayers);
  icnn.first_norm = ActNorm::identity(icnn.first.weight.dim(0), icnn.first.weight.dtype());
}

template <class A, class First>
void principled_start(AugmentedIcnn<A, First>& icnn, const RandomKey& key, const PrincipledOptions& options = {}) {
  KeySequence keys(key);
  const std::int64_t units = icnn.first.weight.dim(0);
  const HermiteSeries fresh = hermite_series(First()), chain = hermite_series(A());
  start_directions(icnn.first, keys);
  FeatureStatistics features(icnn.first.weight.dim(1));
  features.add_fresh(fresh, units);
  for (auto& layer : icnn.layers) {
    const RowLaw law = principled_law(features, options);
    start_layer(layer.chain, keys, features, law);
    start_directions(layer.augment, keys);
    features.add_layer(chain, units / 2, law, true);
    features.add_fresh(fresh, units / 2);
  }
  start_layer(icnn.output, keys, features, principled_output_law(features, options));
}

// The arguments of the activations in hidden layers 1 … L, [rows, units] each; of an augmented network's layers behind
// the first, those of the chain.
template <class A, class First>
std::vector<Tensor> pre_activations(const Icnn<A, First>& icnn, const Tensor& x) {
  std::vector<Tensor> result{icnn.first(x)};
  Tensor z = First()(result[0]);
  for (const auto& layer : icnn.layers) z = A()(result.emplace_back(layer(z, x)));
  return result;
}

template <class A, class First>
std::vector<Tensor> pre_activations(const NormalizedIcnn<A, First>& icnn, const Tensor& x) {
  std::vector<Tensor> result{icnn.first_norm(icnn.first(x))};
  Tensor z = First()(result[0]);
  for (const auto& layer : icnn.layers) z = A()(result.emplace_back(layer(z, x)));
  return result;
}

template <class A, class First>
std::vector<Tensor> pre_activations(const DenseIcnn<A, First>& icnn, const Tensor& x) {
  std::vector<Tensor> result{icnn.first_norm(icnn.first(x))};
  Tensor features = First()(result[0]);
  for (const auto& layer : icnn.layers) features = concat({features, A()(result.emplace_back(layer(features, x)))}, -1);
  return result;
}

template <class A, class First>
std::vector<Tensor> pre_activations(const AugmentedIcnn<A, First>& icnn, const Tensor& x) {
  std::vector<Tensor> result{icnn.first(x)};
  Tensor z = First()(result[0]);
  for (const auto& layer : icnn.layers)
    z = concat({A()(result.emplace_back(layer.chain(z, x))), First()(layer.augment(x))}, -1);
  return result;
}

}  // namespace brenier

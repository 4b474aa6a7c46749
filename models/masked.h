// Masked networks: one pass computes, for every coordinate i, numbers that depend on the coordinates before i alone.
//
// Every unit has a degree. Inputs and output blocks have the positions 1 … d of their coordinates; hidden units have
// random degrees between the smallest of the layer before and d - 1. A connection is kept where
//
//   degree(from) ≤ degree(to)  into a hidden unit        degree(from) < degree(to)  into an output
//
// so that along every path degrees do not fall and rise at the end. In two dimensions all hidden units see only the
// first coordinate. Reference: Germain, Gregor, Murray & Larochelle, MADE (2015), equations 8 to 14.
//
// Next on the walk: models/autoregressive.h, models/sigmoidal_flow.h.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "models/activations.h"
#include "models/layers.h"

namespace brenier {

// x (W ⊙ mask)ᵀ + b. All of W is a parameter; where the mask is 0 its gradient is 0.
struct MaskedLinear {
  Linear linear;
  Tensor mask;  // [out, in], of 0 and 1; a constant, and so left as it is when parameters are cast

  Tensor operator()(const Tensor& x) const {
    const Tensor kept = mask.dtype() == linear.weight.dtype() ? mask : cast(mask, linear.weight.dtype());
    return Linear{linear.weight * kept, linear.bias}(x);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    linear.for_each_parameter(visit);
  }
};

// Which coordinates come first: 0 … d-1, or d-1 … 0.
enum class Order { Natural, Reversed };

struct MadeSizes {
  std::int64_t dim = 0;
  std::int64_t units = 0;          // of each hidden layer
  std::int64_t hidden_layers = 0;  // 0: the outputs are affine in the inputs
  std::int64_t blocks = 0;         // outputs for each coordinate
  Order order = Order::Natural;
};

// The masked layers of a network, the output last. Hidden layers start like Linear::random, weights and biases of the
// output uniform in ±0.001. Uses the keys counter … counter + 2 hidden_layers. Throws std::invalid_argument for sizes
// that are not positive.
std::vector<MaskedLinear> masked_layers(const RandomKey& key, const MadeSizes& sizes, DType dtype);

// [rows, d] -> [rows, blocks, d]; what belongs to coordinate i is a function of those before it. Relu is usual; Identity
// makes all of it affine in x, which is what the first published comparisons with CP-Flow had.
template <Activation A>
struct Made {
  std::vector<MaskedLinear> layers;  // the output is the last
  MadeSizes sizes;

  static Made random(const RandomKey& key, const MadeSizes& sizes, DType dtype = DType::Float64) {
    return {masked_layers(key, sizes, dtype), sizes};
  }

  Tensor operator()(const Tensor& x) const {
    Tensor features = x;
    for (std::size_t k = 0; k + 1 < layers.size(); ++k) features = A()(layers[k](features));
    return reshape(layers.back()(features), {x.dim(0), sizes.blocks, sizes.dim});
  }

  // The coordinate that `step` others come before.
  std::int64_t coordinate(std::int64_t step) const {
    return sizes.order == Order::Natural ? step : sizes.dim - 1 - step;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("layers", layers, visit);
  }
};

// x with f(x) = z for a flow f whose coordinate i is z_i = f(x_i; what the conditioner makes of those before it): d
// passes, each of which makes one coordinate known. solve(parameters [rows, blocks], z_i [rows]) gives x_i [rows].
template <Activation A, class SolveCoordinate>
Tensor invert_in_order(Made<A> conditioner, const Tensor& z, SolveCoordinate&& solve) {
  conditioner.for_each_parameter([](const std::string&, Tensor& parameter) { parameter = parameter.detached(); });
  const Tensor images = z.detached();
  const std::int64_t rows = z.dim(0);
  std::vector<Tensor> columns(static_cast<std::size_t>(z.dim(1)), zeros({rows, 1}, z.dtype()));
  for (std::int64_t step = 0; step < z.dim(1); ++step) {
    const std::int64_t i = conditioner.coordinate(step);
    const Tensor parameters = select(conditioner(concat(columns, -1)), 2, i);
    columns[static_cast<std::size_t>(i)] = reshape(solve(parameters, select(images, 1, i)), {rows, 1});
  }
  return concat(columns, -1);
}

}  // namespace brenier

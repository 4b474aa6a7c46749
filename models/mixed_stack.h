// The stack in which autoregressive flows are compared with convex potential flows:
//
//   AN, then count × [layer, InvertibleLinear, AN]
//
// The linear maps mix the coordinates, whose order the layers keep. Reference: Huang et al., Convex potential flows
// (2021), appendix E.2, for the toy densities.
#pragma once

#include <cstdint>
#include <vector>

#include "models/flow_stack.h"
#include "models/invertible_linear.h"

namespace brenier {

template <Flow Layer>
using MixedStack = NormalizedStack<Sequence<Layer, InvertibleLinear>>;

// Of AffineAutoregressive or SigmoidalAutoregressive layers, each with this many hidden layers. Uses the keys counter …
// counter + count (2 hidden_layers + 2) - 1. Call initialize_from(batch) afterwards.
template <Flow Layer>
MixedStack<Layer> mixed_stack(const RandomKey& key, std::int64_t count, std::int64_t dim, std::int64_t units,
                              std::int64_t hidden_layers, DType dtype = DType::Float64) {
  KeySequence keys(key);
  std::vector<Sequence<Layer, InvertibleLinear>> layers;
  for (std::int64_t k = 0; k < count; ++k) {
    const RandomKey first = keys.next();
    for (std::int64_t used = 0; used < 2 * hidden_layers; ++used) keys.next();
    layers.push_back(Sequence{std::tuple{Layer::random(first, dim, units, hidden_layers, dtype),
                                         InvertibleLinear::random(keys.next(), dim, dtype)}});
  }
  return MixedStack<Layer>::of(std::move(layers), dim, dtype);
}

}  // namespace brenier

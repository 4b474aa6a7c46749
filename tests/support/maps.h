// A function at a point, and its derivatives as functions at a point again: what the gradient checks recurse on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "tests/support/sampler.h"

namespace brenier::testing {

using Tensors = std::vector<Tensor>;
using VectorFunction = std::function<Tensors(const Tensors&)>;

// Derivatives are taken with respect to the `active` arguments only; all floating ones of a derivative are active.
struct Map {
  std::string path;  // how it came about: "vjp of softplus"
  VectorFunction function;
  Tensors arguments;
  std::vector<std::size_t> active;
  DType precision = DType::Float64;  // the coarsest dtype inside
};

// The values at some arguments, as constants.
Tensors evaluate(const Map& map, const Tensors& arguments);
Tensors value_of(const Map& map);
Tensors active_arguments(const Map& map);

// Random tangents of the active arguments and cotangents of the outputs, with additional leading axes.
Tensors tangents_for(const Map& map, Sampler& sampler, const Shape& bundle = {});
Tensors cotangents_for(const Map& map, Sampler& sampler, const Shape& bundle = {});

// The maps (x, t) -> jvp, with the outputs of the map, and (x, ct) -> vjp, with one output per active argument. What
// was active stays so and the new arguments are too. An output that is a constant has derivative zero.
Map jvp_of(const Map& map, const Tensors& tangents);
Map vjp_of(const Map& map, const Tensors& cotangents);

}  // namespace brenier::testing

// The step that every deep convex network repeats: norm(P(z) + W x + b).
//
// It is convex in x if every entry of z is: P has positive weights, W x is affine, and the norm is an affine map with
// positive factors per channel.
#pragma once

#include "models/layers.h"

namespace brenier {

template <class Norm>
struct ConvexLayer {
  NonNegativeLinear z_path;  // from convex features
  Linear x_path;             // from the input, any sign
  Norm norm{};

  Tensor operator()(const Tensor& z, const Tensor& x) const { return norm(z_path(z) + x_path(x)); }
  // The data-dependent start of the norm, from a batch of both inputs.
  void initialize_from(const Tensor& z, const Tensor& x) { norm.initialize_from(z_path(z) + x_path(x)); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("z_path", z_path, visit);
    visit_parameters("x_path", x_path, visit);
    visit_parameters("norm", norm, visit);
  }
};

// The last layer of a potential: norm(P(z) + w·x), [rows, 1]. Biases are left out, for a constant added to a potential
// does not change its gradient. Draws two keys.
template <class Norm>
ConvexLayer<Norm> convex_output(KeySequence& keys, std::int64_t features, std::int64_t dim, DType dtype) {
  return {NonNegativeLinear::without_bias(keys.next(), features, 1, dtype),
          Linear::without_bias(keys.next(), dim, 1, dtype), Norm::identity(1, dtype)};
}

}  // namespace brenier

// A three-layer input-convex network for engine tests, written out with public operations only (Amos et al. 2017):
//
//   z_0 = softplus(x W_0' + b_0),   z_k = softplus(z_{k-1} softplus(V_k)' + x W_k' + b_k),   u(x) = z_2 · softplus(v) +
//   x · w
//
// The library's own networks are in models/; the engine may not know them, and neither may its tests.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "tests/support/sampler.h"

namespace brenier::testing {

struct SmallLayer {
  Tensor x_weight;  // [hidden, dim]
  Tensor z_raw;     // [hidden, hidden]; softplus of it is the non-negative weight
  Tensor bias;      // [hidden]

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("x_weight", x_weight);
    visit("z_raw", z_raw);
    visit("bias", bias);
  }
};

struct SmallIcnn {
  Tensor first_weight, first_bias;
  std::vector<SmallLayer> layers;
  Tensor last_raw;     // [hidden]
  Tensor last_weight;  // [dim]

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("first_weight", first_weight);
    visit("first_bias", first_bias);
    visit_parameters("layers", layers, visit);
    visit("last_raw", last_raw);
    visit("last_weight", last_weight);
  }

  // [batch, dim] -> [batch]
  Tensor operator()(const Tensor& x) const {
    Tensor z = softplus(matmul(x, transpose(first_weight)) + first_bias);
    for (const SmallLayer& layer : layers) {
      z = softplus(matmul(z, transpose(softplus(layer.z_raw))) + matmul(x, transpose(layer.x_weight)) + layer.bias);
    }
    return matmul(z, softplus(last_raw)) + matmul(x, last_weight);
  }
};

inline SmallIcnn make_small_icnn(std::int64_t dim, std::int64_t hidden, Sampler& sampler) {
  SmallIcnn icnn{
      sampler.uniform({hidden, dim}), sampler.uniform({hidden}), {}, sampler.uniform({hidden}), sampler.uniform({dim})};
  for (int k = 0; k < 2; ++k) {
    icnn.layers.push_back(
        {sampler.uniform({hidden, dim}), sampler.uniform({hidden, hidden}), sampler.uniform({hidden})});
  }
  return icnn;
}

}  // namespace brenier::testing

// An invertible linear map as a flow: z = W x in every row, ln |det W|.
//
// Mixes coordinates between autoregressive layers, which keep their order. W is a free matrix, so that nothing keeps it
// away from the singular ones but the logarithm of its determinant. There is no bias: an ActNorm beside it has one.
// Reference: Kingma & Dhariwal, Glow (2018), section 3.2, for the 1x1 convolution that this is on vectors.
#pragma once

#include <cstdint>

#include "models/flow.h"

namespace brenier {

struct InvertibleLinear {
  Tensor weight;  // W, [d, d]

  // A random rotation: the orthogonal factor Q of A = L Q for a matrix A of normal numbers, L with a positive diagonal,
  // by Cholesky factorisations; a row changes sign if det Q = -1. Uniform over all rotations. Uses exactly this key.
  static InvertibleLinear random(const RandomKey& key, std::int64_t dim, DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const;    // x Wᵀ
  Transformed forward(const Tensor& x) const;  // logdet -infinity if W is singular
  Preimage inverse(const Tensor& z) const;     // by LU with row interchanges; rows are not finite if W is singular

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("weight", weight);
  }
};

}  // namespace brenier

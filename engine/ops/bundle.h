// Bundles in rules: what a rule does with the leading axis that a tangent or cotangent may have beyond its primal.
// `bundle` is the number of such axes, 0 or 1. See engine/op.h.
#pragma once

#include "engine/ops.h"

namespace brenier {

// The bundle axis moved left of all axes of a result of the given rank: [k, n] becomes [k, 1, n].
inline Tensor align_bundle(const Tensor& t, int bundle, int input_rank, int output_rank) {
  if (!bundle || input_rank == output_rank) return t;
  const Shape ones = Dims::filled(output_rank - input_rank, 1);
  return reshape(t, t.shape().part(0, 1) + ones + t.shape().part(1, t.rank()));
}

// Sums a cotangent down to the shape of an input, keeping the bundle axis.
inline Tensor sum_to_input(const Tensor& ct, int bundle, const Shape& shape) {
  if (!bundle) return sum_to(ct, shape);
  const Shape ones = Dims::filled(ct.rank() - 1 - shape.rank(), 1);
  const Tensor summed = sum_to(ct, ct.shape().part(0, 1) + ones + shape);
  return reshape(summed, ct.shape().part(0, 1) + shape);
}

// A tangent of less than the result's shape, repeated.
inline Tensor spread_to_output(const Tensor& t, int bundle, const Shape& shape) {
  return broadcast_to(t, bundle ? t.shape().part(0, 1) + shape : shape);
}

}  // namespace brenier

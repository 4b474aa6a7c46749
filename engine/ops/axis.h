// Small vocabulary shared by the operations that name axes. Internal to engine/ops.
#pragma once

#include "engine/op.h"
#include "engine/str.h"

namespace brenier {

using Inputs = std::span<const Tensor* const>;

// The axes left of the trailing ones an operation names.
inline int lead_of(const Tensor& x, int trailing) { return x.rank() - trailing; }
inline Shape lead_shape(const Tensor& x, int trailing) { return x.shape().part(0, lead_of(x, trailing)); }

inline void require_defined(const Op& op, const Tensor& x) {
  if (!x.defined()) misuse(op, "an argument is undefined");
}

// An axis given as -rank … rank-1, as 0 … rank-1.
inline int checked_axis(const Op& op, const Tensor& x, int axis) {
  require_defined(op, x);
  if (axis < -x.rank() || axis >= x.rank()) misuse(op, str("axis ", axis, " is out of range for shape ", x.shape()));
  return axis < 0 ? axis + x.rank() : axis;
}

}  // namespace brenier

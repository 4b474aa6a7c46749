// Changing the type of numbers, and cutting the thread of derivatives.
#include "engine/op.h"
#include "engine/ops.h"

namespace brenier {
namespace {

OutputType cast_type(const Op&, std::span<const Tensor* const> in, const Attributes& attributes) {
  return {in[0]->shape(), attributes.dtype};
}

// cast between floating types is linear; its transpose casts back.
const Op cast_op = linear("cast", OpCode::Cast, cast_type,
                          [](const Tensor& ct, const Call& call, int) { return cast(ct, call.inputs[0].dtype()); });
// To and from integers nothing is differentiable.
const Op cast_constant_op = constant("cast", OpCode::Cast, cast_type);

const Op stop_gradient_op = constant(
    "stop_gradient", OpCode::StopGradient,
    [](const Op&, std::span<const Tensor* const> in, const Attributes&) -> OutputType {
      return {in[0]->shape(), in[0]->dtype()};
    },
    [](const Tensor& x, const Attributes&, const OutputType&) { return x.untracked(); });

}  // namespace

Tensor cast(const Tensor& x, DType dtype) {
  if (x.defined() && x.dtype() == dtype) return x;
  const bool floating = x.defined() && x.is_floating() && dtype != DType::Int64;
  return apply(floating ? cast_op : cast_constant_op, x, {.dtype = dtype});
}

Tensor stop_gradient(const Tensor& x) { return apply(stop_gradient_op, {&x}); }

}  // namespace brenier

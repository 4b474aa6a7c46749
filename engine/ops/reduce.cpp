// Reductions. Attributes: axes (distances from the end), keep_axes.
//
// sum is linear, and its transpose is broadcasting. max is the only one with a rule of its own; the others are
// spelled in operations, so that their derivatives of every order come for free and are right at zeros and ties.
#include <cmath>

#include "engine/op.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier {
namespace {

// The shape of x with the reduced axes set to 1.
Shape kept_shape(const Shape& shape, const Axes& axes) {
  Shape result = shape;
  for (std::int64_t distance : axes) result[-static_cast<int>(distance)] = 1;
  return result;
}

Shape reduced_shape(const Shape& shape, const Attributes& attributes) {
  if (attributes.keep_axes) return kept_shape(shape, attributes.axes);
  Shape result;
  for (int i = 0; i < shape.rank(); ++i)
    if (!attributes.axes.contains(shape.rank() - i)) result.push_back(shape[i]);
  return result;
}

// A result of a reduction, bundle axis and all, with the reduced axes put back at length 1.
Tensor restore_axes(const Tensor& reduced, const Call& call) {
  const int bundle = reduced.rank() - call.output.rank();
  return reshape(reduced, reduced.shape().part(0, bundle) + kept_shape(call.inputs[0].shape(), call.attributes.axes));
}

OutputType reduce_type(const Op&, std::span<const Tensor* const> in, const Attributes& attributes) {
  return {reduced_shape(in[0]->shape(), attributes), in[0]->dtype()};
}

OutputType nonempty_reduce_type(const Op& op, std::span<const Tensor* const> in, const Attributes& attributes) {
  for (std::int64_t distance : attributes.axes)
    if (in[0]->shape()[-static_cast<int>(distance)] == 0)
      misuse(op, str("an axis of length 0 has no ", op.name, ": shape ", in[0]->shape()));
  return reduce_type(op, in, attributes);
}

OutputType argmax_type(const Op& op, std::span<const Tensor* const> in, const Attributes& attributes) {
  return {nonempty_reduce_type(op, in, attributes).shape, DType::Int64};
}

// sum(x)                transpose: every summand gets the cotangent of its sum
const Op sum_op = linear("sum", OpCode::Sum, reduce_type, [](const Tensor& ct, const Call& call, int) {
  const Tensor restored = restore_axes(ct, call);
  return broadcast_to(restored, ct.shape().part(0, ct.rank() - call.output.rank()) + call.inputs[0].shape());
});

// max(x): each of the n elements that reach the maximum has derivative 1/n. [x.shape], constant.
Tensor shares_of_maximum(const Call& call) {
  const Tensor reached = equal(call.inputs[0], restore_axes(call.output, call));
  Axes axes;
  for (std::int64_t distance : call.attributes.axes) axes.push_back(-distance);
  return reached / sum(reached, axes, true);
}

const Op max_op = custom(
    "max", OpCode::Max, nonempty_reduce_type,
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      return {restore_axes(ct, call) * shares_of_maximum(call)};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      return apply(sum_op, tangents[0] * shares_of_maximum(call), call.attributes);
    });

const Op argmax_op = constant("argmax", OpCode::ArgMax, argmax_type);

Tensor reduce(const Op& op, const Tensor& x, const Axes& axes, bool keep_axes) {
  if (!x.defined()) misuse(op, "the argument is undefined");
  const Axes distances = axes_from_end(op.name, axes, x.rank());
  if (distances.empty()) return x;  // a scalar
  return apply(op, x, {.axes = distances, .keep_axes = keep_axes});
}

// Drops axes of length 1 that a reduction has kept.
Tensor drop_axes(const Tensor& kept, const Axes& distances) {
  return reshape(kept, reduced_shape(kept.shape(), {.axes = distances}));
}

double length_of(const Tensor& x, const Axes& distances) {
  double length = 1;
  for (std::int64_t distance : distances) length *= static_cast<double>(x.shape()[-static_cast<int>(distance)]);
  return length;
}

// The product along one axis, kept at length 1: halves are multiplied with each other until one entry is left. No
// division, so any number of zeros is harmless.
Tensor prod_along(Tensor x, int axis) {
  if (x.dim(axis) == 0) return broadcast_to(ones({}, x.dtype()), kept_shape(x.shape(), {-axis}));
  while (x.dim(axis) > 1) {
    const std::int64_t length = x.dim(axis), half = length / 2;
    Tensor product = slice(x, axis, 0, half) * slice(x, axis, half, 2 * half);
    x = length % 2 ? concat({product, slice(x, axis, length - 1, length)}, axis) : product;
  }
  return x;
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keep_axes) { return reduce(sum_op, x, axes, keep_axes); }
Tensor max(const Tensor& x, const Axes& axes, bool keep_axes) { return reduce(max_op, x, axes, keep_axes); }
Tensor min(const Tensor& x, const Axes& axes, bool keep_axes) { return -max(-x, axes, keep_axes); }
Tensor argmax(const Tensor& x, int axis) { return reduce(argmax_op, x, {axis}, false); }

Tensor mean(const Tensor& x, const Axes& axes, bool keep_axes) {
  const Tensor total = sum(x, axes, keep_axes);
  return total * (1.0 / length_of(x, axes_from_end("mean", axes, x.rank())));
}

Tensor variance(const Tensor& x, const Axes& axes, bool keep_axes) {
  return mean(square(x - mean(x, axes, true)), axes, keep_axes);
}

// The shift is a constant: it changes no value and no derivative. Where it is infinite it would make inf - inf.
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keep_axes) {
  const Axes distances = axes_from_end("logsumexp", axes, x.rank());
  const Tensor largest = stop_gradient(max(x, axes, true));
  const Tensor shift = where(is_finite(largest), largest, 0.0);
  const Tensor result = log(sum(exp(x - shift), axes, true)) + shift;
  return keep_axes ? result : drop_axes(result, distances);
}

Tensor softmax(const Tensor& x, int axis) {
  const Tensor e = exp(x - stop_gradient(max(x, {axis}, true)));
  return e / sum(e, {axis}, true);
}

Tensor prod(const Tensor& x, const Axes& axes, bool keep_axes) {
  const Axes distances = axes_from_end("prod", axes, x.rank());
  Tensor result = x;
  for (std::int64_t distance : distances) result = prod_along(result, -static_cast<int>(distance));
  return keep_axes ? result : drop_axes(result, distances);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (!broadcasts_to(shape, x.shape()))
    throw std::invalid_argument(str("[sum_to] shape ", shape, " does not broadcast to ", x.shape()));
  Axes axes;
  for (int i = 1; i <= x.rank(); ++i)
    if (i > shape.rank() || (shape[-i] == 1 && x.shape()[-i] != 1)) axes.push_back(-i);
  const Tensor summed = axes.empty() ? x : sum(x, axes, true);
  return summed.rank() == shape.rank() ? summed : reshape(summed, shape);
}

}  // namespace brenier

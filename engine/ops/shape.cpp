// Other shapes and orders of the same numbers. All are linear and views: new shape and strides over the same storage;
// only reshape copies where the strides demand it. Attributes describe the trailing axes; leading ones pass through.
//
//   operation   attributes                                              transpose
//   reshape     count trailing axes replaced by `shape`                 reshape back
//   permute     axes: source of each result axis, from the end          the inverse order
//   broadcast   shape: trailing lengths, equal rank                     sum
#include <optional>

#include "engine/ops.h"
#include "engine/ops/axis.h"

namespace brenier {
namespace {

// -- reshape --

// The strides that show a strided tensor as another shape, if there are any: every group of axes that is merged or
// split must lie in memory like one axis.
std::optional<Strides> regrouped_strides(const Shape& shape, const Strides& strides, const Shape& target) {
  Strides result = Dims::filled(target.rank(), 1);
  int i = 0, j = 0;
  while (i < shape.rank() || j < target.rank()) {
    std::int64_t from = 1, to = 1;
    const int first = i, target_first = j;
    if (i < shape.rank()) from = shape[i++];
    if (j < target.rank()) to = target[j++];
    while (from != to) (from < to ? from *= shape[i++] : to *= target[j++]);
    // Within the group every axis longer than 1 must continue the one to its right.
    std::int64_t stride = 1, expected = 0;
    bool any = false;
    for (int axis = i - 1; axis >= first; --axis) {
      if (shape[axis] == 1) continue;
      if (!any) stride = strides[axis];
      if (any && strides[axis] != expected) return std::nullopt;
      expected = strides[axis] * shape[axis];
      any = true;
    }
    for (int axis = j - 1; axis >= target_first; --axis) {
      result[axis] = stride;
      stride *= target[axis];
    }
  }
  return result;
}

OutputType reshape_type(const Op& op, Inputs in, const Attributes& attributes) {
  const Tensor& x = *in[0];
  const Shape result = lead_shape(x, static_cast<int>(attributes.count)) + attributes.shape;
  if (element_count(result) != x.size())
    misuse(op, str("shape ", x.shape(), " has ", x.size(), " elements, ", result, " has ", element_count(result)));
  return {result, x.dtype()};
}

Tensor reshape_view(const Tensor& x, const Attributes&, const OutputType& type) {
  if (x.size() == 0 || x.contiguous()) return x.view(type.shape, contiguous_strides(type.shape), x.offset());
  const std::optional<Strides> strides = regrouped_strides(x.shape(), x.strides(), type.shape);
  return strides ? x.view(type.shape, *strides, x.offset()) : Tensor();
}

const Op reshape_op = linear(
    "reshape", OpCode::Reshape, reshape_type,
    [](const Tensor& ct, const Call& call, int) {
      return reshape(ct, ct.shape().part(0, ct.rank() - call.output.rank()) + call.inputs[0].shape());
    },
    reshape_view);

// -- permute --

OutputType permute_type(const Op&, Inputs in, const Attributes& attributes) {
  const Tensor& x = *in[0];
  Shape result = lead_shape(x, attributes.axes.rank());
  for (std::int64_t distance : attributes.axes) result.push_back(x.shape()[-static_cast<int>(distance)]);
  return {result, x.dtype()};
}

Tensor permute_view(const Tensor& x, const Attributes& attributes, const OutputType& type) {
  Strides strides = x.strides().part(0, lead_of(x, attributes.axes.rank()));
  for (std::int64_t distance : attributes.axes) strides.push_back(x.strides()[-static_cast<int>(distance)]);
  return x.view(type.shape, strides, x.offset());
}

Tensor permute_by(const Tensor& x, const Axes& distances);

const Op permute_op = linear(
    "permute", OpCode::Permute, permute_type,
    [](const Tensor& ct, const Call& call, int) {
      const Axes& order = call.attributes.axes;
      Axes inverse = order;
      for (int i = 0; i < order.rank(); ++i) inverse[-static_cast<int>(order[i])] = order.rank() - i;
      return permute_by(ct, inverse);
    },
    permute_view);

Tensor permute_by(const Tensor& x, const Axes& distances) { return apply(permute_op, x, {.axes = distances}); }

// -- broadcast --

OutputType broadcast_type(const Op&, Inputs in, const Attributes& attributes) {
  return {lead_shape(*in[0], attributes.shape.rank()) + attributes.shape, in[0]->dtype()};
}

Tensor broadcast_view(const Tensor& x, const Attributes& attributes, const OutputType& type) {
  Strides strides = x.strides();
  for (int i = lead_of(x, attributes.shape.rank()); i < x.rank(); ++i)
    if (x.shape()[i] != type.shape[i]) strides[i] = 0;
  return x.view(type.shape, strides, x.offset());
}

const Op broadcast_op = linear(
    "broadcast", OpCode::Broadcast, broadcast_type,
    [](const Tensor& ct, const Call& call, int) {
      return sum_to(ct, ct.shape().part(0, ct.rank() - call.output.rank()) + call.inputs[0].shape());
    },
    broadcast_view);

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  require_defined(reshape_op, x);
  if (x.shape() == shape) return x;
  Shape target = shape;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) continue;
    target[i] = 1;
    const std::int64_t others = element_count(target);
    if (others <= 0 || x.size() % others) misuse(reshape_op, str("shape ", x.shape(), " does not fit into ", shape));
    target[i] = x.size() / others;
    break;
  }
  for (std::int64_t length : target)
    if (length < 0) misuse(reshape_op, str("shape ", shape, " has a negative length"));
  return apply(reshape_op, x, {.shape = target, .count = x.rank()});
}

Tensor permute(const Tensor& x, const Axes& order) {
  require_defined(permute_op, x);
  Axes distances;
  for (std::int64_t axis : order) distances.push_back(x.rank() - checked_axis(permute_op, x, static_cast<int>(axis)));
  for (int i = 1; i <= x.rank(); ++i)
    if (order.rank() != x.rank() || !distances.contains(i))
      misuse(permute_op, str("order ", order, " does not name every axis of shape ", x.shape(), " once"));
  return permute_by(x, distances);
}

Tensor transpose(const Tensor& x) {
  if (x.rank() < 2) misuse(permute_op, str("transpose needs two axes, got shape ", x.shape()));
  return permute_by(x, {1, 2});
}

Tensor move_axis(const Tensor& x, int from, int to) {
  const int source = checked_axis(permute_op, x, from), target = checked_axis(permute_op, x, to);
  Axes order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  order.erase(source);
  order.insert(target, source);
  return permute(x, order);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  require_defined(broadcast_op, x);
  if (x.shape() == shape) return x;
  if (!broadcasts_to(x.shape(), shape))
    misuse(broadcast_op, str("shape ", x.shape(), " does not broadcast to ", shape));
  const Tensor aligned = reshape(x, Dims::filled(shape.rank() - x.rank(), 1) + x.shape());
  return aligned.shape() == shape ? aligned : apply(broadcast_op, aligned, {.shape = shape});
}

Tensor expand_axis(const Tensor& x, int axis) {
  if (!x.defined() || axis < -x.rank() - 1 || axis > x.rank())
    misuse(reshape_op, str("expand_axis: axis ", axis, " is out of range for shape ", x.shape()));
  Shape shape = x.shape();
  shape.insert(axis < 0 ? axis + x.rank() + 1 : axis, 1);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, int axis) {
  Shape shape = x.shape();
  const int position = checked_axis(reshape_op, x, axis);
  if (shape[position] != 1) misuse(reshape_op, str("squeeze: axis ", axis, " of shape ", x.shape(), " is not 1"));
  shape.erase(position);
  return reshape(x, shape);
}

}  // namespace brenier

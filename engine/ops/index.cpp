// Picking and adding by index. All are linear in the numbers and constant in the indices.
//
//   operation          x               indices   result          attributes
//   gather             L + [n] + R     I         L + I + R       axes[0] = rank of R + 1, count = rank of I
//   scatter_add        L + I + R       I         L + [n] + R     axes[0] = rank of R + 1, count = n
//   take_along         L + S with n    S'        L + S'          axes[0]: S and S' differ there
//   scatter_add_along  L + S'          S'        L + S with n    axes[0], count = n
//
// Each is the transpose of its neighbour. Sorting is argsort, a constant, followed by take_along.

#include "engine/ops.h"
#include "engine/ops/axis.h"

namespace brenier {
namespace {

void require_indices(const Op& op, const Tensor& indices) {
  if (indices.dtype() != DType::Int64) misuse(op, str("indices must be int64, got ", indices.dtype()));
}

int axis_of(const Attributes& attributes) { return -static_cast<int>(attributes.axes[0]); }

OutputType gather_type(const Op& op, Inputs in, const Attributes& attributes) {
  require_indices(op, *in[1]);
  const Shape& x = in[0]->shape();
  const int axis = x.rank() + axis_of(attributes);
  return {x.part(0, axis) + in[1]->shape() + x.part(axis + 1, x.rank()), in[0]->dtype()};
}

void require_length(const Op& op, std::int64_t length) {
  if (length < 0) misuse(op, str("the length must not be negative, got ", length));
}

OutputType scatter_type(const Op& op, Inputs in, const Attributes& attributes) {
  require_indices(op, *in[1]);
  require_length(op, attributes.count);
  const Shape &x = in[0]->shape(), &indices = in[1]->shape();
  const int right = static_cast<int>(attributes.axes[0]) - 1;
  const int left = x.rank() - indices.rank() - right;
  if (left < 0 || x.part(left, left + indices.rank()) != indices)
    misuse(op, str("shape ", x, " does not hold indices of shape ", indices, " there"));
  return {x.part(0, left) + Shape{attributes.count} + x.part(x.rank() - right, x.rank()), in[0]->dtype()};
}

// Both along-axis operations: the trailing axes of x match those of the indices, apart from one.
Shape along_shape(const Op& op, Inputs in, const Attributes& attributes) {
  require_indices(op, *in[1]);
  const Shape &x = in[0]->shape(), &indices = in[1]->shape();
  const int lead = x.rank() - indices.rank();
  const bool has_axis = lead >= 0 && attributes.axes[0] <= indices.rank();
  Shape expected = has_axis ? x.part(lead, x.rank()) : Shape();
  if (has_axis) expected[axis_of(attributes)] = indices[axis_of(attributes)];
  if (!has_axis || expected != indices) misuse(op, str("shapes do not match: ", x, " and indices ", indices));
  return x.part(0, lead) + indices;
}

OutputType take_along_type(const Op& op, Inputs in, const Attributes& attributes) {
  return {along_shape(op, in, attributes), in[0]->dtype()};
}

OutputType scatter_along_type(const Op& op, Inputs in, const Attributes& attributes) {
  require_length(op, attributes.count);
  Shape shape = along_shape(op, in, attributes);
  if (shape != in[0]->shape()) misuse(op, str("shapes differ: ", in[0]->shape(), " and indices ", in[1]->shape()));
  shape[axis_of(attributes)] = attributes.count;
  return {shape, in[0]->dtype()};
}

std::int64_t length_before(const Call& call) { return call.inputs[0].shape()[axis_of(call.attributes)]; }

const Op gather_op = linear("gather", OpCode::Gather, gather_type, [](const Tensor& ct, const Call& call, int) {
  return scatter_add(ct, call.inputs[1], axis_of(call.attributes), length_before(call));
});

const Op scatter_add_op = linear(
    "scatter_add", OpCode::ScatterAdd, scatter_type,
    [](const Tensor& ct, const Call& call, int) { return gather(ct, call.inputs[1], axis_of(call.attributes)); });

const Op take_along_op =
    linear("take_along_axis", OpCode::TakeAlong, take_along_type, [](const Tensor& ct, const Call& call, int) {
      return scatter_add_along_axis(ct, call.inputs[1], axis_of(call.attributes), length_before(call));
    });

const Op scatter_add_along_op = linear("scatter_add_along_axis", OpCode::ScatterAddAlong, scatter_along_type,
                                       [](const Tensor& ct, const Call& call, int) {
                                         return take_along_axis(ct, call.inputs[1], axis_of(call.attributes));
                                       });

const Op argsort_op = constant("argsort", OpCode::ArgSort, [](const Op&, Inputs in, const Attributes&) -> OutputType {
  return {in[0]->shape(), DType::Int64};
});

// The distance of an axis from the end, for a tensor of the given rank.
Axes distance(const Op& op, int axis, int rank) {
  if (axis < -rank || axis >= rank) misuse(op, str("axis ", axis, " is out of range for rank ", rank));
  return {axis < 0 ? -axis : rank - axis};
}

Tensor apply_indexed(const Op& op, const Tensor& x, const Tensor& indices, Attributes attributes) {
  const std::array<const Tensor*, 2> inputs{&x, &indices};
  return apply(op, inputs, std::move(attributes));
}

}  // namespace

Tensor gather(const Tensor& x, const Tensor& indices, int axis) {
  require_defined(gather_op, x);
  require_defined(gather_op, indices);
  return apply_indexed(gather_op, x, indices, {.axes = distance(gather_op, axis, x.rank()), .count = indices.rank()});
}

Tensor scatter_add(const Tensor& x, const Tensor& indices, int axis, std::int64_t length) {
  require_defined(scatter_add_op, x);
  require_defined(scatter_add_op, indices);
  const Axes axes = distance(scatter_add_op, axis, x.rank() - indices.rank() + 1);
  return apply_indexed(scatter_add_op, x, indices, {.axes = axes, .count = length});
}

Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis) {
  require_defined(take_along_op, x);
  require_defined(take_along_op, indices);
  return apply_indexed(take_along_op, x, indices, {.axes = distance(take_along_op, axis, x.rank())});
}

Tensor scatter_add_along_axis(const Tensor& x, const Tensor& indices, int axis, std::int64_t length) {
  require_defined(scatter_add_along_op, x);
  require_defined(scatter_add_along_op, indices);
  const Axes axes = distance(scatter_add_along_op, axis, x.rank());
  return apply_indexed(scatter_add_along_op, x, indices, {.axes = axes, .count = length});
}

Tensor argsort(const Tensor& x, int axis) {
  require_defined(argsort_op, x);
  return apply(argsort_op, x, {.axes = distance(argsort_op, axis, x.rank())});
}

Tensor sort(const Tensor& x, int axis) { return take_along_axis(x, argsort(x, axis), axis); }

}  // namespace brenier

// Parts of tensors, and tensors out of parts. All are linear; slice and flip are views. Attributes describe the
// trailing axes; leading ones pass through.
//
//   operation   attributes                                              transpose
//   slice       low, high, step: start, stop, step of each axis         pad
//   flip        axes                                                    flip
//   pad         low, high, step: zeros before, after; 1 + between       slice
//   concat      axes[0]                                                 slice
#include "engine/ops.h"
#include "engine/ops/axis.h"

namespace brenier {
namespace {

// The number of entries start, start + step, … below stop.
std::int64_t slice_length(std::int64_t start, std::int64_t stop, std::int64_t step) {
  return stop > start ? (stop - start + step - 1) / step : 0;
}
// How far `length` entries with step - 1 others between neighbours reach.
std::int64_t reach(std::int64_t length, std::int64_t step) { return length ? (length - 1) * step + 1 : 0; }

OutputType slice_type(const Op&, Inputs in, const Attributes& attributes) {
  Shape result = lead_shape(*in[0], attributes.low.rank());
  for (int i = 0; i < attributes.low.rank(); ++i)
    result.push_back(slice_length(attributes.low[i], attributes.high[i], attributes.step[i]));
  return {result, in[0]->dtype()};
}

Tensor slice_view(const Tensor& x, const Attributes& attributes, const OutputType& type) {
  Strides strides = x.strides();
  std::int64_t offset = x.offset();
  const int lead = lead_of(x, attributes.low.rank());
  for (int i = 0; i < attributes.low.rank(); ++i) {
    if (type.shape[lead + i]) offset += attributes.low[i] * strides[lead + i];
    strides[lead + i] *= attributes.step[i];
  }
  return x.view(type.shape, strides, offset);
}

Tensor slice_by(const Tensor& x, const Dims& start, const Dims& stop, const Dims& step);
Tensor pad_by(const Tensor& x, const Dims& low, const Dims& high, const Dims& step);

const Op slice_op = linear(
    "slice", OpCode::Slice, slice_type,
    [](const Tensor& ct, const Call& call, int) {
      const Attributes& a = call.attributes;
      const int lead = lead_of(call.output, a.low.rank());
      Dims after = a.low;
      for (int i = 0; i < after.rank(); ++i)
        after[i] = call.inputs[0].shape()[lead + i] - a.low[i] - reach(call.output.shape()[lead + i], a.step[i]);
      return pad_by(ct, a.low, after, a.step);
    },
    slice_view);

OutputType pad_type(const Op&, Inputs in, const Attributes& attributes) {
  Shape result = in[0]->shape();
  const int lead = lead_of(*in[0], attributes.low.rank());
  for (int i = 0; i < attributes.low.rank(); ++i)
    result[lead + i] = attributes.low[i] + reach(result[lead + i], attributes.step[i]) + attributes.high[i];
  return {result, in[0]->dtype()};
}

const Op pad_op = linear("pad", OpCode::Pad, pad_type, [](const Tensor& ct, const Call& call, int) {
  const Attributes& a = call.attributes;
  const int lead = lead_of(call.output, a.low.rank());
  Dims stop = a.low;
  for (int i = 0; i < stop.rank(); ++i) stop[i] += reach(call.inputs[0].shape()[lead + i], a.step[i]);
  return slice_by(ct, a.low, stop, a.step);
});

Tensor slice_by(const Tensor& x, const Dims& start, const Dims& stop, const Dims& step) {
  return apply(slice_op, x, {.low = start, .high = stop, .step = step});
}
Tensor pad_by(const Tensor& x, const Dims& low, const Dims& high, const Dims& step) {
  return apply(pad_op, x, {.low = low, .high = high, .step = step});
}

OutputType same_type(const Op&, Inputs in, const Attributes&) { return {in[0]->shape(), in[0]->dtype()}; }

Tensor flip_view(const Tensor& x, const Attributes& attributes, const OutputType& type) {
  Strides strides = x.strides();
  std::int64_t offset = x.offset();
  for (std::int64_t distance : attributes.axes) {
    const int axis = x.rank() - static_cast<int>(distance);
    if (x.shape()[axis] > 0) offset += (x.shape()[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return x.view(type.shape, strides, offset);
}

Tensor flip_by(const Tensor& x, const Axes& distances);
const Op flip_op = linear(
    "flip", OpCode::Flip, same_type,
    [](const Tensor& ct, const Call& call, int) { return flip_by(ct, call.attributes.axes); }, flip_view);
Tensor flip_by(const Tensor& x, const Axes& distances) { return apply(flip_op, x, {.axes = distances}); }

OutputType concat_type(const Op& op, Inputs in, const Attributes& attributes) {
  Shape result = in[0]->shape();
  const int axis = result.rank() - static_cast<int>(attributes.axes[0]);
  for (const Tensor* part : in.subspan(1)) {
    Shape expected = result;
    if (part->rank() == result.rank()) expected[axis] = part->shape()[axis];
    if (part->shape() != expected)
      misuse(op, str("shapes differ beside axis ", axis, ": ", in[0]->shape(), " and ", part->shape()));
    if (part->dtype() != in[0]->dtype()) misuse(op, str("dtypes differ: ", in[0]->dtype(), " and ", part->dtype()));
    result[axis] += part->shape()[axis];
  }
  return {result, in[0]->dtype()};
}

const Op concat_op = linear("concat", OpCode::Concat, concat_type, [](const Tensor& ct, const Call& call, int input) {
  const int axis = -static_cast<int>(call.attributes.axes[0]);
  std::int64_t start = 0;
  for (int i = 0; i < input; ++i) start += call.inputs[static_cast<std::size_t>(i)].shape()[axis];
  return slice(ct, axis, start, start + call.inputs[static_cast<std::size_t>(input)].shape()[axis]);
});

}  // namespace

Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const int position = checked_axis(slice_op, x, axis);
  const std::int64_t length = x.shape()[position];
  if (start < 0 || stop > length || start > stop || step < 1)
    misuse(slice_op, str(start, " … ", stop, " step ", step, " is not inside axis ", axis, " of shape ", x.shape()));
  Dims low = Dims::filled(x.rank(), 0), high = x.shape(), steps = Dims::filled(x.rank(), 1);
  low[position] = start;
  high[position] = stop;
  steps[position] = step;
  return slice_by(x, low, high, steps);
}

Tensor select(const Tensor& x, int axis, std::int64_t index) {
  const int position = checked_axis(slice_op, x, axis);
  const std::int64_t from_start = index < 0 ? index + x.shape()[position] : index;
  return squeeze(slice(x, position, from_start, from_start + 1), position);
}

Tensor flip(const Tensor& x, const Axes& axes) {
  require_defined(flip_op, x);
  return flip_by(x, axes_from_end("flip", axes, x.rank()));
}

Tensor pad(const Tensor& x, const Dims& low, const Dims& high) {
  require_defined(pad_op, x);
  if (low.rank() != x.rank() || high.rank() != x.rank())
    misuse(pad_op, str("shape ", x.shape(), " needs one width per axis, got ", low, " and ", high));
  for (int i = 0; i < x.rank(); ++i)
    if (low[i] < 0 || high[i] < 0) misuse(pad_op, str("widths must not be negative, got ", low, " and ", high));
  return pad_by(x, low, high, Dims::filled(x.rank(), 1));
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) misuse(concat_op, "there is nothing to join");
  const int position = checked_axis(concat_op, parts[0], axis);
  std::vector<const Tensor*> pointers;
  for (const Tensor& part : parts) pointers.push_back(&part);
  return apply(concat_op, pointers, {.axes = {parts[0].rank() - position}});
}

Tensor stack(const std::vector<Tensor>& parts, int axis) {
  std::vector<Tensor> expanded;
  for (const Tensor& part : parts) expanded.push_back(expand_axis(part, axis));
  return concat(expanded, axis);
}

}  // namespace brenier

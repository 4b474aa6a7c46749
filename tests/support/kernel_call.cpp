// See kernel_call.h.
#include "tests/support/kernel_call.h"

#include <limits>
#include <utility>

namespace brenier::testing {
namespace {

void write(Tensor& x, std::int64_t position, double value) {
  switch (x.dtype()) {
    case DType::Float32:
      x.mutable_data<float>()[position] = static_cast<float>(value);
      break;
    case DType::Float64:
      x.mutable_data<double>()[position] = value;
      break;
    case DType::Int64:
      x.mutable_data<std::int64_t>()[position] = static_cast<std::int64_t>(value);
      break;
  }
}

Tensor with_strides(const Tensor& x, const Strides& strides, std::int64_t offset, std::int64_t room) {
  Tensor storage = Tensor::uninitialized({room}, x.dtype(), cpu_backend());
  const bool integers = x.dtype() == DType::Int64;
  for (std::int64_t i = 0; i < room; ++i)
    write(storage, i, integers ? -0x1p63 : std::numeric_limits<double>::quiet_NaN());
  for_each_index(x.shape(), [&](const Dims& index) {
    std::int64_t position = offset;
    for (int axis = 0; axis < x.rank(); ++axis) position += index[axis] * strides[axis];
    write(storage, position, x.at(index));
  });
  return storage.view(x.shape(), strides, offset);
}

Tensor row_major(const Tensor& x) { return with_strides(x, contiguous_strides(x.shape()), 0, x.size()); }

Tensor swapped(const Tensor& x) {
  if (x.rank() < 2) return row_major(x);
  Shape shape = x.shape();
  std::swap(shape[-1], shape[-2]);
  Strides strides = contiguous_strides(shape);
  std::swap(strides[-1], strides[-2]);
  return with_strides(x, strides, 0, x.size());
}

Tensor gapped(const Tensor& x) {
  Shape longer = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) ++longer[axis];
  Strides strides = contiguous_strides(longer);
  for (int axis = 0; axis < x.rank(); ++axis) strides[axis] *= 3;
  return with_strides(x, strides, 2, 3 * element_count(longer));
}

Tensor backwards(const Tensor& x) {
  Strides strides = contiguous_strides(x.shape());
  for (int axis = 0; axis < x.rank(); ++axis) strides[axis] = -strides[axis];
  return with_strides(x, strides, x.size() > 0 ? x.size() - 1 : 0, x.size());
}

}  // namespace

Tensor run_kernel(OpCode code, const std::vector<Tensor>& inputs, const Shape& shape, DType dtype,
                  const Attributes& attributes) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(&input);
  Tensor output = Tensor::uninitialized(shape, dtype, cpu_backend());
  cpu_backend().kernels.at(static_cast<std::size_t>(code))({pointers, output, attributes});
  return output;
}

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all{
      {"row-major", row_major}, {"swapped", swapped}, {"gapped", gapped}, {"backwards", backwards}};
  return all;
}

void for_each_index(const Shape& shape, const std::function<void(const Dims&)>& f) {
  if (element_count(shape) == 0) return;
  Dims index = Dims::filled(shape.rank(), 0);
  int axis = 0;
  while (axis >= 0) {
    f(index);
    for (axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

double broadcast_at(const Tensor& x, const Dims& index) {
  Dims own = index.part(index.rank() - x.rank(), index.rank());
  for (int axis = 0; axis < x.rank(); ++axis) own[axis] = x.shape()[axis] == 1 ? 0 : own[axis];
  return x.at(own);
}

Tensor from_formula(const Shape& shape, DType dtype, const std::function<double(const Dims&)>& formula) {
  Tensor result = Tensor::uninitialized(shape, dtype, cpu_backend());
  std::int64_t position = 0;
  for_each_index(shape, [&](const Dims& index) { write(result, position++, formula(index)); });
  return result;
}

}  // namespace brenier::testing

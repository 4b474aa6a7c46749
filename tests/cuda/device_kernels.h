// Calling kernels of the device of this namespace, on tensors of the CPU that keep their strides on the way.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/cuda/kernels.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {

using brenier::testing::epsilon;
using brenier::testing::lacks;
using brenier::testing::max_abs;
using brenier::testing::message_of;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;
using brenier::testing::Sampler;

// With the same shape and strides, in memory of the device that holds nothing else. In front of it lie `gap` elements.
inline Tensor on_device(const Tensor& x, std::int64_t gap = 0) {
  if (x.size() == 0) return Tensor::uninitialized(x.shape(), x.dtype(), backend());
  std::int64_t first = 0, last = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t reach = (x.shape()[axis] - 1) * x.strides()[axis];
    (reach < 0 ? first : last) += reach;
  }
  const Tensor room = Tensor::uninitialized({gap + last - first + 1}, x.dtype(), backend());
  const auto bytes = static_cast<std::int64_t>(size_of(x.dtype()));
  copy_to_device(room.address() + gap * bytes, x.address() + first * bytes,
                 static_cast<std::size_t>((last - first + 1) * bytes));
  return room.view(x.shape(), x.strides(), gap - first);
}

// The result of a kernel of the device, on the CPU.
inline Tensor run_on_device(OpCode code, const std::vector<Tensor>& inputs, const Shape& shape, DType dtype,
                            const Attributes& attributes = {}, std::int64_t gap = 0) {
  std::vector<Tensor> there;
  for (const Tensor& input : inputs) there.push_back(on_device(input, gap));
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : there) pointers.push_back(&input);
  Tensor output = Tensor::uninitialized(shape, dtype, backend());
  backend().kernels.at(static_cast<std::size_t>(code))({pointers, output, attributes});
  return output.to(cpu_backend());
}

// The same bits; NaN of any kind is one value.
template <class T>
bool same_bits(const Tensor& a, const Tensor& b) {
  const std::vector<T> x = a.to_vector<T>(), y = b.to_vector<T>();
  return x.size() == y.size() && std::equal(x.begin(), x.end(), y.begin(), [](T p, T q) {
           return p != p ? q != q : p == q && (p != T(0) || T(1) / p == T(1) / q);
         });
}
inline bool same_numbers(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  if (a.dtype() == DType::Int64) return a.to_vector<std::int64_t>() == b.to_vector<std::int64_t>();
  return a.dtype() == DType::Float32 ? same_bits<float>(a, b) : same_bits<double>(a, b);
}

inline Attributes axes_of(const Axes& axes, std::int64_t count = 0) {
  Attributes attributes;
  attributes.axes = axes;
  attributes.count = count;
  return attributes;
}

inline constexpr DType kAllTypes[] = {DType::Float32, DType::Float64, DType::Int64};

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

// ArgSort: ascending and stable along one axis, NaN last.
//
// Numbers become unsigned keys of the same order, and the order of keys is found as engine/cuda/sort.h says: tiles are sorted
// in shared memory by a bitonic network, and longer lines by merging sorted runs of twice the length in each launch.
// Short lines share a tile. Nothing depends on which thread is first.
#include <cstring>

#include "engine/cuda/sort.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

// Flipping the sign bit of positive numbers and all bits of negative ones turns the order of IEEE numbers into that of
// unsigned integers. -0 is 0, and a NaN comes after everything.
__device__ __forceinline__ std::uint64_t sort_key(double x) {
  if (x != x) return ~std::uint64_t{0};
  const double number = x + 0.0;
  std::uint64_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  return bits & sign ? ~bits : bits | sign;
}
__device__ __forceinline__ std::uint64_t sort_key(float x) { return sort_key(static_cast<double>(x)); }
__device__ __forceinline__ std::uint64_t sort_key(std::int64_t x) {
  return static_cast<std::uint64_t>(x) ^ std::uint64_t{1} << 63;
}

template <class T>
struct LineSource {
  const T* x;
  Walk<2> lines;  // x, result
  std::int64_t stride;
  __device__ std::uint64_t operator()(std::int64_t line, std::int64_t position) const {
    return sort_key(x[lines.offsets(line).of[0] + position * stride]);
  }
};

struct PositionSink {
  std::int64_t* out;
  Walk<2> lines;
  std::int64_t stride;
  __device__ void operator()(std::int64_t line, std::int64_t rank, const SortItem& item) const {
    out[lines.offsets(line).of[1] + rank * stride] = item.position;
  }
};

}  // namespace

void argsort_kernel(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  if (x.size() == 0) return;
  const int axis = static_cast<int>(call.attributes.axes[0]);
  const std::int64_t length = x.shape()[-axis];
  const Strides out_strides = contiguous_strides(x.shape());
  Shape lines = x.shape();
  lines[-axis] = 1;
  const Walk<2> walk = make_walk<2>(lines, {x.strides(), out_strides});
  const SortShape shape{.lines = x.size() / length, .length = length};
  const PositionSink sink{call.output.mutable_data<std::int64_t>(), walk, out_strides[-axis]};
  for_any("argsort", x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    sort_lines("argsort", shape, LineSource<T>{x.data<T>(), walk, x.strides()[-axis]}, sink);
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// y_i = ln sum_j e^(s a_ij + v_j): a warp, or for long rows a block, shares a row.
//
// Its threads go over the row twice: for the largest exponent, which all of them then know, and for the sum of the
// terms relative to it. The second time the row comes from a cache. Which thread adds which terms depends on the length of
// a row alone, and lanes meet in pairs, so results repeat bit for bit.
#include <cmath>

#include "engine/cuda/kernels.h"
#include "engine/cuda/pack.h"
#include "engine/cuda/reduction.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

constexpr unsigned kRowBlock = 256;
constexpr std::int64_t kLongRow = 2048;

struct ExponentShape {
  Walk<2> rows{};  // where a row of a, and the vector that belongs to it, begin
  std::int64_t outputs = 0, n = 0, a_stride = 0, v_stride = 0;
};

template <class T>
struct WarpParts {
  T of[kRowBlock / 32];
};

// What `lanes` neighbouring threads hold, 32 or the block, combined and known to all of them.
template <template <class> class R, class T>
__device__ T combine_lanes(T x, int lanes) {
  for (int half = 16; half > 0; half /= 2) x = R<T>::combine(x, shuffle_xor(x, half));
  if (lanes == 32) return x;
  auto& parts = shared_memory<WarpParts<T>>();
  __syncthreads();  // the parts of the last call have been read
  if (threadIdx.x % 32 == 0) parts.of[threadIdx.x / 32] = x;
  __syncthreads();
  x = parts.of[0];
  for (unsigned w = 1; w < kRowBlock / 32; ++w) x = R<T>::combine(x, parts.of[w]);
  return x;
}

template <class T>
__global__ void log_matvec_rows(T* out, const T* a, const T* v, const T* scale, ExponentShape shape, int lanes) {
  const std::int64_t row = thread_in_grid() / lanes;
  const auto lane = static_cast<std::int64_t>(threadIdx.x % static_cast<unsigned>(lanes));
  const bool exists = row < shape.outputs;
  const auto begin = shape.rows.offsets(exists ? row : 0);
  const T *entries = a + begin.of[0], *terms = v + begin.of[1], s = *scale;
  const auto exponent = [&](std::int64_t j) { return fma(s, entries[j * shape.a_stride], terms[j * shape.v_stride]); };
  T largest = kLeast<T>;
  for (std::int64_t j = lane; j < shape.n; j += lanes) largest = Largest<T>::combine(largest, exponent(j));
  largest = combine_lanes<Largest>(largest, lanes);
  const T shift =
      largest - largest == T(0) ? largest : T(0);  // an infinite exponent makes the sum 0 or infinite itself
  T sum = T(0);
  for (std::int64_t j = lane; j < shape.n; j += lanes) sum += exp(exponent(j) - shift);
  sum = combine_lanes<Summation>(sum, lanes);
  if (exists && lane == 0) out[row] = log(sum) + shift;
}

ExponentShape shape_of(const KernelCall& call) {
  const Tensor &a = *call.inputs[0], &v = *call.inputs[1];
  const Strides vectors = v.strides().part(0, v.rank() - 1) + Dims::filled(1, 0);
  return {.rows = make_walk<2>(call.output.shape(), {a.strides().part(0, a.rank() - 1), vectors}),
          .outputs = call.output.size(),
          .n = a.shape()[-1],
          .a_stride = a.strides()[-1],
          .v_stride = v.strides()[-1]};
}

}  // namespace

void log_matvec_kernel(const KernelCall& call) {
  const ExponentShape shape = shape_of(call);
  if (shape.outputs == 0) return;
  const bool by_block = shape.n > kLongRow;
  const int lanes = by_block ? static_cast<int>(kRowBlock) : 32;
  const std::int64_t threads = shape.outputs * lanes;
  const unsigned block = by_block ? kRowBlock : block_for(threads, 128);
  const auto grid = static_cast<unsigned>(ceil_div(threads, block));
  for_floating("log_matvec", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    launch({.grid = {grid}, .block = {block}, .op = "log_matvec"}, log_matvec_rows<T>, call.output.mutable_data<T>(),
           call.inputs[0]->data<T>(), call.inputs[1]->data<T>(), call.inputs[2]->data<T>(), shape, lanes);
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

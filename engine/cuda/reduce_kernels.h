// The two kernels of a stage of a reduction, and what their threads do. See reduce.cu.
#pragma once

#include "engine/cuda/kernels.h"
#include "engine/cuda/pack.h"
#include "engine/cuda/reduction.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

inline constexpr int kFlight = 4;  // chains, and loads of a thread that wait for memory together
inline constexpr unsigned kReduceBlock = 256;

// `outputs` results of n >= 1 elements each, in chunks.
struct Stage {
  Walk<1> kept{}, reduced{};
  std::int64_t outputs = 0, n = 0, chunk = 0, chunks = 1;
};

// W elements of each of kFlight chains; W elements of one result or of W neighbouring ones.
template <class T, int W>
struct Flight {
  Pack<T, W> pack[kFlight];
};

// From position i on, `step` apart, those before `end`.
template <class T, int W>
__device__ __forceinline__ Flight<T, W> load_flight(const T* x, const Walk<1>& reduced, std::int64_t i,
                                                    std::int64_t step, std::int64_t end) {
  Flight<T, W> flight{};
#pragma unroll
  for (int k = 0; k < kFlight; ++k)
    if (i + k * step < end) flight.pack[k] = load_pack<T, W>(x + reduced.offsets(i + k * step).of[0]);
  return flight;
}

template <class To, class R>
__device__ __forceinline__ To result_of(typename R::Acc acc) {
  if constexpr (std::is_same_v<To, typename R::Acc>)
    return acc;
  else
    return R::finish(acc);
}

// -- rows --

// What one of `lanes` threads combines of the positions begin … end.
template <class R, int W>
__device__ typename R::Acc reduce_positions(const typename R::In* x, const Walk<1>& reduced, std::int64_t begin,
                                            std::int64_t end, int lane, int lanes) {
  using T = typename R::In;
  typename R::Acc acc[kFlight];
#pragma unroll
  for (int k = 0; k < kFlight; ++k) acc[k] = R::identity();
  const std::int64_t step = std::int64_t{lanes} * W, whole = end - (end - begin) % W;
  for (std::int64_t i = begin + std::int64_t{lane} * W; i < whole; i += kFlight * step) {
    const Flight<T, W> flight = load_flight<T, W>(x, reduced, i, step, whole);
#pragma unroll
    for (int k = 0; k < kFlight; ++k) {
      if (i + k * step >= whole) continue;
#pragma unroll
      for (int w = 0; w < W; ++w) acc[k] = R::combine(acc[k], R::lift(flight.pack[k].value[w], i + k * step + w));
    }
  }
  for (std::int64_t i = whole + lane; i < end; i += lanes)
    acc[0] = R::combine(acc[0], R::lift(x[reduced.offsets(i).of[0]], i));
  return R::combine(R::combine(acc[0], acc[1]), R::combine(acc[2], acc[3]));
}

// To the first of 2, 4, … 32 neighbouring lanes.
template <class R>
__device__ __forceinline__ typename R::Acc reduce_lanes(typename R::Acc acc, int lanes) {
  for (int half = lanes / 2; half > 0; half /= 2) acc = R::combine(acc, shuffle_xor(acc, half));
  return acc;
}

template <class A>
struct WarpResults {
  A of[kReduceBlock / 32];
};

// To the first thread of a block of kReduceBlock threads.
template <class R>
__device__ typename R::Acc reduce_block(typename R::Acc acc) {
  auto& results = shared_memory<WarpResults<typename R::Acc>>();
  acc = reduce_lanes<R>(acc, 32);
  if (threadIdx.x % 32 == 0) results.of[threadIdx.x / 32] = acc;
  __syncthreads();
  if (threadIdx.x >= 32) return acc;
  constexpr unsigned warps = kReduceBlock / 32;
  return reduce_lanes<R>(results.of[threadIdx.x % warps], warps);
}

// to[output][chunk]. `lanes` neighbouring threads share a result: a power of two up to 32, or kReduceBlock.
template <class R, class To, int W>
__global__ void reduce_rows(To* to, const typename R::In* x, Stage stage, int lanes) {
  const std::int64_t group = thread_in_grid() / lanes;
  const int lane = static_cast<int>(threadIdx.x % static_cast<unsigned>(lanes));
  const bool exists = group < stage.outputs * stage.chunks;
  typename R::Acc acc = R::identity();
  if (exists) {
    const std::int64_t output = group / stage.chunks, begin = (group - output * stage.chunks) * stage.chunk;
    const std::int64_t end = begin + stage.chunk < stage.n ? begin + stage.chunk : stage.n;
    acc = reduce_positions<R, W>(x + stage.kept.offsets(output).of[0], stage.reduced, begin, end, lane, lanes);
  }
  acc = lanes > 32 ? reduce_block<R>(acc) : reduce_lanes<R>(acc, lanes);
  if (exists && lane == 0) to[group] = result_of<To, R>(acc);
}

// -- columns --

template <class A, int W>
struct Accumulators {
  A of[W];
};

// W neighbouring results from the positions first, first + step, … before end.
template <class R, int W>
__device__ Accumulators<typename R::Acc, W> reduce_neighbours(const typename R::In* x, const Walk<1>& reduced,
                                                              std::int64_t first, std::int64_t end, std::int64_t step) {
  using T = typename R::In;
  Accumulators<typename R::Acc, W> acc[kFlight];
#pragma unroll
  for (int k = 0; k < kFlight * W; ++k) acc[k / W].of[k % W] = R::identity();
  for (std::int64_t i = first; i < end; i += kFlight * step) {
    const Flight<T, W> flight = load_flight<T, W>(x, reduced, i, step, end);
#pragma unroll
    for (int k = 0; k < kFlight; ++k) {
      if (i + k * step >= end) continue;
#pragma unroll
      for (int w = 0; w < W; ++w)
        acc[k].of[w] = R::combine(acc[k].of[w], R::lift(flight.pack[k].value[w], i + k * step));
    }
  }
#pragma unroll
  for (int w = 0; w < W; ++w)
    acc[0].of[w] = R::combine(R::combine(acc[0].of[w], acc[1].of[w]), R::combine(acc[2].of[w], acc[3].of[w]));
  return acc[0];
}

// From the rows of threads to the first row; the number of rows is a power of two.
template <class R, int W>
__device__ void reduce_thread_rows(Accumulators<typename R::Acc, W>& acc) {
  auto* shared = dynamic_shared<Accumulators<typename R::Acc, W>>();
  auto* own = shared + threadIdx.y * blockDim.x + threadIdx.x;
  *own = acc;
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y >= half) continue;
    const auto& other = own[half * blockDim.x];
#pragma unroll
    for (int w = 0; w < W; ++w) acc.of[w] = R::combine(acc.of[w], other.of[w]);
    *own = acc;
  }
}

// to[chunk][output].
template <class R, class To, int W>
__global__ void reduce_columns(To* to, const typename R::In* x, Stage stage, std::int64_t column_blocks) {
  const std::int64_t chunk = blockIdx.x / column_blocks;
  const std::int64_t output = ((blockIdx.x - chunk * column_blocks) * blockDim.x + threadIdx.x) * W;
  const std::int64_t begin = chunk * stage.chunk;
  const std::int64_t end = begin + stage.chunk < stage.n ? begin + stage.chunk : stage.n;
  const bool exists = output < stage.outputs;
  const typename R::In* columns = x + (exists ? stage.kept.offsets(output).of[0] : 0);
  auto acc = reduce_neighbours<R, W>(columns, stage.reduced, begin + threadIdx.y, exists ? end : begin, blockDim.y);
  if (blockDim.y > 1) reduce_thread_rows<R, W>(acc);
  if (!exists || threadIdx.y > 0) return;
  Pack<To, W> results;
#pragma unroll
  for (int w = 0; w < W; ++w) results.value[w] = result_of<To, R>(acc.of[w]);
  store_pack<To, W>(to + chunk * stage.outputs + output, results);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

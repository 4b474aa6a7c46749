// Random tensors from Philox: engine/philox.h says what the numbers are, engine/cpu/random-inl.h how they are laid out.
//
// Element i is a function of (seed, counter, i), so threads need nothing from each other. The counter is read by
// the kernel, because a recorded launch must see the counter of its replay. A permutation is the order that sorts
// random keys, ties by position.
#include "engine/cuda/sort.h"
#include "engine/philox.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

// What a kernel is told of its stream.
struct StreamSource {
  std::uint64_t seed;
  const std::int64_t* counter;
  __device__ PhiloxStream stream() const { return {seed, static_cast<std::uint64_t>(*counter)}; }
};

StreamSource source_of(const KernelCall& call) { return {call.attributes.seed, call.inputs[0]->data<std::int64_t>()}; }

template <class T>
struct Uniform {
  __device__ static RandomPair<T> pair(const PhiloxPair& bits) { return uniform_pair<T>(bits); }
};
template <class T>
struct Normal {
  __device__ static RandomPair<T> pair(const PhiloxPair& bits) { return normal_pair<T>(bits); }
};

// A thread makes elements 2b and 2b + 1, and writes them together.
template <class Make, class T>
__global__ void fill_pairs(T* out, std::int64_t count, StreamSource source) {
  const PhiloxStream stream = source.stream();
  for (std::int64_t b = thread_in_grid(); 2 * b < count; b += threads_in_grid()) {
    const RandomPair<T> pair = Make::pair(pair_of(stream.block(static_cast<std::uint64_t>(b))));
    if (2 * b + 1 < count)
      store_pack<T, 2>(out + 2 * b, {{pair.first, pair.second}});
    else
      out[2 * b] = pair.first;
  }
}

template <template <class> class Make>
void fill(const char* op, const KernelCall& call) {
  const std::int64_t count = call.output.size(), pairs = ceil_div(count, 2);
  if (count == 0) return;
  const unsigned block = block_for(pairs, 256);
  for_floating(op, call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    launch({.grid = {grid_for(pairs, block)}, .block = {block}, .op = op}, fill_pairs<Make<T>, T>,
           call.output.mutable_data<T>(), count, source_of(call));
  });
}

// The 32 lanes of a warp compute the same block of 128 bits, and each takes one bit of each word: neighbours write
// neighbours.
template <class T>
__global__ void fill_signs(T* out, std::int64_t count, StreamSource source) {
  const PhiloxStream stream = source.stream();
  const std::int64_t lane = threadIdx.x % 32;
  for (std::int64_t b = thread_in_grid() / 32; 128 * b < count; b += threads_in_grid() / 32) {
    const PhiloxWords words = stream.block(static_cast<std::uint64_t>(b));
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const std::int64_t i = 128 * b + 32 * w + lane;
      if (i < count) out[i] = words[w] >> lane & 1u ? T(1) : T(-1);
    }
  }
}

struct BitsSource {
  StreamSource source;
  __device__ std::uint64_t operator()(std::int64_t, std::int64_t i) const {
    const PhiloxPair pair = pair_of(source.stream().block(static_cast<std::uint64_t>(i / 2)));
    return i % 2 ? pair.second : pair.first;
  }
};

struct PermutationSink {
  std::int64_t* out;
  __device__ void operator()(std::int64_t, std::int64_t rank, const SortItem& item) const { out[rank] = item.position; }
};

}  // namespace

void random_uniform_kernel(const KernelCall& call) { fill<Uniform>("random_uniform", call); }
void random_normal_kernel(const KernelCall& call) { fill<Normal>("random_normal", call); }

void random_rademacher_kernel(const KernelCall& call) {
  const std::int64_t count = call.output.size();
  if (count == 0) return;
  const std::int64_t threads = ceil_div(count, 128) * 32;
  const unsigned block = block_for(threads, 256);
  for_floating("random_rademacher", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    launch({.grid = {grid_for(threads, block)}, .block = {block}, .op = "random_rademacher"}, fill_signs<T>,
           call.output.mutable_data<T>(), count, source_of(call));
  });
}

void random_permutation_kernel(const KernelCall& call) {
  if (call.output.dtype() != DType::Int64) no_kernel("random_permutation", call.output.dtype());
  sort_lines("random_permutation", {.lines = 1, .length = call.output.size()}, BitsSource{source_of(call)},
             PermutationSink{call.output.mutable_data<std::int64_t>()});
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

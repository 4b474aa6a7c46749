// y_i = ln sum_j e^(s a_ij + v_j): a team of threads shares a row.
//
// Its threads go over the row twice: for the largest exponent, which all of them then know, and for the sum of the
// terms relative to it. The second time the row comes from a cache. Neighbouring threads read neighbouring numbers: where
// those are the entries of a row, the team is a warp, or for long rows a block; where they are entries of different rows,
// as in a transposed matrix, the lanes of each warp have a row each, and the team of a row is one lane of every
// warp of a block. Which thread adds which terms depends on the layout and the length of a row alone, and sums are
// combined in one order, so results repeat bit for bit.
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
struct PartsOfWarps {
  T of[kRowBlock / 32];
};
template <class T>
struct PartsOfLanes {
  T of[kRowBlock / 32][32];
};

// A team of `lanes` neighbouring threads, 32 or the block.
struct Neighbours {
  int lanes;
  __device__ std::int64_t row() const { return thread_in_grid() / lanes; }
  __device__ std::int64_t first() const { return threadIdx.x % static_cast<unsigned>(lanes); }
  __device__ std::int64_t size() const { return lanes; }

  // What the threads hold, combined and known to all of them.
  template <template <class> class R, class T>
  __device__ T combine(T x) const {
    for (int half = 16; half > 0; half /= 2) x = R<T>::combine(x, shuffle_xor(x, half));
    if (lanes == 32) return x;
    auto& parts = shared_memory<PartsOfWarps<T>>();
    __syncthreads();  // the parts of the last call have been read
    if (threadIdx.x % 32 == 0) parts.of[threadIdx.x / 32] = x;
    __syncthreads();
    x = parts.of[0];
    for (unsigned w = 1; w < kRowBlock / 32; ++w) x = R<T>::combine(x, parts.of[w]);
    return x;
  }
};

// A team of one lane of every warp of a block; the lanes of a warp have neighbouring rows.
struct OfEveryWarp {
  __device__ std::int64_t row() const { return std::int64_t{blockIdx.x} * 32 + threadIdx.x % 32; }
  __device__ std::int64_t first() const { return threadIdx.x / 32; }
  __device__ std::int64_t size() const { return kRowBlock / 32; }

  template <template <class> class R, class T>
  __device__ T combine(T x) const {
    auto& parts = shared_memory<PartsOfLanes<T>>();
    const unsigned lane = threadIdx.x % 32;
    __syncthreads();  // as above
    parts.of[threadIdx.x / 32][lane] = x;
    __syncthreads();
    x = parts.of[0][lane];
    for (unsigned w = 1; w < kRowBlock / 32; ++w) x = R<T>::combine(x, parts.of[w][lane]);
    return x;
  }
};

template <class T, class Team>
__global__ void log_matvec_rows(T* out, const T* a, const T* v, const T* scale, ExponentShape shape, Team team) {
  const std::int64_t row = team.row();
  const bool exists = row < shape.outputs;
  const auto begin = shape.rows.offsets(exists ? row : 0);
  const T *entries = a + begin.of[0], *terms = v + begin.of[1], s = *scale;
  const auto exponent = [&](std::int64_t j) { return fma(s, entries[j * shape.a_stride], terms[j * shape.v_stride]); };
  T largest = kLeast<T>;
  for (std::int64_t j = team.first(); j < shape.n; j += team.size())
    largest = Largest<T>::combine(largest, exponent(j));
  largest = team.template combine<Largest>(largest);
  const T shift =
      largest - largest == T(0) ? largest : T(0);  // an infinite exponent makes the sum 0 or infinite itself
  T sum = T(0);
  for (std::int64_t j = team.first(); j < shape.n; j += team.size()) sum += exp(exponent(j) - shift);
  sum = team.template combine<Summation>(sum);
  if (exists && team.first() == 0) out[row] = log(sum) + shift;
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
  const auto start = [&](auto team, std::int64_t blocks, unsigned block) {
    for_floating("log_matvec", call.output.dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      launch({.grid = {static_cast<unsigned>(blocks)}, .block = {block}, .op = "log_matvec"},
             log_matvec_rows<T, decltype(team)>, call.output.mutable_data<T>(), call.inputs[0]->data<T>(),
             call.inputs[1]->data<T>(), call.inputs[2]->data<T>(), shape, team);
    });
  };
  const Strides& strides = call.inputs[0]->strides();
  if (strides[-2] == 1 && strides[-1] != 1) return start(OfEveryWarp{}, ceil_div(shape.outputs, 32), kRowBlock);
  const bool by_block = shape.n > kLongRow;
  const int lanes = by_block ? static_cast<int>(kRowBlock) : 32;
  const std::int64_t threads = shape.outputs * lanes;
  const unsigned block = by_block ? kRowBlock : block_for(threads, 128);
  start(Neighbours{lanes}, ceil_div(threads, block), block);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// Rung 7, float32 by three products of TF32 numbers as in gemm_tf32x3.cu, but by the instruction of Hopper's warpgroups
// (engine/cuda/wgmma.h), which runs beside the program. Two warpgroups of 64 x 128 entries, tiles of 32 terms.
//
// The instruction wants B in shared memory, a line of terms for each column: a tile of B is split into its two parts, and
// turned where it runs along its side, on the way from the tile that copies have filled; once for all warps. It is written
// in the swizzled form, without bank conflicts on either side. Every number of A is needed by one thread alone, which
// splits it in registers. While the tensor cores work on a tile, the threads split the next.
//
// What the sums lose, in units of u = 2^-24 times the sum of the |a b| of an entry. The tensor core adds 8 products to its
// sum, cut off at the scale of the largest of the 9 numbers: at most 9 units if it keeps one bit more than float32, as was
// measured on earlier chips (Fasi, Higham, Mikaitis & Pranesh, Numerical behavior of NVIDIA tensor cores, 2021), and at
// most 2 units more for its result. A tile of 32 terms takes four such steps for big(a) big(b), on top of the small
// products, of which the error does not count: 44 units. The splitting costs 4. Tiles are added by ordinary, rounding
// instructions: in all 48 + k / 32 units for k terms, where sums in float32 lose up to k.
#include "engine/cuda/gemm_tiles.cuh"
#include "engine/cuda/wgmma.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr int kSide = 128, kDepth = 32, kThreads = 256, kStages = 3, kSteps = kDepth / 8;

template <Along along>
using Tile = FragmentTile<float, along, kSide, kThreads, kDepth>;

// A tile of B in two parts: 128 lines of 32 terms, 128 bytes each, with the 16-byte chunks of a line swizzled.
struct SplitTile {
  std::uint32_t big[kSide * kDepth], small[kSide * kDepth];
};
constexpr SharedLayout kSplitLayout{Swizzle::Bytes128, 8 * kDepth * sizeof(float)};

[[maybe_unused]] __device__ __forceinline__ void write_chunk(std::uint32_t* to, const std::uint32_t (&x)[4]) {
  *reinterpret_cast<uint4*>(to) = make_uint4(x[0], x[1], x[2], x[3]);
}

// Neighbouring threads take neighbours in memory: chunks of a line that runs along the depth, columns otherwise.
template <class TileB, Along along>
__device__ __forceinline__ void split_tile(const float* tile, SplitTile& to) {
  constexpr int kChunks = kDepth / 4;
#pragma unroll
  for (int n = 0; n < kSide * kChunks / kThreads; ++n) {
    const int i = static_cast<int>(threadIdx.x) + n * kThreads;
    const int column = along == Along::Depth ? i / kChunks : i % kSide;
    const int chunk = along == Along::Depth ? i % kChunks : i / kSide;
    float x[4];
    if constexpr (along == Along::Depth) {
      read4(TileB::place(tile, column, 4 * chunk), x);
    } else {
#pragma unroll
      for (int e = 0; e < 4; ++e) x[e] = TileB::at(tile, column, 4 * chunk + e);
    }
    Split<4> parts;
#pragma unroll
    for (int e = 0; e < 4; ++e) parts.set(e, x[e]);
    const int place = column * kDepth + (chunk ^ column % 8) * 4;
    write_chunk(to.big + place, parts.big);
    write_chunk(to.small + place, parts.small);
  }
}

using Fragments = Split<4>[kSteps];

template <class TileA>
__device__ __forceinline__ void read_fragments(const float* tile, int row, float (&a)[kSteps][4]) {
  const int g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
  for (int k = 0; k < kSteps; ++k) {
#pragma unroll
    for (int e = 0; e < 4; ++e) a[k][e] = TileA::at(tile, row + g + e % 2 * 8, 8 * k + t + e / 2 * 4);
  }
}

// few = A B for the terms of a tile, the small products first. Runs on after the call. (Without a use where there are no
// warpgroups.)
[[maybe_unused]] __device__ __forceinline__ void start_products(float (&few)[64], const Fragments& a,
                                                                const SplitTile& b) {
  const std::uint64_t big = wgmma_descriptor(b.big, kSplitLayout), small = wgmma_descriptor(b.small, kSplitLayout);
  wgmma_fence();
#pragma unroll
  for (int k = 0; k < kSteps; ++k) {
    wgmma_tf32(few, a[k].small, wgmma_advance(big, 32 * k), k > 0);
    wgmma_tf32(few, a[k].big, wgmma_advance(small, 32 * k), true);
  }
#pragma unroll
  for (int k = 0; k < kSteps; ++k) wgmma_tf32(few, a[k].big, wgmma_advance(big, 32 * k), true);
  wgmma_commit();
}

// sums = A B. The first barrier of a turn says: the tile that is split next has arrived, the one that is multiplied now
// has been split, and all threads are done with what is overwritten.
template <Along AlongA, Along AlongB>
__device__ __forceinline__ void sum_products(const Place<float>& place, int row, float (&sums)[64]) {
  using TileA = Tile<AlongA>;
  using TileB = Tile<AlongB>;
  auto* const split = dynamic_shared<SplitTile>();
  auto* const a_tiles = reinterpret_cast<float*>(split + 2);
  float* const b_tiles = a_tiles + kStages * TileA::kSize;
  const TileA a_tile(place.a);
  const TileB b_tile(place.b);
  const auto load = [&](int term, int stage) {
    if (term < place.end) a_tile.load(a_tiles + stage * TileA::kSize, term);
    if (term < place.end) b_tile.load(b_tiles + stage * TileB::kSize, term);
    cp_async_commit();
  };
  Fragments a;
  float next[kSteps][4];  // of A
  const auto split_stage = [&](int stage, int turn) {
    split_tile<TileB, AlongB>(b_tiles + stage * TileB::kSize, split[turn]);
    read_fragments<TileA>(a_tiles + stage * TileA::kSize, row, next);
    fence_proxy_async();
  };
  for (int i = 0; i < kStages; ++i) load(place.begin + i * kDepth, i);
  cp_async_wait<kStages - 1>();
  __syncthreads();
  split_stage(0, 0);
  int stage = 0, turn = 0;
  for (int term = place.begin; term < place.end; term += kDepth, stage = (stage + 1) % kStages, turn ^= 1) {
    cp_async_wait<kStages - 2>();
    __syncthreads();
    load(term + kStages * kDepth, stage);  // all of this tile has been read
#pragma unroll
    for (int i = 0; i < 4 * kSteps; ++i) a[i / 4].set(i % 4, next[i / 4][i % 4]);
    float few[64];
    start_products(few, a, split[turn]);
    split_stage((stage + 1) % kStages, turn ^ 1);
    wgmma_wait<0>(few);
#pragma unroll
    for (int i = 0; i < 64; ++i) sums[i] += few[i];
  }
}

template <Along AlongA, Along AlongB>
__global__ void __launch_bounds__(kThreads) wgmma_tf32x3_kernel(GemmArguments<float> p) {
  if constexpr (kHasWgmma) {
    const auto place = place_of_block<kSide, kSide>(p);
    const int lane = static_cast<int>(threadIdx.x) % 32, row = static_cast<int>(threadIdx.x) / 32 * 16;
    float sums[64] = {};
    sum_products<AlongA, AlongB>(place, row, sums);
    const Result result(p, place);
#pragma unroll
    for (int i = 0; i < 64; ++i)
      result.store(row + lane / 4 + i / 2 % 2 * 8, i / 4 * 8 + lane % 4 * 2 + i % 2, sums[i]);
  } else {
    __trap();  // gemm() refuses
  }
}

}  // namespace

void wgmma_tf32x3_gemm(const GemmArguments<float>& p, const GemmGrid& grid) {
  LaunchShape shape = tile_launch(kSide, kSide, {p.rows, p.cols, p.depth}, grid, {kThreads});
  for_layouts(p.a.along, p.b.along, [&](auto a, auto b) {
    shape.dynamic_shared = 2 * sizeof(SplitTile) + sizeof(float) * kStages * (Tile<a()>::kSize + Tile<b()>::kSize);
    launch(shape, wgmma_tf32x3_kernel<a(), b()>, p);
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

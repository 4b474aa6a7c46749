// Rung 5, float32 on tensor cores that multiply numbers of 11 significant bits (TF32). Each number is split into a big
// part, rounded to TF32, and a small one, the rest rounded to TF32, and
//
//   a b = big(a) big(b) + big(a) small(b) + small(a) big(b) + less than 2^-22 |a b|
//
// Tensor cores truncate when they add. So sums of 8 terms leave them and are added by ordinary instructions, which
// round: Ootomo & Yokota, Recovering single precision accuracy from Tensor Cores while surpassing the FP32 theoretical
// peak performance (2022). An infinity has no small part: products with one are NaN, as may be those with numbers above
// 3.4e38 that round up to one.
#include "engine/cuda/gemm_epilogue.cuh"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

// Four warps of 64 x 32 entries, in fragments of 16 x 8; three stages. Three blocks fit on a multiprocessor: with more
// threads in each the registers would not suffice.
constexpr int kRows = 128, kCols = 64, kThreads = 128, kStages = 3, kFragmentsM = 4, kFragmentsN = 4;

using Sums = float[kFragmentsM][kFragmentsN][4];

// One row of fragments, two at a time: products that depend on each other are kept apart, and registers are few.
__device__ __forceinline__ void add_row(float (&sums)[kFragmentsN][4], const Split<4>& a,
                                        const Split<2> (&b)[kFragmentsN]) {
#pragma unroll
  for (int j = 0; j < kFragmentsN; j += 2) {
    float few[2][4] = {};
    mma_tf32(few[0], a.small, b[j].big);
    mma_tf32(few[1], a.small, b[j + 1].big);
    mma_tf32(few[0], a.big, b[j].small);
    mma_tf32(few[1], a.big, b[j + 1].small);
    mma_tf32(few[0], a.big, b[j].big);
    mma_tf32(few[1], a.big, b[j + 1].big);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      sums[j][e] += few[0][e];
      sums[j + 1][e] += few[1][e];
    }
  }
}

template <class TileA, class TileB>
__device__ __forceinline__ void add_products(const float* a_tile, const float* b_tile, int i0, int j0, Sums& sums) {
  const int g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll 1
  for (int k = 0; k < TileA::kDepth; k += 8) {
    Split<2> b[kFragmentsN];
#pragma unroll
    for (int j = 0; j < kFragmentsN; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) b[j].set(e, TileB::at(b_tile, j0 + 8 * j + g, k + t + 4 * e));
    }
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) {
      Split<4> a;
#pragma unroll
      for (int e = 0; e < 4; ++e) a.set(e, TileA::at(a_tile, i0 + 16 * i + g + e % 2 * 8, k + t + e / 2 * 4));
      add_row(sums[i], a, b);
    }
  }
}

template <Along along, int Side>
using Tile = FragmentTile<float, along, Side, kThreads>;

template <Along AlongA, Along AlongB, class Follower>
__global__ void __launch_bounds__(kThreads, 3)
    tf32x3_kernel(GemmArguments<float> p, const __grid_constant__ Follower epilogue) {
  using TileA = Tile<AlongA, kRows>;
  using TileB = Tile<AlongB, kCols>;
  const auto place = place_of_block<kRows, kCols>(p);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int i0 = warp / 2 * 64, j0 = warp % 2 * 32;
  Sums sums = {};
  for_fragment_tiles<kStages, TileA, TileB>(
      place, dynamic_shared<float>(),
      [&](const float* a_tile, const float* b_tile) { add_products<TileA, TileB>(a_tile, b_tile, i0, j0, sums); });
  const Result result(p, place);
#pragma unroll
  for (int i = 0; i < kFragmentsM; ++i) {
#pragma unroll
    for (int j = 0; j < kFragmentsN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e)
        result.store(i0 + 16 * i + lane / 4 + e / 2 * 8, j0 + 8 * j + lane % 4 * 2 + e % 2, sums[i][j][e]);
    }
  }
  run_epilogue<kRows, kCols>(epilogue, p, place);
}

}  // namespace

void tf32x3_gemm(const GemmArguments<float>& p, const GemmGrid& grid, const Epilogue* epilogue) {
  LaunchShape shape = tile_launch(kRows, kCols, {p.rows, p.cols, p.depth}, grid, {kThreads});
  with_epilogue(epilogue, kThreads, [&]<class Follower>(const Follower& follower, std::size_t slot_bytes) {
    for_layouts(p.a.along, p.b.along, [&](auto a, auto b) {
      constexpr std::size_t tile_bytes = sizeof(float) * kStages * (Tile<a(), kRows>::kSize + Tile<b(), kCols>::kSize);
      shape.dynamic_shared = std::max(tile_bytes, slot_bytes);
      if constexpr (kExists<Follower, a()>) launch(shape, tf32x3_kernel<a(), b(), Follower>, p, follower);
    });
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

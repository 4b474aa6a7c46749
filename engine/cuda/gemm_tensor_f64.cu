// Rung 6, float64 on tensor cores, whose products and sums of doubles are rounded as ordinary ones are. Four warps of
// 32 x 32 entries in fragments of 8 x 8; three stages of 16 terms.
#include "engine/cuda/gemm_tiles.cuh"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr int kSide = 64, kThreads = 128, kStages = 3, kFragments = 4;

using Sums = double[kFragments][kFragments][2];

template <class TileA, class TileB>
__device__ __forceinline__ void add_products(const double* a_tile, const double* b_tile, int i0, int j0, Sums& sums) {
  const int g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
  for (int k = 0; k < TileA::kDepth; k += 4) {
    double a[kFragments], b[kFragments];
#pragma unroll
    for (int i = 0; i < kFragments; ++i) a[i] = TileA::at(a_tile, i0 + 8 * i + g, k + t);
#pragma unroll
    for (int j = 0; j < kFragments; ++j) b[j] = TileB::at(b_tile, j0 + 8 * j + g, k + t);
#pragma unroll
    for (int i = 0; i < kFragments; ++i) {
#pragma unroll
      for (int j = 0; j < kFragments; ++j) mma_f64(sums[i][j], a[i], b[j]);
    }
  }
}

template <Along along>
using Tile = FragmentTile<double, along, kSide, kThreads>;

template <Along AlongA, Along AlongB>
__global__ void __launch_bounds__(kThreads) tensor_f64_kernel(GemmArguments<double> p) {
  using TileA = Tile<AlongA>;
  using TileB = Tile<AlongB>;
  const auto place = place_of_block<kSide, kSide>(p);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int i0 = warp / 2 * 32, j0 = warp % 2 * 32;
  Sums sums = {};
  for_fragment_tiles<kStages, TileA, TileB>(
      place, dynamic_shared<double>(),
      [&](const double* a_tile, const double* b_tile) { add_products<TileA, TileB>(a_tile, b_tile, i0, j0, sums); });
  const Result result(p, place);
#pragma unroll
  for (int i = 0; i < kFragments; ++i) {
#pragma unroll
    for (int j = 0; j < kFragments; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) result.store(i0 + 8 * i + lane / 4, j0 + 8 * j + lane % 4 * 2 + e, sums[i][j][e]);
    }
  }
}

}  // namespace

void tensor_f64_gemm(const GemmArguments<double>& p, const GemmGrid& grid) {
  LaunchShape shape = tile_launch(kSide, kSide, {p.rows, p.cols, p.depth}, grid, {kThreads});
  for_layouts(p.a.along, p.b.along, [&](auto a, auto b) {
    shape.dynamic_shared = sizeof(double) * kStages * (Tile<a()>::kSize + Tile<b()>::kSize);
    launch(shape, tensor_f64_kernel<a(), b()>, p);
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

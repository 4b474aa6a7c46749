// Rung 4, float32. Asynchronous copies fill one half of shared memory while the block computes from the other, with one
// barrier per tile, and each warp has a compact part of C: its 8 x 4 lanes read 8 neighbouring quads of A and 4 of B,
// each in one access without bank conflicts.
//
// In shared memory both tiles run along their side, as the outer products want them. A factor that runs along the depth
// is transposed by copies of 4 bytes: a warp takes 8 terms of 4 lines, whole sectors of 32 bytes in global memory, and
// with lines 4 mod 32 numbers apart all of shared memory's banks.
#include "engine/cuda/gemm_epilogue.cuh"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr int kDepth = 16;

// WarpsM x WarpsN warps of 32 QuadsM x 16 QuadsN entries.
template <int WarpsM, int WarpsN, int QuadsM, int QuadsN>
struct WarpTiles {
  static constexpr int kQuadsM = QuadsM, kQuadsN = QuadsN, kWarpsN = WarpsN;
  static constexpr int kRows = WarpsM * QuadsM * 32, kCols = WarpsN * QuadsN * 16, kThreads = WarpsM * WarpsN * 32;
  struct Stage {
    alignas(16) float a[kDepth][kRows + 4];
    alignas(16) float b[kDepth][kCols + 4];
  };
  struct Stages {
    Stage of[2];
  };
};
using LargeTile = WarpTiles<2, 4, 2, 2>;  // 128 x 128, 8 x 8 per thread
using SmallTile = WarpTiles<2, 2, 1, 2>;  // 64 x 64, 4 x 8 per thread

// The pointer steps from copy to copy: one address is all that stays in registers.
template <Along along, int Threads, int Side>
__device__ __forceinline__ void load_tile(float (&tile)[kDepth][Side + 4], const Strip<float>& strip, int term) {
  constexpr int kLines = Side / 4;  // of chunks
  constexpr int kStep = along == Along::Depth ? Threads / kDepth : Threads / kLines;
  const int id = static_cast<int>(threadIdx.x);
  const int side = along == Along::Depth ? id / 8 % 4 + id / 64 * 4 : id % kLines * 4;
  const int depth = along == Along::Depth ? id % 8 + id / 32 % 2 * 8 : id / kLines;
  const int sides_left = strip.side_end - strip.side - side, terms_left = strip.depth_end - term - depth;
  const float* from = strip.at<along>(side, term + depth);
#pragma unroll
  for (int line = 0; line < (along == Along::Depth ? Side : kDepth); line += kStep, from += kStep * strip.stride) {
    if constexpr (along == Along::Depth) {
      copy_one(&tile[depth][side + line], from, terms_left > 0 && sides_left > line);
    } else {
      copy_chunk(&tile[depth + line][side], from, terms_left > line ? sides_left : 0, strip.aligned);
    }
  }
}

template <class Tile, class Sums>
__device__ __forceinline__ void add_products(const typename Tile::Stage& stage, int i0, int j0, Sums& sums) {
#pragma unroll 4
  for (int k = 0; k < kDepth; ++k) {
    float a[4 * Tile::kQuadsM], b[4 * Tile::kQuadsN];
#pragma unroll
    for (int q = 0; q < Tile::kQuadsM; ++q) read4(&stage.a[k][i0 + 32 * q], a + 4 * q);
#pragma unroll
    for (int q = 0; q < Tile::kQuadsN; ++q) read4(&stage.b[k][j0 + 16 * q], b + 4 * q);
    add_outer(sums, a, b);
  }
}

template <class Tile, Along AlongA, Along AlongB, class Follower>
__global__ void __launch_bounds__(Tile::kThreads, 512 / Tile::kThreads)
    warp_tiled_kernel(GemmArguments<float> p, const __grid_constant__ Follower epilogue) {
  auto& stages = shared_memory<typename Tile::Stages>();
  const auto place = place_of_block<Tile::kRows, Tile::kCols>(p);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int i0 = warp / Tile::kWarpsN * 32 * Tile::kQuadsM + lane / 4 * 4;
  const int j0 = warp % Tile::kWarpsN * 16 * Tile::kQuadsN + lane % 4 * 4;
  float sums[4 * Tile::kQuadsM][4 * Tile::kQuadsN] = {};
  const auto load = [&](int term, int stage) {
    load_tile<AlongA, Tile::kThreads, Tile::kRows>(stages.of[stage].a, place.a, term);
    load_tile<AlongB, Tile::kThreads, Tile::kCols>(stages.of[stage].b, place.b, term);
  };
  const auto compute = [&](int stage) { add_products<Tile>(stages.of[stage], i0, j0, sums); };
  pipeline<2>(place.begin, place.end, kDepth, load, compute);
  const Result result(p, place);
#pragma unroll
  for (int i = 0; i < 4 * Tile::kQuadsM; ++i) {
#pragma unroll
    for (int q = 0; q < Tile::kQuadsN; ++q) result.store4(i0 + i / 4 * 32 + i % 4, j0 + 16 * q, &sums[i][4 * q]);
  }
  run_epilogue<Tile::kRows, Tile::kCols>(epilogue, p, place);
}

template <class Tile>
void launch_tile(const GemmArguments<float>& p, const GemmGrid& grid, const Epilogue* epilogue) {
  constexpr auto threads = static_cast<unsigned>(Tile::kThreads);
  LaunchShape shape = tile_launch(Tile::kRows, Tile::kCols, {p.rows, p.cols, p.depth}, grid, {threads});
  with_epilogue(epilogue, threads, [&]<class Follower>(const Follower& follower, std::size_t slot_bytes) {
    shape.dynamic_shared = slot_bytes;
    for_layouts(p.a.along, p.b.along, [&](auto a, auto b) {
      if constexpr (kExists<Follower, a()>) launch(shape, warp_tiled_kernel<Tile, a(), b(), Follower>, p, follower);
    });
  });
}

}  // namespace

void warp_tiled_gemm(const GemmArguments<float>& p, const GemmGrid& grid, bool large_tile, const Epilogue* epilogue) {
  (large_tile ? launch_tile<LargeTile> : launch_tile<SmallTile>)(p, grid, epilogue);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// Rung 3. A thread computes an 8 x 8 square of C (4 x 4 of doubles) from registers: 16 numbers from shared memory pay
// for 64 multiplications, and global and shared memory are read 16 bytes at a time. In shared memory both tiles run
// along their side; a factor that runs along the depth is transposed on the way.
#include "engine/cuda/gemm_tiles.cuh"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr int kDepth = 8, kThreads = 256;
template <class T>
inline constexpr int kSide = sizeof(T) == 4 ? 128 : 64;

// By depth and side. The padding keeps lines aligned to 16 bytes.
template <class T>
struct RegisterTiles {
  alignas(16) T a[kDepth][kSide<T> + 4];
  alignas(16) T b[kDepth][kSide<T> + 4];
};

// The first `valid` of four neighbours in memory, and zeros.
template <class T>
__device__ __forceinline__ void load4(const T* from, int valid, bool aligned, T (&to)[4]) {
  if (aligned && valid >= 4) return read4(from, to);
#pragma unroll
  for (int e = 0; e < 4; ++e) to[e] = e < valid ? from[e] : T(0);
}

template <Along along, class T>
__device__ __forceinline__ void load_tile(T (&tile)[kDepth][kSide<T> + 4], const Strip<T>& strip, int term) {
  constexpr int kQuads = kDepth * kSide<T> / 4, kPerLine = (along == Along::Depth ? kDepth : kSide<T>) / 4;
  const int id = static_cast<int>(threadIdx.x);
  if (id >= kQuads) return;
  const int line = id / kPerLine, place = id % kPerLine * 4;
  const int side = along == Along::Depth ? line : place, depth = along == Along::Depth ? place : line;
  const int sides_left = strip.side_end - strip.side - side, terms_left = strip.depth_end - term - depth;
  const bool exists = sides_left > 0 && terms_left > 0;
  T values[4] = {};
  if (exists) {
    const int length = along == Along::Depth ? terms_left : sides_left;
    load4(strip.template at<along>(side, term + depth), length, strip.aligned, values);
  }
  if constexpr (along == Along::Side) {
    write4(&tile[depth][side], values);
  } else {
#pragma unroll
    for (int e = 0; e < 4; ++e) tile[depth + e][side] = values[e];
  }
}

template <class T, Along AlongA, Along AlongB>
__global__ void __launch_bounds__(kThreads) vectorised_kernel(GemmArguments<T> p) {
  auto& tiles = shared_memory<RegisterTiles<T>>();
  const Place<T> place = place_of_block<kSide<T>, kSide<T>>(p);
  constexpr int kQuads = kSide<T> / 64;  // of rows, and of columns, 64 apart
  const int i0 = static_cast<int>(threadIdx.x) / 16 * 4, j0 = static_cast<int>(threadIdx.x) % 16 * 4;
  T sums[4 * kQuads][4 * kQuads] = {};
  for (int term = place.begin; term < place.end; term += kDepth) {
    load_tile<AlongA>(tiles.a, place.a, term);
    load_tile<AlongB>(tiles.b, place.b, term);
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      T a[4 * kQuads], b[4 * kQuads];
#pragma unroll
      for (int q = 0; q < kQuads; ++q) {
        read4(&tiles.a[k][i0 + 64 * q], a + 4 * q);
        read4(&tiles.b[k][j0 + 64 * q], b + 4 * q);
      }
      add_outer(sums, a, b);
    }
    __syncthreads();
  }
  const Result result(p, place);
#pragma unroll
  for (int i = 0; i < 4 * kQuads; ++i) {
#pragma unroll
    for (int q = 0; q < kQuads; ++q) result.store4(i0 + i / 4 * 64 + i % 4, j0 + 64 * q, &sums[i][4 * q]);
  }
}

}  // namespace

template <class T>
void vectorised_gemm(const GemmArguments<T>& p, const GemmGrid& grid) {
  const LaunchShape shape = tile_launch(kSide<T>, kSide<T>, {p.rows, p.cols, p.depth}, grid, {kThreads});
  for_layouts(p.a.along, p.b.along, [&](auto a, auto b) { launch(shape, vectorised_kernel<T, a(), b()>, p); });
}

template void vectorised_gemm(const GemmArguments<float>&, const GemmGrid&);
template void vectorised_gemm(const GemmArguments<double>&, const GemmGrid&);

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// Rungs 1 and 2. Naive: a thread per entry of C reads a row of A and a column of B, two numbers per multiplication.
// Tiled: a block copies squares of both factors to shared memory, so that each number is read from global memory once
// per 32 multiplications.
#include "engine/cuda/gemm_tiles.cuh"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr int kNaiveTile = 16, kTile = 32, kTiledRows = 8;

template <class T>
__global__ void __launch_bounds__(kNaiveTile* kNaiveTile) naive_kernel(GemmArguments<T> p) {
  const Place<T> place = place_of_block<kNaiveTile, kNaiveTile>(p);
  const int i = static_cast<int>(threadIdx.y), j = static_cast<int>(threadIdx.x);
  const int row = place.a.side + i, col = place.b.side + j;
  if (row >= p.rows || col >= p.cols) return;
  const std::int64_t a_step = p.a.along == Along::Depth ? 1 : p.a.stride;
  const std::int64_t b_step = p.b.along == Along::Depth ? 1 : p.b.stride;
  const T* a = place.a.data + row * (p.a.along == Along::Side ? 1 : p.a.stride) + place.begin * a_step;
  const T* b = place.b.data + col * (p.b.along == Along::Side ? 1 : p.b.stride) + place.begin * b_step;
  T sum = 0;
  for (int k = place.begin; k < place.end; ++k, a += a_step, b += b_step) sum += *a * *b;
  Result(p, place).store(i, j, sum);
}

// By side and depth. The odd stride lets neighbours along either axis be read and written at once.
template <class T>
struct Squares {
  T a[kTile][kTile + 1], b[kTile][kTile + 1];
};

template <Along along, class T>
__device__ __forceinline__ void load_square(T (&square)[kTile][kTile + 1], const Strip<T>& strip, int term) {
  const int x = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int y = static_cast<int>(threadIdx.y); y < kTile; y += kTiledRows) {
    const int side = along == Along::Depth ? y : x, depth = along == Along::Depth ? x : y;
    const bool exists = strip.side + side < strip.side_end && term + depth < strip.depth_end;
    square[side][depth] = exists ? *strip.template at<along>(side, term + depth) : T(0);
  }
}

template <class T, Along AlongA, Along AlongB>
__global__ void __launch_bounds__(kTile* kTiledRows) tiled_kernel(GemmArguments<T> p) {
  auto& squares = shared_memory<Squares<T>>();
  const Place<T> place = place_of_block<kTile, kTile>(p);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  constexpr int kSums = kTile / kTiledRows;
  T sums[kSums] = {};
  for (int term = place.begin; term < place.end; term += kTile) {
    load_square<AlongA>(squares.a, place.a, term);
    load_square<AlongB>(squares.b, place.b, term);
    __syncthreads();
#pragma unroll 8
    for (int k = 0; k < kTile; ++k) {
#pragma unroll
      for (int i = 0; i < kSums; ++i) sums[i] += squares.a[y + i * kTiledRows][k] * squares.b[x][k];
    }
    __syncthreads();
  }
  const Result result(p, place);
#pragma unroll
  for (int i = 0; i < kSums; ++i) result.store(y + i * kTiledRows, x, sums[i]);
}

template <class T>
GemmShape shape_of(const GemmArguments<T>& p) {
  return {p.rows, p.cols, p.depth};
}

}  // namespace

template <class T>
void naive_gemm(const GemmArguments<T>& p, const GemmGrid& grid) {
  launch(tile_launch(kNaiveTile, kNaiveTile, shape_of(p), grid, {kNaiveTile, kNaiveTile}), naive_kernel<T>, p);
}

template <class T>
void tiled_gemm(const GemmArguments<T>& p, const GemmGrid& grid) {
  const LaunchShape shape = tile_launch(kTile, kTile, shape_of(p), grid, {kTile, kTiledRows});
  for_layouts(p.a.along, p.b.along, [&](auto a, auto b) { launch(shape, tiled_kernel<T, a(), b()>, p); });
}

template void naive_gemm(const GemmArguments<float>&, const GemmGrid&);
template void naive_gemm(const GemmArguments<double>&, const GemmGrid&);
template void tiled_gemm(const GemmArguments<float>&, const GemmGrid&);
template void tiled_gemm(const GemmArguments<double>&, const GemmGrid&);

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

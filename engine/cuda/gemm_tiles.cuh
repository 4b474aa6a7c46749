// What the kernels for matrix products share: which tile of C a block computes, tiles of the factors on their way to
// shared memory, and results on their way back.
//
// Reads and writes are guarded, so that any shape will do: what lies outside a factor arrives as zeros, and entries
// outside C are not written.
#pragma once

#include "engine/cuda/gemm.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

// The lines of a factor that a block needs.
template <class T>
struct Strip {
  const T* data;
  std::int64_t stride;
  bool aligned;
  int side, side_end, depth_end;

  template <Along along>
  __device__ __forceinline__ const T* at(int i, int p) const {
    return along == Along::Depth ? data + (side + i) * stride + p : data + p * stride + (side + i);
  }
};

template <class T>
struct Place {
  Strip<T> a, b;
  int begin, end;  // terms
};

// Tiles of C are numbered row by row in blockIdx.x, splits in y, products in z.
template <int Rows, int Cols, class T>
__device__ __forceinline__ Place<T> place_of_block(const GemmArguments<T>& p) {
  const int across = (p.cols - 1) / Cols + 1, tile = static_cast<int>(blockIdx.x);
  const int row = tile / across * Rows, col = tile % across * Cols;
  const int begin = static_cast<int>(blockIdx.y) * p.split_depth;
  const int end = p.depth - begin < p.split_depth ? p.depth : begin + p.split_depth;
  const auto offsets = p.batch.offsets(p.first_batch + blockIdx.z);
  return {{p.a.data + offsets.of[0], p.a.stride, p.a.aligned, row, p.rows, end},
          {p.b.data + offsets.of[1], p.b.stride, p.b.aligned, col, p.cols, end},
          begin,
          end};
}

__device__ __forceinline__ void read4(const float* from, float* to) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}
__device__ __forceinline__ void read4(const double* from, double* to) {
  const double2 v = *reinterpret_cast<const double2*>(from), w = *reinterpret_cast<const double2*>(from + 2);
  to[0] = v.x, to[1] = v.y, to[2] = w.x, to[3] = w.y;
}
__device__ __forceinline__ void write4(float* to, const float* from) {
  *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
}
__device__ __forceinline__ void write4(double* to, const double* from) {
  *reinterpret_cast<double2*>(to) = make_double2(from[0], from[1]);
  *reinterpret_cast<double2*>(to + 2) = make_double2(from[2], from[3]);
}

// The block's part of C. Made when the sums are there, so that it takes no registers before.
template <class T>
class Result {
 public:
  __device__ __forceinline__ Result(const GemmArguments<T>& p, const Place<T>& place)
      : p_(p), row_(place.a.side), col_(place.b.side) {
    c_ = p.c + (blockIdx.y * p.batches + p.first_batch + blockIdx.z) * p.rows * p.cols;
  }
  __device__ __forceinline__ void store(int i, int j, T value) const {
    if (row_ + i >= p_.rows || col_ + j >= p_.cols) return;
    T& entry = *at(i, j);
    entry = p_.accumulate ? entry + value : value;
  }
  // Four neighbours in a row.
  __device__ __forceinline__ void store4(int i, int j, const T* values) const {
    if (p_.vector_stores && !p_.accumulate) {
      if (row_ + i < p_.rows && col_ + j < p_.cols) write4(at(i, j), values);
      return;
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) store(i, j + e, values[e]);
  }

 private:
  __device__ __forceinline__ T* at(int i, int j) const {
    return c_ + static_cast<std::int64_t>(row_ + i) * p_.cols + (col_ + j);
  }

  const GemmArguments<T>& p_;
  T* c_;
  int row_, col_;
};

// sums += a b'
template <class T, int M, int N>
__device__ __forceinline__ void add_outer(T (&sums)[M][N], const T (&a)[M], const T (&b)[N]) {
#pragma unroll
  for (int i = 0; i < M; ++i) {
#pragma unroll
    for (int j = 0; j < N; ++j) sums[i][j] += a[i] * b[j];
  }
}

template <class T>
__device__ __forceinline__ void copy_one(T* to, const T* from, bool valid) {
#pragma unroll
  for (int word = 0; word < static_cast<int>(sizeof(T) / 4); ++word)
    cp_async_4(reinterpret_cast<char*>(to) + 4 * word, reinterpret_cast<const char*>(from) + 4 * word, valid);
}

// 16 bytes, of which the first `valid` numbers exist.
template <class T>
__device__ __forceinline__ void copy_chunk(T* to, const T* from, int valid, bool aligned) {
  constexpr int kChunk = 16 / sizeof(T);
  if (aligned && (valid >= kChunk || valid <= 0)) return cp_async_16(to, from, valid > 0);
#pragma unroll
  for (int e = 0; e < kChunk; ++e) copy_one(to + e, from + e, e < valid);
}

// The stages of a block's work on tiles of `step` terms: while one tile is used, the next Stages - 1 are on their way.
// load(term, stage) starts copies to shared memory, compute(stage) uses what has arrived. The barrier says two things:
// all copies of this tile have arrived, and all threads are done with the stage that is loaded next.
template <int Stages, class Load, class Compute>
__device__ __forceinline__ void pipeline(int begin, int end, int step, const Load& load, const Compute& compute) {
  int ahead = begin;
#pragma unroll
  for (int stage = 0; stage < Stages - 1; ++stage, ahead += step) {
    if (ahead < end) load(ahead, stage);
    cp_async_commit();
  }
  int stage = 0, free = Stages - 1;
  for (int term = begin; term < end; term += step, ahead += step) {
    cp_async_wait<Stages - 2>();
    __syncthreads();
    if (ahead < end) load(ahead, free);
    cp_async_commit();
    compute(stage);
    free = stage;
    stage = stage + 1 == Stages ? 0 : stage + 1;
  }
}

// A tile in shared memory that runs along the same axis as in global memory, Side x Depth, with lines padded so that the
// fragments of a matrix instruction are read without bank conflicts: lanes (g, t) read (side g, depth t), and the banks
// of g stride + t, or of t stride + g, must differ. For floats these are 20 = 4 * 5 and 8 mod 32, for doubles, which
// are read by half a warp at a time, 4 mod 16.
template <class T, Along along, int Side, int Threads, int Depth = 16>
class FragmentTile {
 public:
  static constexpr int kDepth = Depth;
  static constexpr int kLines = along == Along::Depth ? Side : kDepth;
  static constexpr int kLength = along == Along::Depth ? kDepth : Side;
  static constexpr int kStride = kLength + (along == Along::Side && sizeof(T) == 4 ? 8 : 4);
  static constexpr int kSize = kLines * kStride;

  static __device__ __forceinline__ const T* place(const T* tile, int side, int depth) {
    return tile + (along == Along::Depth ? side * kStride + depth : depth * kStride + side);
  }
  static __device__ __forceinline__ T at(const T* tile, int side, int depth) { return *place(tile, side, depth); }

  // A thread's share of the copies: one chunk of every kLineStep-th line.
  __device__ __forceinline__ explicit FragmentTile(const Strip<T>& strip) : strip_(strip) {
    const int line = static_cast<int>(threadIdx.x) / kChunks, place = static_cast<int>(threadIdx.x) % kChunks * kChunk;
    to_ = line * kStride + place;
    const int side = along == Along::Depth ? line : place, depth = along == Along::Depth ? place : line;
    from_ = strip.template at<along>(side, depth);
    sides_left_ = strip.side_end - strip.side - side;
    depth_end_ = strip.depth_end - depth;
  }

  __device__ __forceinline__ void load(T* tile, int term) const {
    const T* from = from_ + (along == Along::Depth ? term : term * strip_.stride);
#pragma unroll
    for (int line = 0; line < kLines; line += kLineStep) {
      const bool exists = (along == Along::Depth ? sides_left_ : depth_end_ - term) > line;
      const int length = along == Along::Depth ? depth_end_ - term : sides_left_;
      copy_chunk(tile + to_ + line * kStride, from + line * strip_.stride, exists ? length : 0, strip_.aligned);
    }
  }

 private:
  static constexpr int kChunk = 16 / sizeof(T), kChunks = kLength / kChunk, kLineStep = Threads / kChunks;
  static_assert(Threads % kChunks == 0 && kLines % kLineStep == 0);

  const Strip<T>& strip_;
  const T* from_;
  int to_, sides_left_, depth_end_;
};

// A number in two parts of TF32, big and the rest.
template <int N>
struct Split {
  std::uint32_t big[N], small[N];
  __device__ __forceinline__ void set(int i, float x) {
    big[i] = to_tf32(x);
    small[i] = to_tf32(x - __uint_as_float(big[i]));
  }
};

// A block's work on fragment tiles, Stages of each factor in shared memory: compute(a_tile, b_tile) for each pair of them.
template <int Stages, class TileA, class TileB, class T, class Compute>
__device__ __forceinline__ void for_fragment_tiles(const Place<T>& place, T* a_tiles, const Compute& compute) {
  T* const b_tiles = a_tiles + Stages * TileA::kSize;
  const TileA a(place.a);
  const TileB b(place.b);
  const auto load = [&](int term, int stage) {
    a.load(a_tiles + stage * TileA::kSize, term);
    b.load(b_tiles + stage * TileB::kSize, term);
  };
  const auto use = [&](int stage) { compute(a_tiles + stage * TileA::kSize, b_tiles + stage * TileB::kSize); };
  pipeline<Stages>(place.begin, place.end, TileA::kDepth, load, use);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

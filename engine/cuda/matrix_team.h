// Small dense matrices on the device: who works on one, and where it lies.
//
// A team shares a matrix: a thread, a warp or a block. The algorithms of matrix_algorithms.h are written once, for any
// team, as loops over what its members have to do between two barriers. Teams that are threads keep their matrices
// interleaved in shared memory, entry (i, j) of all of them side by side, so that a warp reads neighbours.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/cuda/device.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

// Bytes of shared memory that a block can have on every supported device.
constexpr std::size_t kMostShared = std::size_t{160} * 1024;

struct ThreadTeam {
  static constexpr bool kInterleaved = true;
  __device__ __forceinline__ static int index() { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ static int rank() { return 0; }
  __device__ __forceinline__ static int size() { return 1; }
  __device__ __forceinline__ static void sync() {}
};

struct WarpTeam {
  static constexpr bool kInterleaved = false;
  __device__ __forceinline__ static int index() { return static_cast<int>(threadIdx.x) / 32; }
  __device__ __forceinline__ static int rank() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ __forceinline__ static int size() { return 32; }
  __device__ __forceinline__ static void sync() { __syncwarp(); }
};

struct BlockTeam {
  static constexpr bool kInterleaved = false;
  __device__ __forceinline__ static int index() { return 0; }
  __device__ __forceinline__ static int rank() { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ static int size() { return static_cast<int>(blockDim.x); }
  __device__ __forceinline__ static void sync() { __syncthreads(); }
};

// Entry (i, j) is data[i row + j col].
template <class T>
struct Entries {
  T* data;
  int row, col;

  __device__ __forceinline__ T& operator()(int i, int j) const { return data[i * row + j * col]; }
  __device__ __forceinline__ Entries transposed() const { return {data, col, row}; }
};

// Space for a matrix. Rows have an odd length, which spreads a column over the banks of shared memory.
struct MatrixSize {
  int rows = 0, cols = 0;
  __host__ __device__ int stride() const { return cols % 2 == 0 ? cols + 1 : cols; }
  __host__ __device__ int entries() const { return rows * stride(); }
};

// Calls f(i, j) for all entries of [rows, cols], shared among the team.
template <class Team, class F>
__device__ __forceinline__ void for_entries(int rows, int cols, const F& f) {
  for (int e = Team::rank(); e < rows * cols; e += Team::size()) f(e / cols, e % cols);
}
template <class Team, class F>
__device__ __forceinline__ void for_members(int begin, int end, const F& f) {
  for (int i = begin + Team::rank(); i < end; i += Team::size()) f(i);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

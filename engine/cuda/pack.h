// Neighbouring numbers that a thread reads and writes with one instruction, and where a thread stands in a launch.
#pragma once

#include <cstdint>

#include "engine/cuda/device.h"
#include "engine/shape.h"

// What texts shared with the CPU (engine/ops/*-inl.h) call a function for inlining, and a loop to be unrolled.
#define BRENIER_INLINE __device__ __forceinline__
#define BRENIER_UNROLL _Pragma("unroll")

namespace brenier::BRENIER_CUDA_NAMESPACE {

// The widest access is 16 bytes; a longer pack takes several.
template <class T, int W>
struct alignas(sizeof(T) * W < 16 ? sizeof(T) * W : 16) Pack {
  T value[W];
};
template <class T>
inline constexpr int kPackWidth = static_cast<int>(16 / sizeof(T));

template <class T, int W>
__device__ __forceinline__ Pack<T, W> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, W>*>(from);
}
template <class T, int W>
__device__ __forceinline__ void store_pack(T* to, const Pack<T, W>& pack) {
  *reinterpret_cast<Pack<T, W>*>(to) = pack;
}

// The host's question whether packs may be read at multiples of W from here.
template <class T, int W>
bool holds_packs(const T* data) {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(Pack<T, W>) == 0;
}

// Kernels on one axis step through their work by the grid.
__device__ __forceinline__ std::int64_t thread_in_grid() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ std::int64_t threads_in_grid() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

// A multiple of a warp, for launches of a few threads.
inline unsigned block_for(std::int64_t threads, unsigned most) {
  return threads >= most ? most : static_cast<unsigned>((threads + 31) / 32 * 32);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

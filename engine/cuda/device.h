// What the text of a kernel may use beside the language: threads, barriers, shuffles, shared memory, asynchronous
// copies and the matrix instructions.
//
// A kernel uses CUDA's own words where they exist (threadIdx, __syncthreads, __shfl_xor_sync, float4, …; those that
// the host knows are listed in engine/cuda/host/device.h) and the functions below for the rest. The same text is
// then compiled twice, see engine/cuda/namespace.h. All functions are for sm_80 and later.
#pragma once

#include "engine/cuda/namespace.h"

#if BRENIER_CUDA_ON_HOST
#include "engine/cuda/host/device.h"
#else

#include <cuda_runtime.h>

#include <cstdint>

namespace brenier::cuda {

// A block of shared memory of type S, uninitialised: the same one in all threads of a block, another one for another S.
template <class S>
__device__ __forceinline__ S& shared_memory() {
  __shared__ S block;
  return block;
}

// The shared memory whose size the launch chose, up to 227 KiB, aligned to 1024 bytes.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(1024) unsigned char brenier_dynamic_shared[];
  return reinterpret_cast<T*>(brenier_dynamic_shared);
}

// Asynchronous copies to shared memory of 16 or 4 bytes, aligned to their size; zeros where `valid` is false, and
// `global` is not read. Copies since the last commit form a group. cp_async_wait<N> waits until all but the
// last N groups of this thread have arrived; other threads see them after a barrier.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global, bool valid) {
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
__device__ __forceinline__ void cp_async_4(void* shared, const void* global, bool valid) {
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(valid ? 4 : 0) : "memory");
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// The bits of x rounded to TF32, 10 bits after the binary point, ties away from zero.
__device__ __forceinline__ std::uint32_t to_tf32(float x) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// d += A B by one warp, A of 16 x 8, B of 8 x 8. With g = lane / 4 and t = lane % 4 a lane holds
//   a: A[g][t], A[g+8][t], A[g][t+4], A[g+8][t+4]      b: B[t][g], B[t+4][g]
//   d: D[g][2t], D[g][2t+1], D[g+8][2t], D[g+8][2t+1]
__device__ __forceinline__ void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// d += A B by one warp, A of 8 x 4, B of 4 x 8: a is A[g][t], b is B[t][g], d is D[g][2t], D[g][2t+1].
__device__ __forceinline__ void mma_f64(double (&d)[2], double a, double b) {
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
               : "+d"(d[0]), "+d"(d[1])
               : "d"(a), "d"(b));
}

}  // namespace brenier::cuda

#endif

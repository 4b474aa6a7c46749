// The matrix instruction of Hopper's warpgroups: D += A B, with D of 64 x 128 float32 numbers, A of 64 x 8 and B of 8 x 128
// TF32 numbers, for four neighbouring warps. For sm_90a alone; kHasWgmma says whether a kernel is being compiled for it.
//
// The instruction reads B from shared memory and A from registers, and runs beside the program. PTX asks for this order:
//
//   1. Threads write shared memory, each calls fence_proxy_async(), and the block meets at __syncthreads().
//   2. wgmma_fence(), as often as registers of the next products have been touched.
//   3. wgmma_tf32(), any number of times; then wgmma_commit(), which makes a group of them.
//   4. wgmma_wait<N>(d): all but the last N groups are done. Before that, d and a belong to the instruction, and so does
//      the memory that it reads.
//
// Source: PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate Operation".
#pragma once

#include <cstdint>

#include "engine/cuda/device.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

#if BRENIER_CUDA_ON_HOST || defined(__CUDA_ARCH_FEAT_SM90_ALL)
constexpr bool kHasWgmma = true;
#else
constexpr bool kHasWgmma = false;
#endif

// How B lies in shared memory, a line of terms for each of its columns. Lines come in groups of eight, `stride` bytes from
// group to group; an instruction takes 32 bytes of a line. Swizzled lines follow each other at a distance of 128, 64 or
// 32 bytes, and bits 4 ... of an address are those below, exclusive or bits 7 ...: eight neighbouring lines then lie in
// different banks. Without swizzle a group is 8 x 16 bytes, and the other 16 bytes of its lines are `leading` bytes on.
enum class Swizzle : std::uint64_t { None = 0, Bytes128 = 1, Bytes64 = 2, Bytes32 = 3 };
struct SharedLayout {
  Swizzle swizzle;
  unsigned stride, leading = 16;  // multiples of 16; leading counts without swizzle only
};

// In its warp w of the warpgroup a lane, g = lane / 4 and t = lane % 4, holds rows 16 w + g and 16 w + g + 8:
//   a: A[g][t], A[g+8][t], A[g][t+4], A[g+8][t+4], as for mma_tf32
//   d: D[g][8j+2t], D[g][8j+2t+1], D[g+8][8j+2t], D[g+8][8j+2t+1] from d[4j] on
// Without `add`, d = A B. All threads of the warpgroup call with the same b and add.
#if BRENIER_CUDA_ON_HOST
unsigned shared_address(const void* shared);
void wgmma_tf32(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b, bool add);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait_for_all_but(unsigned groups);
template <int N>
void wgmma_wait(float (&)[64]) {
  wgmma_wait_for_all_but(N);
}
void fence_proxy_async();
#else

// Shared memory's own address of `shared`, in bytes.
__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

#define BRENIER_4(d, i) "+f"(d[i]), "+f"(d[(i) + 1]), "+f"(d[(i) + 2]), "+f"(d[(i) + 3])
#define BRENIER_16(d, i) BRENIER_4(d, i), BRENIER_4(d, (i) + 4), BRENIER_4(d, (i) + 8), BRENIER_4(d, (i) + 12)
#define BRENIER_64(d) BRENIER_16(d, 0), BRENIER_16(d, 16), BRENIER_16(d, 32), BRENIER_16(d, 48)

__device__ __forceinline__ void wgmma_tf32(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b, bool add) {
  asm volatile(
      "{\n"
      ".reg .pred add;\n"
      "setp.ne.b32 add, %69, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, add, 1, 1;\n"
      "}"
      : BRENIER_64(d)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(add)));
}

__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// d is an operand so that the compiler reads it after the wait and not before.
template <int N>
__device__ __forceinline__ void wgmma_wait(float (&d)[64]) {
  asm volatile("wgmma.wait_group.sync.aligned %64;" : BRENIER_64(d) : "n"(N) : "memory");
}
__device__ __forceinline__ void fence_proxy_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#undef BRENIER_64
#undef BRENIER_16
#undef BRENIER_4

#endif

// What the instruction is told about B. Groups of swizzled lines begin at multiples of 1024 bytes.
__device__ __forceinline__ std::uint64_t wgmma_descriptor(const void* shared, SharedLayout layout) {
  const auto encode = [](unsigned bytes) { return std::uint64_t{(bytes & 0x3ffffu) >> 4}; };
  return encode(shared_address(shared)) | encode(layout.leading) << 16 | encode(layout.stride) << 32 |
         static_cast<std::uint64_t>(layout.swizzle) << 62;
}
// The descriptor of what lies some bytes further on in the line, a multiple of 16.
__device__ __forceinline__ std::uint64_t wgmma_advance(std::uint64_t descriptor, unsigned bytes) {
  return descriptor + (bytes >> 4);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

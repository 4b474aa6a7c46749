// CUDA's words for a host compiler: what engine/cuda/device.h promises, on top of the scheduler.
//
// Words of the language become macros or functions at global scope. The types live in this namespace and are only
// named globally, so that they are not one with CUDA's types of the same name in another object of the program.
// An operation of a warp gives 0xFF bytes where CUDA gives an undefined value, and an absent lane of the mask is an error.
// Kernel files may say `#pragma unroll`: they are compiled with -Wno-unknown-pragmas.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "engine/cuda/host/scheduler.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define threadIdx (::brenier::cuda_on_host::current_thread)
#define blockIdx (::brenier::cuda_on_host::current_block)
#define blockDim (::brenier::cuda_on_host::block_size)
#define gridDim (::brenier::cuda_on_host::grid_size)

namespace brenier::cuda_on_host {

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

template <class S>
S& shared_memory() {
  static_assert(std::is_trivially_default_constructible_v<S> && std::is_trivially_destructible_v<S>);
  static_assert(sizeof(S) <= 48 * 1024, "static shared memory ends at 48 KiB");
  static char key;
  return *static_cast<S*>(shim::static_shared(&key, sizeof(S), alignof(S)));
}

template <class T>
T* dynamic_shared() {
  static_assert(alignof(T) <= 16);
  return static_cast<T*>(shim::dynamic_shared());
}

inline void cp_async_16(void* shared, const void* global, bool valid) { shim::copy_later(shared, global, 16, valid); }
inline void cp_async_4(void* shared, const void* global, bool valid) { shim::copy_later(shared, global, 4, valid); }
inline void cp_async_commit() { shim::commit_copies(); }
template <int N>
void cp_async_wait() {
  shim::wait_for_copies(N);
}

std::uint32_t to_tf32(float x);
void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
void mma_f64(double (&d)[2], double a, double b);

namespace shim {

// A value of 0xFF bytes.
template <class T>
T poison() {
  T value;
  std::memset(&value, 0xff, sizeof value);
  return value;
}

template <class T>
struct Shuffle {
  T value;
  unsigned source;
  T result;
  static void combine(Payloads payloads) {
    for (void* payload : payloads) {
      if (!payload) continue;
      auto* self = static_cast<Shuffle*>(payload);
      const auto* source = static_cast<const Shuffle*>(payloads[self->source]);
      self->result = source ? source->value : poison<T>();
    }
  }
};

template <class T>
T shuffle(const char* name, unsigned mask, T value, unsigned source) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  Shuffle<T> payload{value, source, value};
  exchange(name, mask, &payload, &Shuffle<T>::combine);
  return payload.result;
}

unsigned ballot(const char* name, unsigned mask, bool vote);

}  // namespace shim

}  // namespace brenier::cuda_on_host

using brenier::cuda_on_host::double2;
using brenier::cuda_on_host::float2;
using brenier::cuda_on_host::float4;
using brenier::cuda_on_host::int2;
using brenier::cuda_on_host::int4;
using brenier::cuda_on_host::uint2;
using brenier::cuda_on_host::uint4;
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline double2 make_double2(double x, double y) { return {x, y}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

static inline void __syncthreads() { brenier::cuda_on_host::shim::barrier("__syncthreads", 0); }
static inline int __syncthreads_or(int vote) {
  return brenier::cuda_on_host::shim::barrier("__syncthreads_or", vote != 0);
}
static inline void __threadfence() {}
[[noreturn]] static inline void __trap() { brenier::cuda_on_host::shim::fail("__trap"); }

static inline unsigned __ballot_sync(unsigned mask, int vote) {
  return brenier::cuda_on_host::shim::ballot("__ballot_sync", mask, vote != 0);
}
static inline int __any_sync(unsigned mask, int vote) {
  return brenier::cuda_on_host::shim::ballot("__any_sync", mask, vote != 0) != 0;
}
static inline int __all_sync(unsigned mask, int vote) {
  return brenier::cuda_on_host::shim::ballot("__all_sync", mask, vote == 0) == 0;
}
static inline void __syncwarp(unsigned mask = 0xffffffffu) {
  brenier::cuda_on_host::shim::ballot("__syncwarp", mask, true);
}

// The warp is cut into segments of `width` lanes, a power of two. A lane whose source would lie beyond its segment
// keeps its own value; only __shfl_xor_sync may reach back into an earlier segment.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const unsigned w = static_cast<unsigned>(width), lane = brenier::cuda_on_host::shim::lane();
  const unsigned from = (lane & ~(w - 1)) + (static_cast<unsigned>(source) & (w - 1));
  return brenier::cuda_on_host::shim::shuffle("__shfl_sync", mask, value, from);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned w = static_cast<unsigned>(width), lane = brenier::cuda_on_host::shim::lane();
  const unsigned from = delta <= (lane & (w - 1)) ? lane - delta : lane;
  return brenier::cuda_on_host::shim::shuffle("__shfl_up_sync", mask, value, from);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned w = static_cast<unsigned>(width), lane = brenier::cuda_on_host::shim::lane();
  const unsigned from = delta < w - (lane & (w - 1)) ? lane + delta : lane;
  return brenier::cuda_on_host::shim::shuffle("__shfl_down_sync", mask, value, from);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
  const unsigned w = static_cast<unsigned>(width), lane = brenier::cuda_on_host::shim::lane();
  const unsigned to = lane ^ (static_cast<unsigned>(lane_mask) & 31u);
  const unsigned from = to < (lane & ~(w - 1)) + w ? to : lane;
  return brenier::cuda_on_host::shim::shuffle("__shfl_xor_sync", mask, value, from);
}

// No two threads run at the same time, so these need no more than the arithmetic. They give the former value.
template <class T>
requires std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long> T
atomicAdd(T* word, std::type_identity_t<T> value) {
  const T former = *word;
  *word = former + value;
  return former;
}
static inline unsigned atomicMax(unsigned* word, unsigned value) {
  const unsigned former = *word;
  *word = former > value ? former : value;
  return former;
}
static inline unsigned atomicOr(unsigned* word, unsigned value) {
  const unsigned former = *word;
  *word = former | value;
  return former;
}

template <class T>
T __ldg(const T* data) {
  return *data;
}
static inline int __popc(unsigned bits) { return std::popcount(bits); }
static inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
static inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1; }
static inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
static inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}

// What is reduced and how two intermediate results become one: Sum, Max, ArgMax.
//
// A reduction lifts an element, with its position along the reduced axes, to an Acc, combines them, and finishes the
// last one to an Out. The identity changes nothing. Results of a first stage are the elements of Next. Combining
// commutes, but for the rounding of sums.
#pragma once

#include <cstdint>
#include <limits>

#include "engine/cuda/device.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

template <class T>
__device__ __forceinline__ T shuffle_xor(T x, int mask) {
  return __shfl_xor_sync(0xffffffffu, x, mask);
}

template <class T>
struct Summation {
  using In = T;
  using Acc = T;
  using Out = T;
  using Next = Summation;
  __device__ __forceinline__ static Acc identity() { return -T(0); }  // -0 + x is x for x = -0 too
  __device__ __forceinline__ static Acc lift(In x, std::int64_t) { return x; }
  __device__ __forceinline__ static Acc combine(Acc a, Acc b) { return a + b; }
  __device__ __forceinline__ static Out finish(Acc a) { return a; }
};

// Constants, because device code may not ask numeric_limits.
template <class T>
inline constexpr T kLeast = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                                 : std::numeric_limits<T>::min();
inline constexpr std::int64_t kNoPosition = std::numeric_limits<std::int64_t>::max();

// A NaN wins on either side.
template <class T>
struct Largest {
  using In = T;
  using Acc = T;
  using Out = T;
  using Next = Largest;
  __device__ __forceinline__ static Acc identity() { return kLeast<T>; }
  __device__ __forceinline__ static Acc lift(In x, std::int64_t) { return x; }
  __device__ __forceinline__ static Acc combine(Acc a, Acc b) { return b > a || b != b ? b : a; }
  __device__ __forceinline__ static Out finish(Acc a) { return a; }
};

template <class T>
struct Best {
  T value;
  std::int64_t position;
};
template <class T>
__device__ __forceinline__ Best<T> shuffle_xor(Best<T> x, int mask) {
  return {__shfl_xor_sync(0xffffffffu, x.value, mask), __shfl_xor_sync(0xffffffffu, x.position, mask)};
}
// The larger value, a NaN being larger than any number; among equals the first position.
template <class T>
__device__ __forceinline__ Best<T> better(Best<T> a, Best<T> b) {
  const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
  const bool equal = a.value == b.value || (nan_a && nan_b);
  const bool second = equal ? b.position < a.position : (nan_b || (b.value > a.value && !nan_a));
  return second ? b : a;
}

template <class T>
struct PositionOfLargest {
  using Acc = Best<T>;
  using Out = std::int64_t;
  __device__ __forceinline__ static Acc identity() { return {kLeast<T>, kNoPosition}; }
  __device__ __forceinline__ static Acc combine(Acc a, Acc b) { return better(a, b); }
  __device__ __forceinline__ static Out finish(Acc a) { return a.position; }
};
template <class T>
struct LaterPositionOfLargest : PositionOfLargest<T> {
  using In = Best<T>;
  using Next = LaterPositionOfLargest;
  __device__ __forceinline__ static Best<T> lift(In x, std::int64_t) { return x; }
};
template <class T>
struct FirstPositionOfLargest : PositionOfLargest<T> {
  using In = T;
  using Next = LaterPositionOfLargest<T>;
  __device__ __forceinline__ static Best<T> lift(In x, std::int64_t position) { return {x, position}; }
};

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

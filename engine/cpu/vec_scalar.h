// The vocabulary of engine/ops/functors-inl.h for one number at a time: functions of float and double, and the part of
// it that int64 needs.
//
// A header like this exists once per kind of SIMD pack; kernels are text written against it, so what is missing here
// cannot be used there. The accuracy is that of the C library: below one unit in the last place for most arguments.
// Pack is the one wide type of this target. It is the compiler's own 16-byte vector, which every 64-bit machine has
// without asking, and only the matrix product needs it: GCC 12 does not keep a plain array of sums in registers.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "engine/cpu/target.h"

namespace brenier::cpu::scalar {

#include "engine/ops/scalar_vocabulary-inl.h"
// In the words of the former.
#include "engine/ops/elementary-inl.h"

template <class T>
struct PackOf {
  typedef T type __attribute__((vector_size(16)));
};
template <class T>
using Pack = typename PackOf<T>::type;
template <class T>
inline constexpr int kLanes = static_cast<int>(sizeof(Pack<T>) / sizeof(T));

// Neither needs alignment.
template <class T>
Pack<T> load(const T* from) {
  Pack<T> pack;
  std::memcpy(&pack, from, sizeof(pack));
  return pack;
}
template <class T>
void store(T* to, Pack<T> pack) {
  std::memcpy(to, &pack, sizeof(pack));
}

// Whether functors are applied to packs of T; here they take one number at a time, and the accuracy is libm's.
template <class T>
inline constexpr bool kPacksCompute = false;

}  // namespace brenier::cpu::scalar

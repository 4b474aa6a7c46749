// Packs of 32 bytes: 8 floats or 4 doubles (AVX2 and FMA; Intel Haswell 2013, AMD Excavator 2015). This header lists
// instructions; what they mean is in pack-inl.h. A mask is a pack whose lanes are all ones or all zeros.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "engine/cpu/angle.h"
#include "engine/cpu/target.h"

#define BRENIER_AVX2 "avx2,fma"

BRENIER_TARGET_BEGIN(BRENIER_AVX2)

namespace brenier::cpu::avx2 {

#include "engine/ops/scalar_vocabulary-inl.h"

// What differs between float and double by more than a suffix: numbers seen as integers.
struct FloatBits {
  static BRENIER_INLINE __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  // 2^n for integral n in [-126, 127].
  static BRENIER_INLINE __m256 power_of_two(__m256 n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtps_epi32(n + 127.0f), 23));
  }
  // For normal x.
  static BRENIER_INLINE void split(__m256 x, __m256& m, __m256& e) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i exponent = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f400000)), 23);  // of 0.75
    m = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
    e = _mm256_cvtepi32_ps(exponent);
  }
};
struct DoubleBits {
  static BRENIER_INLINE __m256i first(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
  // Added to 1.5 2^52 the integer n + 1023 occupies the lowest bits.
  static BRENIER_INLINE __m256d power_of_two(__m256d n) {
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(n + (0x1.8p52 + 1023)), 52));
  }
  // The exponent, raised by 1024 so that a logical shift will do, becomes a number below the bits of 2^52.
  static BRENIER_INLINE void split(__m256d x, __m256d& m, __m256d& e) {
    const __m256i bits = _mm256_castpd_si256(x);
    const __m256i raised = _mm256_srli_epi64(_mm256_add_epi64(bits, _mm256_set1_epi64x(0x0018000000000000)), 52);
    const __m256i shift = _mm256_slli_epi64(_mm256_sub_epi64(raised, _mm256_set1_epi64x(1024)), 52);
    m = _mm256_castsi256_pd(_mm256_sub_epi64(bits, shift));
    const __m256d two52 = _mm256_set1_pd(0x1p52);
    e = _mm256_or_pd(_mm256_castsi256_pd(raised), two52) - (two52 + 1024.0);
  }
};

template <class T>
struct Register;

#define BRENIER_REGISTER(T, V, Bits, bits, count, s)                                                              \
  template <>                                                                                                     \
  struct Register<T> {                                                                                            \
    using Type = V;                                                                                               \
    using MaskType = V;                                                                                           \
    static constexpr int lanes = count;                                                                           \
    static constexpr bool split_is_total = false;                                                                 \
    static BRENIER_INLINE V broadcast(T x) { return _mm256_set1_##s(x); }                                         \
    static BRENIER_INLINE V load(const T* from) { return _mm256_loadu_##s(from); }                                \
    static BRENIER_INLINE void store(T* to, V x) { _mm256_storeu_##s(to, x); }                                    \
    static BRENIER_INLINE V load_part(const T* from, int n) { return _mm256_maskload_##s(from, Bits::first(n)); } \
    static BRENIER_INLINE void store_part(T* to, V x, int n) { _mm256_maskstore_##s(to, Bits::first(n), x); }     \
    static BRENIER_INLINE V both(V a, V b) { return _mm256_and_##s(a, b); }                                       \
    static BRENIER_INLINE V either(V a, V b) { return _mm256_or_##s(a, b); }                                      \
    static BRENIER_INLINE bool any(V m) { return _mm256_movemask_##s(m) != 0; }                                   \
    static BRENIER_INLINE V equal(V a, V b) { return _mm256_cmp_##s(a, b, _CMP_EQ_OQ); }                          \
    static BRENIER_INLINE V not_equal(V a, V b) { return _mm256_cmp_##s(a, b, _CMP_NEQ_UQ); }                     \
    static BRENIER_INLINE V less(V a, V b) { return _mm256_cmp_##s(a, b, _CMP_LT_OQ); }                           \
    static BRENIER_INLINE V less_equal(V a, V b) { return _mm256_cmp_##s(a, b, _CMP_LE_OQ); }                     \
    static BRENIER_INLINE V blend(V m, V yes, V no) { return _mm256_blendv_##s(no, yes, m); }                     \
    static BRENIER_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_##s(a, b, c); }                              \
    static BRENIER_INLINE V min(V a, V b) { return _mm256_min_##s(a, b); }                                        \
    static BRENIER_INLINE V max(V a, V b) { return _mm256_max_##s(a, b); }                                        \
    static BRENIER_INLINE V sqrt(V a) { return _mm256_sqrt_##s(a); }                                              \
    static BRENIER_INLINE V floor(V a) { return _mm256_floor_##s(a); }                                            \
    static BRENIER_INLINE V nearest(V a) {                                                                        \
      return _mm256_round_##s(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);                                  \
    }                                                                                                             \
    static BRENIER_INLINE V abs(V a) { return _mm256_andnot_##s(broadcast(T(-0.0)), a); }                         \
    static BRENIER_INLINE V copy_sign(V size, V sign) {                                                           \
      return _mm256_or_##s(abs(size), _mm256_and_##s(sign, broadcast(T(-0.0))));                                  \
    }                                                                                                             \
    /* In two steps, of which the first is exact: 2^n alone may be out of range. */                               \
    static BRENIER_INLINE V scale(V x, V n) {                                                                     \
      const V half = floor(n * T(0.5));                                                                           \
      return x * Bits::power_of_two(half) * Bits::power_of_two(n - half);                                         \
    }                                                                                                             \
    static BRENIER_INLINE void split(V x, V& m, V& e) {                                                           \
      const V subnormal = less(x, broadcast(std::numeric_limits<T>::min()));                                      \
      Bits::split(blend(subnormal, x* T(std::uint64_t{1} << bits), x), m, e);                                     \
      e = e - both(subnormal, broadcast(T(bits)));                                                                \
    }                                                                                                             \
  };
BRENIER_REGISTER(float, __m256, FloatBits, 24, 8, ps)
BRENIER_REGISTER(double, __m256d, DoubleBits, 53, 4, pd)
#undef BRENIER_REGISTER

#include "engine/ops/elementary-inl.h"
// Made of those.
#include "engine/cpu/pack-inl.h"
#include "engine/cpu/vec_math-inl.h"
#include "engine/cpu/vec_pow-inl.h"
#include "engine/cpu/vec_trig-inl.h"

}  // namespace brenier::cpu::avx2

BRENIER_TARGET_END

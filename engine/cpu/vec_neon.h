// Packs of 16 bytes: 4 floats or 2 doubles (NEON with fused multiply-add, which every AArch64 processor has: Arm
// Architecture Reference Manual, A-profile, "Advanced SIMD"). This header lists instructions; what they mean is in
// pack-inl.h. A mask is a pack of integers whose lanes are all ones or all zeros. As it is the baseline of its
// architecture, it needs no target region.
#pragma once

#include <arm_neon.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "engine/cpu/angle.h"
#include "engine/cpu/target.h"

namespace brenier::cpu::neon {

#include "engine/ops/scalar_vocabulary-inl.h"

// What differs between float and double by more than a suffix: the lanes of a part, and numbers seen as integers.
struct FloatBits {
  static constexpr std::int32_t three_quarters = 0x3f400000;  // the bits of 0.75
  // Lanes beyond the part load its first number again and are cleared: no branch, and no access outside.
  static BRENIER_INLINE float32x4_t load_part(const float* from, int n) {
    const float32x4_t x = {from[0], from[n > 1 ? 1 : 0], from[n > 2 ? 2 : 0], from[n > 3 ? 3 : 0]};
    const int32x4_t lane = {0, 1, 2, 3};
    const uint32x4_t first = vcgtq_s32(vdupq_n_s32(n), lane);
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), first));
  }
  static BRENIER_INLINE void store_part(float* to, float32x4_t x, int n) {
    vst1q_lane_f32(to, x, 0);
    if (n > 1) vst1q_lane_f32(to + 1, x, 1);
    if (n > 2) vst1q_lane_f32(to + 2, x, 2);
    if (n > 3) vst1q_lane_f32(to + 3, x, 3);
  }
  static BRENIER_INLINE bool any(uint32x4_t m) { return vmaxvq_u32(m) != 0; }
};
struct DoubleBits {
  static constexpr std::int64_t three_quarters = 0x3fe8000000000000;
  static BRENIER_INLINE float64x2_t load_part(const double* from, int n) {
    const float64x2_t x = {from[0], from[n > 1 ? 1 : 0]};
    const int64x2_t lane = {0, 1};
    const uint64x2_t first = vcgtq_s64(vdupq_n_s64(n), lane);
    return vreinterpretq_f64_u64(vandq_u64(vreinterpretq_u64_f64(x), first));
  }
  static BRENIER_INLINE void store_part(double* to, float64x2_t x, int n) {
    vst1q_lane_f64(to, x, 0);
    if (n > 1) vst1q_lane_f64(to + 1, x, 1);
  }
  static BRENIER_INLINE bool any(uint64x2_t m) { return FloatBits::any(vreinterpretq_u32_u64(m)); }
};

template <class T>
struct Register;

// s, i and u are the suffixes for numbers, integers and masks; the significand has `digits` bits, one of them unseen.
// Minimum and maximum by comparison, because the instructions answer NaN where either argument is NaN.
#define BRENIER_REGISTER(T, V, M, Bits, digits, count, s, i, u)                                          \
  template <>                                                                                            \
  struct Register<T> {                                                                                   \
    using Type = V;                                                                                      \
    using MaskType = M;                                                                                  \
    static constexpr int lanes = count;                                                                  \
    static constexpr bool split_is_total = false;                                                        \
    static BRENIER_INLINE V broadcast(T x) { return vdupq_n_##s(x); }                                    \
    static BRENIER_INLINE V load(const T* from) { return vld1q_##s(from); }                              \
    static BRENIER_INLINE void store(T* to, V x) { vst1q_##s(to, x); }                                   \
    static BRENIER_INLINE V load_part(const T* from, int n) { return Bits::load_part(from, n); }         \
    static BRENIER_INLINE void store_part(T* to, V x, int n) { Bits::store_part(to, x, n); }             \
    static BRENIER_INLINE M both(M a, M b) { return vandq_##u(a, b); }                                   \
    static BRENIER_INLINE M either(M a, M b) { return vorrq_##u(a, b); }                                 \
    static BRENIER_INLINE bool any(M m) { return Bits::any(m); }                                         \
    static BRENIER_INLINE M equal(V a, V b) { return vceqq_##s(a, b); }                                  \
    static BRENIER_INLINE M not_equal(V a, V b) { return ~vceqq_##s(a, b); }                             \
    static BRENIER_INLINE M less(V a, V b) { return vcltq_##s(a, b); }                                   \
    static BRENIER_INLINE M less_equal(V a, V b) { return vcleq_##s(a, b); }                             \
    static BRENIER_INLINE V blend(M m, V yes, V no) { return vbslq_##s(m, yes, no); }                    \
    static BRENIER_INLINE V fma(V a, V b, V c) { return vfmaq_##s(c, a, b); }                            \
    static BRENIER_INLINE V min(V a, V b) { return blend(less(a, b), a, b); }                            \
    static BRENIER_INLINE V max(V a, V b) { return blend(less(b, a), a, b); }                            \
    static BRENIER_INLINE V sqrt(V a) { return vsqrtq_##s(a); }                                          \
    static BRENIER_INLINE V floor(V a) { return vrndmq_##s(a); }                                         \
    static BRENIER_INLINE V nearest(V a) { return vrndnq_##s(a); }                                       \
    static BRENIER_INLINE V abs(V a) { return vabsq_##s(a); }                                            \
    static BRENIER_INLINE V copy_sign(V size, V sign) {                                                  \
      return vbslq_##s(vreinterpretq_##u##_##s(broadcast(T(-0.0))), sign, size);                         \
    }                                                                                                    \
    /* In two steps, of which the first is exact: 2^n alone may be out of range. */                      \
    static BRENIER_INLINE V scale(V x, V n) {                                                            \
      const V half = floor(n * broadcast(T(0.5)));                                                       \
      return x * power_of_two(half) * power_of_two(n - half);                                            \
    }                                                                                                    \
    /* 2^n for integral n between the exponents of normal numbers. */                                    \
    static BRENIER_INLINE V power_of_two(V n) {                                                          \
      const V biased = n + broadcast(T(std::numeric_limits<T>::max_exponent - 1));                       \
      return vreinterpretq_##s##_##i(vshlq_n_##i(vcvtq_##i##_##s(biased), digits - 1));                  \
    }                                                                                                    \
    static BRENIER_INLINE void split(V x, V& m, V& e) {                                                  \
      const M subnormal = less(x, broadcast(std::numeric_limits<T>::min()));                             \
      const V normal = blend(subnormal, x * broadcast(T(std::uint64_t{1} << digits)), x);                \
      const auto bits = vreinterpretq_##i##_##s(normal);                                                 \
      const auto exponent = vshrq_n_##i(vsubq_##i(bits, vdupq_n_##i(Bits::three_quarters)), digits - 1); \
      m = vreinterpretq_##s##_##i(vsubq_##i(bits, vshlq_n_##i(exponent, digits - 1)));                   \
      e = vcvtq_##s##_##i(exponent) - blend(subnormal, broadcast(T(digits)), broadcast(T(0)));           \
    }                                                                                                    \
  };
BRENIER_REGISTER(float, float32x4_t, uint32x4_t, FloatBits, 24, 4, f32, s32, u32)
BRENIER_REGISTER(double, float64x2_t, uint64x2_t, DoubleBits, 53, 2, f64, s64, u64)
#undef BRENIER_REGISTER

#include "engine/ops/elementary-inl.h"
// Made of those.
#include "engine/cpu/pack-inl.h"
#include "engine/cpu/vec_math-inl.h"
#include "engine/cpu/vec_pow-inl.h"
#include "engine/cpu/vec_trig-inl.h"

}  // namespace brenier::cpu::neon

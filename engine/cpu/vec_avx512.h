// Packs of 64 bytes: 16 floats or 8 doubles, with mask registers (AVX-512 F, BW, DQ, VL; Intel Skylake-X 2017, AMD Zen
// 4 2022). This header lists instructions; what they mean is in pack-inl.h.
#pragma once

#if defined(__clang__)
#include <immintrin.h>
#else
// GCC bug 105593: intrinsics that start from an undefined register are reported as uninitialised.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "engine/cpu/angle.h"
#include "engine/cpu/target.h"

// GCC makes 32-byte vectors of plain loops unless told otherwise.
#if defined(__clang__)
#define BRENIER_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"
#else
#define BRENIER_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512"
#endif

BRENIER_TARGET_BEGIN(BRENIER_AVX512)

namespace brenier::cpu::avx512 {

#include "engine/ops/scalar_vocabulary-inl.h"

template <class T>
struct Register;

// Names of instructions differ between float and double by a suffix. getmant yields NaN for negative numbers; getexp
// of a number in [0.75, 1) is -1.
#define BRENIER_REGISTER(T, V, M, count, s)                                                                       \
  template <>                                                                                                     \
  struct Register<T> {                                                                                            \
    using Type = V;                                                                                               \
    using MaskType = M;                                                                                           \
    static constexpr int lanes = count;                                                                           \
    static constexpr bool split_is_total = true;                                                                  \
    static BRENIER_INLINE Type broadcast(T x) { return _mm512_set1_##s(x); }                                      \
    static BRENIER_INLINE Type load(const T* from) { return _mm512_loadu_##s(from); }                             \
    static BRENIER_INLINE void store(T* to, Type x) { _mm512_storeu_##s(to, x); }                                 \
    static BRENIER_INLINE M first(int n) { return static_cast<M>((1u << n) - 1); }                                \
    static BRENIER_INLINE Type load_part(const T* from, int n) { return _mm512_maskz_loadu_##s(first(n), from); } \
    static BRENIER_INLINE void store_part(T* to, Type x, int n) { _mm512_mask_storeu_##s(to, first(n), x); }      \
    static BRENIER_INLINE M both(M a, M b) { return static_cast<M>(a & b); }                                      \
    static BRENIER_INLINE M either(M a, M b) { return static_cast<M>(a | b); }                                    \
    static BRENIER_INLINE bool any(M m) { return m != 0; }                                                        \
    static BRENIER_INLINE M equal(Type a, Type b) { return _mm512_cmp_##s##_mask(a, b, _CMP_EQ_OQ); }             \
    static BRENIER_INLINE M not_equal(Type a, Type b) { return _mm512_cmp_##s##_mask(a, b, _CMP_NEQ_UQ); }        \
    static BRENIER_INLINE M less(Type a, Type b) { return _mm512_cmp_##s##_mask(a, b, _CMP_LT_OQ); }              \
    static BRENIER_INLINE M less_equal(Type a, Type b) { return _mm512_cmp_##s##_mask(a, b, _CMP_LE_OQ); }        \
    static BRENIER_INLINE Type blend(M m, Type yes, Type no) { return _mm512_mask_blend_##s(m, no, yes); }        \
    static BRENIER_INLINE Type fma(Type a, Type b, Type c) { return _mm512_fmadd_##s(a, b, c); }                  \
    static BRENIER_INLINE Type min(Type a, Type b) { return _mm512_min_##s(a, b); }                               \
    static BRENIER_INLINE Type max(Type a, Type b) { return _mm512_max_##s(a, b); }                               \
    static BRENIER_INLINE Type sqrt(Type a) { return _mm512_sqrt_##s(a); }                                        \
    static BRENIER_INLINE Type floor(Type a) { return _mm512_roundscale_##s(a, _MM_FROUND_TO_NEG_INF); }          \
    static BRENIER_INLINE Type nearest(Type a) { return _mm512_roundscale_##s(a, _MM_FROUND_TO_NEAREST_INT); }    \
    static BRENIER_INLINE Type abs(Type a) { return _mm512_abs_##s(a); }                                          \
    static BRENIER_INLINE Type copy_sign(Type size, Type sign) {                                                  \
      return _mm512_or_##s(abs(size), _mm512_and_##s(sign, broadcast(T(-0.0))));                                  \
    }                                                                                                             \
    static BRENIER_INLINE Type scale(Type x, Type n) { return _mm512_scalef_##s(x, n); }                          \
    static BRENIER_INLINE void split(Type x, Type& m, Type& e) {                                                  \
      m = _mm512_getmant_##s(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);                                        \
      e = _mm512_getexp_##s(x) - _mm512_getexp_##s(m);                                                            \
    }                                                                                                             \
  };
BRENIER_REGISTER(float, __m512, __mmask16, 16, ps)
BRENIER_REGISTER(double, __m512d, __mmask8, 8, pd)
#undef BRENIER_REGISTER

#include "engine/ops/elementary-inl.h"
// Made of those.
#include "engine/cpu/pack-inl.h"
#include "engine/cpu/vec_math-inl.h"
#include "engine/cpu/vec_pow-inl.h"
#include "engine/cpu/vec_trig-inl.h"

}  // namespace brenier::cpu::avx512

BRENIER_TARGET_END

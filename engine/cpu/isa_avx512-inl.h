// A frame that compiles the text BRENIER_KERNELS for machines with AVX-512. Empty on other architectures.
#if defined(__GNUC__) && !defined(__clang__)
// Before version 13 GCC takes the undefined registers in its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "engine/cpu/kernel_headers.h"

#if BRENIER_X86

#include "engine/cpu/vec_avx512.h"

#define BRENIER_TARGET avx512

BRENIER_TARGET_BEGIN(BRENIER_AVX512)

namespace brenier::cpu::BRENIER_TARGET {

#include BRENIER_KERNELS

}  // namespace brenier::cpu::BRENIER_TARGET

BRENIER_TARGET_END

#endif

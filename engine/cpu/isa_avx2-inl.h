// A frame that compiles the text BRENIER_KERNELS for machines with AVX2 and FMA. Empty on other architectures.
#include "engine/cpu/kernel_headers.h"

#if BRENIER_X86

#include "engine/cpu/vec_avx2.h"

#define BRENIER_TARGET avx2

BRENIER_TARGET_BEGIN(BRENIER_AVX2)

namespace brenier::cpu::BRENIER_TARGET {

#include BRENIER_KERNELS

}  // namespace brenier::cpu::BRENIER_TARGET

BRENIER_TARGET_END

#endif

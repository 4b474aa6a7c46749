// A frame that compiles the text BRENIER_KERNELS for NEON, which every AArch64 machine has. Empty on other
// architectures.
#include "engine/cpu/kernel_headers.h"

#if BRENIER_NEON

#include "engine/cpu/vec_neon.h"

#define BRENIER_TARGET neon

namespace brenier::cpu::BRENIER_TARGET {

#include BRENIER_KERNELS

}  // namespace brenier::cpu::BRENIER_TARGET

#endif

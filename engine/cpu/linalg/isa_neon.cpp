// The kernels of linear algebra for NEON, which is what every AArch64 machine has. Empty on other architectures.
#include "engine/cpu/kernel_headers.h"

#if BRENIER_NEON

#include "engine/cpu/vec_neon.h"

#define BRENIER_TARGET neon

namespace brenier::cpu::BRENIER_TARGET {

#include "engine/cpu/linalg/kernels-inl.h"

}  // namespace brenier::cpu::BRENIER_TARGET

#endif

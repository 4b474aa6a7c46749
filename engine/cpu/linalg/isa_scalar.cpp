// The kernels of linear algebra for the instructions every machine of the architecture has.
#include "engine/cpu/kernel_headers.h"
#include "engine/cpu/vec_scalar.h"

#define BRENIER_TARGET scalar

namespace brenier::cpu::BRENIER_TARGET {

#include "engine/cpu/linalg/kernels-inl.h"

}  // namespace brenier::cpu::BRENIER_TARGET

// A frame that compiles the text BRENIER_KERNELS for the instructions every machine of the architecture has. The compiler
// vectorises the text as far as the baseline allows. Standard headers come first: nothing outside the project is compiled
// inside the namespace.
#include "engine/cpu/kernel_headers.h"
#include "engine/cpu/vec_scalar.h"

#define BRENIER_TARGET scalar

namespace brenier::cpu::BRENIER_TARGET {

#include BRENIER_KERNELS

}  // namespace brenier::cpu::BRENIER_TARGET

// The kernels for the instructions every machine of the architecture has. The compiler vectorises the texts as far as
// the baseline allows. Standard headers come first: nothing outside the project is compiled inside the namespace.
#include "engine/cpu/kernel_headers.h"
#include "engine/cpu/vec_scalar.h"

#define BRENIER_TARGET scalar

namespace brenier::cpu::BRENIER_TARGET {

#include "engine/cpu/kernels-inl.h"

}  // namespace brenier::cpu::BRENIER_TARGET

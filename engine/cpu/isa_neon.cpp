// The kernels of elementwise operations, reductions and products, in the frame of one instruction set.
#define BRENIER_KERNELS "engine/cpu/kernels-inl.h"
#include "engine/cpu/isa_neon-inl.h"

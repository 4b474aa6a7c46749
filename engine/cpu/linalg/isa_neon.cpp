// The kernels of linear algebra, in the frame of one instruction set.
#define BRENIER_KERNELS "engine/cpu/linalg/kernels-inl.h"
#include "engine/cpu/isa_neon-inl.h"

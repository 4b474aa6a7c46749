// What one instruction set contributes: a table of kernels by opcode, and one of tile functions. The texts are the same for all of them
// (engine/cpu/*-inl.h); a file isa_*.cpp compiles them inside a namespace of its own.
#pragma once

#include <array>

#include "engine/backend.h"
#include "engine/op_code.h"

namespace brenier::cpu {

using KernelTable = std::array<Kernel, kOpCount>;

namespace scalar {
KernelTable kernel_table();
TileTable tile_table();
}

}  // namespace brenier::cpu

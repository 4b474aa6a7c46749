// What one instruction set contributes: tables of kernels and of functions for fused groups. The texts are the same
// for all of them (engine/cpu/*-inl.h); a file isa_*.cpp compiles them inside a namespace of its own. And which of them
// this process uses.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/cpu/target.h"
#include "engine/op_code.h"

namespace brenier::cpu {

using KernelTable = std::array<Kernel, kOpCount>;

struct Tables {
  KernelTable kernels{};
  TileTable tiles{};
  FactorPacking factor_packing{};
  std::vector<OpFamily> families{};
  ChainTable chains{};
};

// linear_algebra(): the kernels of engine/cpu/linalg/ alone, which are compiled in files of their own.
#define BRENIER_DECLARE_TABLES(target) \
  namespace target {                   \
  Tables tables();                     \
  KernelTable linear_algebra();        \
  }
BRENIER_DECLARE_TABLES(scalar)
#if BRENIER_X86
BRENIER_DECLARE_TABLES(avx2)
BRENIER_DECLARE_TABLES(avx512)
#endif
#if BRENIER_NEON
BRENIER_DECLARE_TABLES(neon)
#endif
#undef BRENIER_DECLARE_TABLES

struct InstructionSet {
  const char* name;
  Tables (*tables)();
  bool supported;  // by this machine
};

// The instruction sets compiled in, the best last. The first is supported everywhere.
std::span<const InstructionSet> instruction_sets();

// The best supported one, or the one that the environment variable BRENIER_ISA names when this is first called: scalar,
// avx2, avx512 or neon. Throws std::invalid_argument when there is no such instruction set or the machine lacks it.
const InstructionSet& instruction_set();

}  // namespace brenier::cpu

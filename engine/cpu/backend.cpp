// The CPU as a device: aligned memory and the kernels of one instruction set, chosen at first use.
#include "engine/backend.h"

#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string_view>

#include "engine/cpu/kernel_table.h"
#include "engine/cpu/threads.h"
#include "engine/cpu/tile_group.h"
#include "engine/str.h"

namespace brenier {

namespace cpu {

std::span<const InstructionSet> instruction_sets() {
#if BRENIER_X86
  const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool wide = fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  static const InstructionSet sets[] = {
      {"scalar", scalar::tables, true}, {"avx2", avx2::tables, fma}, {"avx512", avx512::tables, wide}};
#elif BRENIER_NEON
  static const InstructionSet sets[] = {{"scalar", scalar::tables, true}, {"neon", neon::tables, true}};
#else
  static const InstructionSet sets[] = {{"scalar", scalar::tables, true}};
#endif
  return sets;
}

namespace {

const InstructionSet& best() {
  const std::span<const InstructionSet> sets = instruction_sets();
  std::size_t i = sets.size() - 1;
  while (!sets[i].supported) --i;
  return sets[i];
}

const InstructionSet& named(std::string_view name) {
  for (const InstructionSet& set : instruction_sets()) {
    if (set.name != name) continue;
    if (!set.supported) throw std::invalid_argument(str("[BRENIER_ISA] this machine does not support ", name));
    return set;
  }
  throw std::invalid_argument(
      str("[BRENIER_ISA] must be scalar, avx2, avx512 or neon, as far as compiled in, got ", name));
}

const InstructionSet& choose() {
  const char* name = std::getenv("BRENIER_ISA");
  return name == nullptr || *name == '\0' ? best() : named(name);
}

}  // namespace

const InstructionSet& instruction_set() {
  static const InstructionSet& chosen = choose();
  return chosen;
}

}  // namespace cpu

namespace {

// One cache line, and the widest SIMD register.
constexpr std::align_val_t kAlignment{64};

void* allocate(std::size_t bytes) { return ::operator new(bytes, kAlignment); }
void release(void* data, std::size_t bytes) { ::operator delete(data, bytes, kAlignment); }

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend = [] {
    const cpu::Tables tables = cpu::instruction_set().tables();
    return Backend{.name = "cpu",
                   .allocate = allocate,
                   .release = release,
                   .kernels = tables.kernels,
                   .fusible = cpu::has_tile_function,
                   .prepare = cpu::prepare_tiles,
                   .runs_epilogues = true,
                   .parallel_run = cpu::parallel_run,
                   .factor_packing = tables.factor_packing,
                   .tiles = tables.tiles,
                   .families = tables.families,
                   .chains = tables.chains};
  }();
  return backend;
}

const char* cpu_isa() { return cpu::instruction_set().name; }

}  // namespace brenier

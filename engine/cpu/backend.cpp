// The CPU as a device: aligned memory and the kernels of one instruction set.
#include "engine/backend.h"

#include <new>

#include "engine/cpu/kernel_table.h"

namespace brenier {

namespace {

// One cache line, and the widest SIMD register.
constexpr std::align_val_t kAlignment{64};

void* allocate(std::size_t bytes) { return ::operator new(bytes, kAlignment); }
void release(void* data, std::size_t bytes) { ::operator delete(data, bytes, kAlignment); }

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend{"cpu", allocate, release, cpu::scalar::kernel_table(), cpu::scalar::tile_table()};
  return backend;
}

}  // namespace brenier

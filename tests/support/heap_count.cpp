// See heap_count.h. Aligned allocation, which the backend uses, is counted by memory_stats() and left alone.
#include "tests/support/heap_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace brenier::testing {

namespace {
std::atomic<std::uint64_t> allocations{0};
}

std::uint64_t heap_allocations() { return allocations; }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const bool kCountsAllocations = false;
#else
const bool kCountsAllocations = true;

namespace {
void* counted(std::size_t bytes) {
  ++allocations;
  void* const data = std::malloc(bytes > 0 ? bytes : 1);
  if (!data) throw std::bad_alloc();
  return data;
}
}  // namespace
#endif

}  // namespace brenier::testing

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(std::size_t bytes) { return brenier::testing::counted(bytes); }
void* operator new[](std::size_t bytes) { return brenier::testing::counted(bytes); }
void operator delete(void* data) noexcept { std::free(data); }
void operator delete[](void* data) noexcept { std::free(data); }
void operator delete(void* data, std::size_t) noexcept { std::free(data); }
void operator delete[](void* data, std::size_t) noexcept { std::free(data); }
#endif

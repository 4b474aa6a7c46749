// How often this program has asked for memory with operator new, which the test program replaces.
#pragma once

#include <cstdint>

namespace brenier::testing {

// Whether allocations are counted: not under sanitizers, which bring their own operator new.
extern const bool kCountsAllocations;
std::uint64_t heap_allocations();

}  // namespace brenier::testing

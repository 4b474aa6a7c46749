// Runs the threads of a launch one after another, in an order that changes, switching where they wait for each other.
//
// A thread that waits, at a barrier or in an operation of its warp, stays on its fiber while another one runs.
// Blocks come in random order. The threads of a block come in random order or warp by warp, as the block draws,
// so that one warp runs far ahead of the others in some blocks and all advance together in others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "engine/cuda/runtime.h"

namespace brenier::cuda_on_host {

// As CUDA's uint3 and dim3.
struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};
// Of the thread that runs now; written by the scheduler.
inline Index3 current_thread, current_block, block_size, grid_size;

namespace shim {

// Runs all threads of a launch to their end. `launch` numbers the launches of the process: with the seed of the process it
// decides the order. Throws std::logic_error where threads wait for others that do not come.
void run_grid(const LaunchShape& shape, const std::function<void()>& thread, std::uint64_t launch);

// What follows is called by the running thread of a kernel.

// Waits for all threads of the block. Returns the bitwise or of the votes.
int barrier(const char* name, int vote);

// One operation of a warp. Every lane of the mask hands in the address of a payload; when the last one has come,
// combine does the work for all, with a null pointer for lanes that are not in the mask or not in the block.
using Payloads = void* const (&)[32];
using Combine = void (*)(Payloads);
void exchange(const char* name, unsigned mask, void* payload, Combine combine);
unsigned lane();

// Shared memory of the block, filled with 0xFF when the block starts. The key says which of the kernel's.
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);
void* dynamic_shared();

// Copies that happen when a wait covers their group; until then the target holds 0xFF.
void copy_later(void* to, const void* from, unsigned bytes, bool valid);
void commit_copies();
void wait_for_copies(unsigned groups_left);

// What the asynchronous proxy has of the dynamic shared memory, and the matrix products of the running thread's warp that
// are under way (matrix_unit.h). fence_proxy() says that what this thread has written is for the proxy.
class AsyncView;
class WarpProducts;
AsyncView& async_view();
WarpProducts& warp_products();
void fence_proxy();

// Ends the launch with a std::logic_error that names op, block and thread.
[[noreturn]] void fail(std::string what);

}  // namespace shim

}  // namespace brenier::cuda_on_host

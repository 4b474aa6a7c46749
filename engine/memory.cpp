// The caching allocator behind all tensors.
//
// Size classes are powers of two and the three steps between them, so at most a quarter of a block is wasted. Each
// class has a stack of free blocks. One mutex guards everything: uncontended it costs about as much as one small
// kernel's prologue, and large kernels do not notice it.
#include "engine/memory.h"

#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

#include "engine/backend.h"

#if defined(__SANITIZE_ADDRESS__)
#define BRENIER_CACHE_MEMORY 0
#else
#define BRENIER_CACHE_MEMORY 1
#endif

namespace brenier {
namespace {

constexpr std::size_t kSmallestBlock = 64;
constexpr int kClassCount = 4 * 58;

// Class 4 p + q holds 64 * 2^p * (1 + q/4) bytes.
int size_class(std::size_t bytes) {
  if (bytes <= kSmallestBlock) return 0;
  const std::size_t units = (bytes + kSmallestBlock - 1) / kSmallestBlock;
  const int power = std::bit_width(units) - 1;
  const std::size_t base = std::size_t{1} << power;
  const std::size_t quarter = ((units - base) * 4 + base - 1) / base;
  return 4 * power + static_cast<int>(quarter);
}

std::size_t class_bytes(int index) {
  const std::size_t base = kSmallestBlock << (index / 4);
  return base + base / 4 * static_cast<std::size_t>(index % 4);
}

struct Pool {
  std::mutex mutex;
  MemoryStats stats;
  // Free blocks by size class. A block keeps its Storage header.
  std::array<std::vector<Storage*>, kClassCount> free_blocks;
};

// Never destroyed: tensors with static lifetime may outlive it.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

void destroy(Storage* storage) {
  storage->backend->release(storage->data, storage->bytes);
  delete storage;
}

Storage* take_cached(Pool& pool, int index, const Backend& backend) {
  auto& blocks = pool.free_blocks[static_cast<std::size_t>(index)];
  for (std::size_t i = blocks.size(); i-- > 0;) {
    if (blocks[i]->backend != &backend) continue;
    Storage* const storage = blocks[i];
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i));
    pool.stats.cached_bytes -= storage->bytes;
    return storage;
  }
  return nullptr;
}

Storage* make_storage(std::size_t bytes, const Backend& backend) {
  void* const data = backend.allocate(bytes);
  Storage* const storage = new Storage;
  storage->bytes = bytes;
  storage->data = data;
  storage->backend = &backend;
  return storage;
}

void destroy_cached(Pool& pool) {
  for (auto& blocks : pool.free_blocks) {
    for (Storage* storage : blocks) destroy(storage);
    blocks.clear();
  }
  pool.stats.cached_bytes = 0;
}

// What is cached, in other sizes, may be what is missing.
Storage* make_storage_or_shrink(Pool& pool, std::size_t bytes, const Backend& backend) {
  try {
    return make_storage(bytes, backend);
  } catch (const std::bad_alloc&) {
    if (pool.stats.cached_bytes == 0) throw;
    destroy_cached(pool);
    return make_storage(bytes, backend);
  }
}

}  // namespace

StoragePtr allocate_storage(std::size_t bytes, const Backend& backend) {
  Pool& p = pool();
  const int index = size_class(bytes);
  const std::lock_guard lock(p.mutex);
  Storage* storage = take_cached(p, index, backend);
  if (!storage) {
    // Where nothing is cached, nothing is rounded up: a sanitizer sees the end of every tensor.
    storage = make_storage_or_shrink(p, BRENIER_CACHE_MEMORY ? class_bytes(index) : bytes, backend);
    ++p.stats.system_allocations;
  }
  ++p.stats.requests;
  p.stats.current_bytes += storage->bytes;
  p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.current_bytes);
  return StoragePtr(storage);
}

StoragePtr storage_without_memory(const Backend& backend) {
  Storage* const storage = new Storage;
  storage->backend = &backend;
  return StoragePtr(storage);
}

void StoragePtr::release() {
  if (!storage_ || storage_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (!storage_->data) {
    delete storage_;
    return;
  }
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.stats.current_bytes -= storage_->bytes;
  if constexpr (BRENIER_CACHE_MEMORY) {
    p.stats.cached_bytes += storage_->bytes;
    p.free_blocks[static_cast<std::size_t>(size_class(storage_->bytes))].push_back(storage_);
  } else {
    destroy(storage_);
  }
}

MemoryStats memory_stats() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  return p.stats;
}

void reset_peak_memory() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.stats.peak_bytes = p.stats.current_bytes;
}

void release_cached_memory() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  destroy_cached(p);
}

}  // namespace brenier

// Where tensor values live: reference-counted blocks from a caching allocator.
//
// A block that is no longer used goes to a free list of its size class and is handed out again without asking the
// system, so a training loop that repeats the same shapes stops allocating after its first step. The counters let a
// program, and the tests, see that. Under AddressSanitizer nothing is cached, so that a stale read is caught.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace brenier {

struct MemoryStats {
  std::size_t current_bytes = 0;         // held by living tensors, in size classes
  std::size_t peak_bytes = 0;            // the largest current_bytes since the last reset_peak_memory()
  std::size_t cached_bytes = 0;          // free, kept for reuse
  std::uint64_t requests = 0;            // blocks handed out
  std::uint64_t system_allocations = 0;  // of these, the ones that had to ask the system
};

MemoryStats memory_stats();
void reset_peak_memory();
// Gives all cached blocks back to the system.
void release_cached_memory();

struct Backend;

// The block behind one or several tensors. Made by allocate_storage, destroyed with its last StoragePtr.
struct Storage {
  std::atomic<std::int64_t> references{0};
  std::size_t bytes = 0;  // of the size class
  void* data = nullptr;   // aligned to 64 bytes; null in a block without memory
  const Backend* backend = nullptr;
};

class StoragePtr {
 public:
  StoragePtr() = default;
  explicit StoragePtr(Storage* storage) : storage_(storage) { acquire(); }
  StoragePtr(const StoragePtr& other) : storage_(other.storage_) { acquire(); }
  StoragePtr(StoragePtr&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StoragePtr& operator=(StoragePtr other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StoragePtr() { release(); }

  Storage* get() const { return storage_; }
  Storage* operator->() const { return storage_; }
  explicit operator bool() const { return storage_ != nullptr; }

 private:
  void acquire() {
    if (storage_) storage_->references.fetch_add(1, std::memory_order_relaxed);
  }
  void release();
  Storage* storage_ = nullptr;
};

// At least `bytes` bytes, uninitialised. Throws std::bad_alloc when the system has none.
StoragePtr allocate_storage(std::size_t bytes, const Backend& backend);
// A block that is nothing but itself: what stands behind values that a tape has not computed.
StoragePtr storage_without_memory(const Backend& backend);

}  // namespace brenier

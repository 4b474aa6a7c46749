// Rooms are cut from the region one after another, each a multiple of 256 bytes and a gap. A released room is kept by
// its size; when the region is used up, a larger one is taken. The pages of a large one go back to the system.
#include "engine/cuda/host/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <stdexcept>

#include "engine/cuda/host/sanitizers.h"
#include "engine/cuda/runtime.h"
#include "engine/str.h"

namespace brenier::cuda_on_host {

namespace {

constexpr std::size_t kRegionBytes = std::size_t{16} << 30;  // of addresses; memory only as it is used
constexpr std::uint64_t kAlwaysClosed = 200, kClosedEvery = 4096;
constexpr std::size_t kAlignment = 256, kGap = 256, kLarge = 1 << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }
std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

DeviceMemory& DeviceMemory::instance() {
  static auto& memory = *new DeviceMemory;  // never destroyed: tensors may outlive everything else
  return memory;
}

DeviceMemory::DeviceMemory() {
  void* region = mmap(nullptr, kRegionBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) throw OutOfMemory("[cuda] the shim cannot reserve addresses for its device memory");
  // Opening a part of a huge page would split it, again and again.
  static_cast<void>(madvise(region, kRegionBytes, MADV_NOHUGEPAGE));
  base_ = static_cast<char*>(region);
}

void* DeviceMemory::allocate(std::size_t bytes) {
  const std::size_t there = kRegionBytes - live_bytes_;
  char* data = bytes < kRegionBytes ? take(round_up(bytes, kAlignment) + kGap) : nullptr;
  if (!data) {
    throw OutOfMemory(str("[cuda] out of device memory: ", bytes, " bytes were asked for, ", there, " of ",
                          kRegionBytes, " are free"));
  }
  living_[data] = bytes;
  live_bytes_ += rooms_[data];
  ASAN_UNPOISON_MEMORY_REGION(data, bytes);
  const Access access;
  std::memset(data, 0xff, bytes);
  return data;
}

char* DeviceMemory::take(std::size_t room) {
  auto found = free_.find(room);
  if (found == free_.end() && used_ + room <= kRegionBytes) {
    char* data = base_ + used_;
    used_ += room;
    ASAN_POISON_MEMORY_REGION(data, room);
    rooms_[data] = room;
    return data;
  }
  if (found == free_.end()) found = free_.lower_bound(room);
  if (found == free_.end()) return nullptr;
  char* data = found->second.back();
  rooms_[data] = found->first;
  found->second.pop_back();
  if (found->second.empty()) free_.erase(found);
  return data;
}

void DeviceMemory::release(void* data, std::size_t bytes) {
  auto* start = static_cast<char*>(data);
  const auto found = living_.find(start);
  if (found == living_.end() || found->second != bytes) {
    throw std::logic_error(str("[cuda] release of ", bytes, " bytes at ", data, ": no such allocation"));
  }
  ASAN_POISON_MEMORY_REGION(start, bytes);
  const std::size_t room = rooms_[start];
  live_bytes_ -= room;
  living_.erase(found);
  rooms_.erase(start);
  free_[room].push_back(start);
  const std::size_t page = page_bytes(), begin = round_up(static_cast<std::size_t>(start - base_), page);
  const std::size_t end = static_cast<std::size_t>(start - base_ + static_cast<std::ptrdiff_t>(room)) / page * page;
  if (room >= kLarge) madvise(base_ + begin, end - begin, MADV_DONTNEED);
}

void DeviceMemory::check(const void* data, std::size_t bytes, const char* op) const {
  const auto* start = static_cast<const char*>(data);
  auto owner = living_.upper_bound(start);
  if (owner != living_.begin()) {
    --owner;
    const auto offset = static_cast<std::size_t>(start - owner->first);
    if (offset <= owner->second && bytes <= owner->second - offset) return;
  }
  throw std::logic_error(str("[", op, "] ", bytes, " bytes at ", data, " are not in one device allocation"));
}

// Opens what is not open yet, or closes everything.
void DeviceMemory::protect(bool accessible) {
  const std::size_t end = round_up(used_, kLarge), begin = accessible ? opened_ : 0;
  const int rights = accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
  const int failed = end > begin ? mprotect(base_ + begin, end - begin, rights) : 0;
  if (failed && accessible) throw OutOfMemory(str("[cuda] the system has no memory for ", end, " bytes on the device"));
  opened_ = accessible ? end : 0;
}

DeviceMemory::Access::Access() {
  DeviceMemory& memory = instance();
  // What was handed out since the region was opened is closed.
  if (++memory.accesses_ == 1 && memory.used_ > memory.opened_) memory.protect(true);
}

DeviceMemory::Access::~Access() {
  DeviceMemory& memory = instance();
  if (--memory.accesses_ > 0) return;
  const std::uint64_t past = memory.past_accesses_++;
  if (past < kAlwaysClosed || past % kClosedEvery == 0) memory.protect(false);
}

}  // namespace brenier::cuda_on_host

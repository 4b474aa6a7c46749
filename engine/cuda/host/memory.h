// The shim's device memory: one region of addresses that the program cannot touch except while a kernel or a copy
// runs, so that host code that follows a device pointer dies here as it would beside a GPU. Closing the region costs more
// the more of it is used; after the first two hundred times it is therefore left open until the next synchronize() or, at
// most, for 4095 kernels.
//
// Allocations are at least 256 bytes apart. Under AddressSanitizer all but their exact bytes is poisoned, and a kernel
// that reads beyond its tensor is reported. New allocations are filled with 0xFF, which is a NaN in every format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace brenier::cuda_on_host {

// Used under the mutex of the runtime.
class DeviceMemory {
 public:
  static DeviceMemory& instance();
  void* allocate(std::size_t bytes);
  void release(void* data, std::size_t bytes);
  // Throws std::logic_error unless the bytes belong to one living allocation.
  void check(const void* data, std::size_t bytes, const char* op) const;
  void close() { protect(false); }

  // While one lives, the memory is accessible.
  class Access {
   public:
    Access();
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;
  };

 private:
  DeviceMemory();
  char* take(std::size_t room);
  void protect(bool accessible);

  char* base_ = nullptr;
  std::size_t used_ = 0;                            // bytes from the base on that were ever handed out
  std::map<std::size_t, std::vector<char*>> free_;  // by room
  std::map<const char*, std::size_t> living_;       // exact bytes
  std::map<const char*, std::size_t> rooms_;        // of the living, with the gap behind them
  std::size_t live_bytes_ = 0;
  int accesses_ = 0;  // that live
  std::uint64_t past_accesses_ = 0;
  std::size_t opened_ = 0;  // bytes from the base on that are open
};

}  // namespace brenier::cuda_on_host

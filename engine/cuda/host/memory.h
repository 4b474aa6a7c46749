// The shim's device memory: one region of addresses that the program cannot touch except while a kernel or a copy
// runs, so that host code that follows a device pointer dies here as it would beside a GPU.
//
// Allocations are at least 256 bytes apart. Under AddressSanitizer all but their exact bytes is poisoned, and a kernel
// that reads beyond its tensor is reported. New allocations are filled with 0xFF, which is a NaN in every format.
#pragma once

#include <cstddef>
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
  int accesses_ = 0;
};

}  // namespace brenier::cuda_on_host

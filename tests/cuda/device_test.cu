// The device layer of the CUDA backend: what kernels may use, held against plain loops and matrix products.
//
// The file is compiled like a kernel file, for the shim and, in builds with nvcc, for the GPU, where the same tests
// say whether the shim's models of shuffles and matrix units are those of the hardware.
#include "engine/cuda/device.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/cuda/runtime.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

// An array on the device.
template <class T>
class Array {
 public:
  explicit Array(std::size_t count) : count_(count), data_(static_cast<T*>(allocate(count * sizeof(T)))) {}
  explicit Array(const std::vector<T>& values) : Array(values.size()) {
    copy_to_device(data_, values.data(), count_ * sizeof(T));
  }
  ~Array() { release(data_, count_ * sizeof(T)); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  T* data() { return data_; }
  std::vector<T> values() const {
    std::vector<T> values(count_);
    copy_to_host(values.data(), data_, count_ * sizeof(T));
    return values;
  }

 private:
  std::size_t count_;
  T* data_;
};

__global__ void add_index(int* out, int n, int offset) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = i + offset;
}

}  // namespace

TEST_CASE("a launch runs every thread of every block once") {
  if (!available()) return;
  Array<int> out(1000);
  launch({.grid = {4}, .block = {256}, .op = "add_index"}, add_index, out.data(), 1000, 5);
  const std::vector<int> values = out.values();
  for (int i = 0; i < 1000; ++i) CHECK(values[static_cast<std::size_t>(i)] == i + 5);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

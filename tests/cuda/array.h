// What tests of kernels share: an array on the device, and random numbers to put there.
#pragma once

#include <cstddef>
#include <random>
#include <type_traits>
#include <vector>

#include "engine/cuda/runtime.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

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

// Random numbers, the same in every run.
template <class T>
std::vector<T> uniform(std::size_t count, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> distribution(-2, 2);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(distribution(generator) * (std::is_integral_v<T> ? 1e6 : 1));
  return values;
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// Mathematics beside the training that the CPU does whatever --device says: decompositions of one large matrix, and what
// leads to them. They keep no GPU busy, and eigenvectors are unique only up to signs, and up to rotations where eigenvalues
// are equal; with one algorithm for all devices, networks start with the same parameters on each of them.
#pragma once

#include "engine/backend.h"
#include "engine/tensor.h"

namespace brenier::experiments {

// The CPU as the default device as long as this lives.
class CpuAsDefault {
 public:
  CpuAsDefault() : before_(default_backend()) { set_default_backend(cpu_backend()); }
  ~CpuAsDefault() { set_default_backend(before_); }
  CpuAsDefault(const CpuAsDefault&) = delete;
  CpuAsDefault& operator=(const CpuAsDefault&) = delete;

 private:
  const Backend& before_;
};

// function(inputs...), a tensor, computed on the CPU; the result is on the default device.
template <class Function, class... Tensors>
Tensor on_cpu(const Function& function, const Tensors&... inputs) {
  const auto computed = [&] {
    const CpuAsDefault guard;
    return function(inputs.to(cpu_backend())...);
  };
  return computed().to(default_backend());
}

}  // namespace brenier::experiments

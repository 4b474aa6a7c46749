// What a device has to provide: memory, and one kernel per operation.
//
// A backend is data, not a class hierarchy. Everything above this header is ignorant of devices; everything below it
// is ignorant of derivatives. A kernel receives inputs as strided tensors and an uninitialised row-major output of
// the right shape. It may be replaced without touching an operation.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "engine/op_code.h"
#include "engine/shape.h"
#include "engine/tensor.h"

namespace brenier {

struct CustomRule;

// The constants of one operation. Axes count from the end (1 = last); see the convention in engine/shape.h.
// Which fields an operation uses is said beside its definition in engine/ops/.
struct Attributes {
  Axes axes{};                   // reductions, permute, flip, gather, concat, sort: the axes concerned
  Shape shape{};                 // broadcast, reshape, random: the trailing part of the result's shape
  Dims low{}, high{};            // slice: start and stop; pad: zeros before and after
  Dims step{};                   // slice: step; pad: 1 + zeros between neighbours
  std::int64_t count = 0;        // reshape: how many trailing axes are replaced; scatter: length of the target axis;
                                 // gather: rank of the indices
  bool keep_axes = false;        // reductions: leave length-1 axes behind
  DType dtype = DType::Float64;  // cast and random: type of the result
  std::uint64_t seed = 0;        // random
  std::shared_ptr<const CustomRule> custom{};

  friend bool operator==(const Attributes&, const Attributes&) = default;
};

struct KernelCall {
  std::span<const Tensor* const> inputs;
  Tensor& output;
  const Attributes& attributes;
};

using Kernel = void (*)(const KernelCall&);

struct Backend {
  const char* name;
  void* (*allocate)(std::size_t bytes);  // aligned to 64 bytes; throws std::bad_alloc
  void (*release)(void* data, std::size_t bytes);
  std::array<Kernel, kOpCount> kernels{};  // null where the backend has none; apply() then says so
};

const Backend& cpu_backend();

// How many threads, the caller's included, a kernel of the CPU backend may use; 1 until set. Results are the same bit
// for bit for every number. set_threads() throws if count is not in 1 … 4096; it waits for kernels that are running, so
// do not call it from one.
void set_threads(int count);
int threads();

}  // namespace brenier

// What a device has to provide: memory, and one kernel per operation.
//
// A backend is data, not a class hierarchy. Everything above this header is ignorant of devices; everything below it
// is ignorant of derivatives. A kernel receives inputs as strided tensors and an uninitialised row-major output of
// the right shape. It may be replaced without touching an operation.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/fused.h"
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
                                 // gather: rank of the indices; solves with a factor: which one, see engine/ops/
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
  // Matrix products alone.
  bool accumulate = false;                // adds to what the output holds
  const void* packed_factor = nullptr;    // inputs[1] as packed by Backend::factor_packing
  const FusedKernel* epilogue = nullptr;  // to be run on every element of the output as soon as that is final
};

using Kernel = void (*)(const KernelCall&);

// One elementwise operation on n consecutive elements, without shapes: what fused groups of operations are run with.
// Input i is read at inputs[i][j * strides[i]], with strides of 0 or 1; the output is outputs[0]. It may be the
// memory of an input of stride 1, but not overlap one otherwise.
using TileFunction = void (*)(const void* const* inputs, const std::int64_t* strides, void* const* outputs,
                              std::int64_t n);
using TileTable = std::array<std::array<TileFunction, 3>, kOpCount>;  // by operation and dtype

// Operations of one argument that share most of their work, such as a softplus and its derivatives.
struct OpFamily {
  std::array<OpCode, 3> members{};          // OpCode::Count where it has fewer
  std::array<TileFunction, 3> functions{};  // by dtype; output i is that of members[i], null where it is not wanted.
                                            // The argument has stride 1. Same results as the members' own functions.
};

// Simple operations in a row: y = start, and then, link by link, y = f(y, operand) or f(operand, y) or f(y).
struct ChainStart {
  const void* data;
  std::int64_t stride;  // 0 or 1
};
struct ChainLink {
  OpCode code;
  bool operand_first;
  const void* operand;  // null where the operation has one argument
  std::int64_t stride;  // of the operand, 0 or 1
  void* result;         // where y after this link goes; null: nowhere
};
struct ChainTable {
  std::array<bool, kOpCount> codes{};  // the operations that may be links
  // By dtype, for n numbers; same results as the operations' own functions. Null where there is none.
  std::array<void (*)(const ChainStart& start, std::span<const ChainLink> links, std::int64_t n), 3> functions{};
};

// Calls run(body, begin, end) for pieces of 0 … count, `grain` at a time, in as many threads as are allowed.
using ParallelRun = void (*)(std::int64_t count, std::int64_t grain,
                             void (*run)(const void* body, std::int64_t begin, std::int64_t end), const void* body);

// The right factor of matrix products, copied once for many of them into the order in which the kernel reads it.
struct FactorPacking {
  std::size_t (*bytes)(const Tensor& factor);        // 0: not worth it
  void (*pack)(const Tensor& factor, void* packed);  // `packed` is aligned to 64 bytes
};

// Moving numbers between the host and the memory of a device, in the order in which kernels are called. The host's block
// may change or go when a call returns.
struct HostCopies {
  void (*to_device)(void* to, const void* from, std::size_t bytes);
  void (*to_host)(void* to, const void* from, std::size_t bytes);  // throws what kernels could not say before
};

// A recorded sequence of kernel calls, to be repeated on the same memory with one command.
struct LaunchSequence {
  virtual ~LaunchSequence() = default;
  virtual void run() = 0;
};

struct Backend {
  const char* name;
  void* (*allocate)(std::size_t bytes);  // aligned to 64 bytes; throws std::bad_alloc
  void (*release)(void* data, std::size_t bytes);
  std::array<Kernel, kOpCount> kernels{};  // null where the backend has none; apply() then says so

  // Devices whose memory the host cannot read; null where it can.
  HostCopies copies{};
  // Devices where a kernel may still be at work when its call returns: waits for all of them. Null elsewhere.
  void (*synchronize)() = nullptr;
  std::string (*description)() = nullptr;  // "NVIDIA H200"; null: the CPU
  // What `body` calls is recorded, not executed. Null where there is no such thing.
  std::unique_ptr<LaunchSequence> (*record)(const std::function<void()>& body) = nullptr;

  // Fused groups: which operations may be in one, how large it may be, and how it is made ready. The result is null if
  // the kernel of its only operation is to be preferred.
  bool (*fusible)(const Backend& backend, OpCode code, DType dtype) = nullptr;
  FusedLimits fused_limits{};
  std::unique_ptr<FusedKernel> (*prepare)(const FusedGroup& group, const Backend& backend) = nullptr;
  bool runs_epilogues = false;  // of matrix products; such a group is never null

  // Backends that run tiles of rows in the caller's thread and others.
  ParallelRun parallel_run = nullptr;  // null: rows are not cut
  FactorPacking factor_packing{};      // null where the backend has none
  TileTable tiles{};                   // null where the operation is not elementwise; same results as its kernel
  std::vector<OpFamily> families{};
  ChainTable chains{};

  bool host_readable() const { return copies.to_host == nullptr; }
};

// The device on which tensors are made from numbers and files: the CPU until set. One device at a time; set it before
// the first tensor, for operations do not mix devices.
const Backend& default_backend();
void set_default_backend(const Backend& backend);
// "cpu"; "cuda", a GPU; "cuda-on-host", its kernels executed by the CPU, thread by thread, for tests. Throws
// std::invalid_argument for other names, for what was not compiled in, and where there is no such device.
const Backend& backend_named(std::string_view name);

// The CPU. Its kernels are those of the best instruction set of the machine, or of the one that the environment
// variable BRENIER_ISA names at first use: scalar, avx2, avx512 or neon. Throws std::invalid_argument if that is not
// available.
const Backend& cpu_backend();
// The name of that instruction set.
const char* cpu_isa();

// How many threads, the caller's included, a kernel of the CPU backend may use; 1 until set. Results are the same bit
// for bit for every number. set_threads() throws if count is not in 1 … 4096; it waits for kernels that are running, so
// do not call it from one.
void set_threads(int count);
int threads();

}  // namespace brenier

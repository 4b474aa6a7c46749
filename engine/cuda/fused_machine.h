// A small machine inside a kernel: it executes a fused group, one list of instructions for every few elements.
//
// A thread holds `V` neighbouring elements of the value it has just computed, the accumulator; most instructions read
// it. What is needed later lies in slots of shared memory, a column for each thread, so no barrier is needed. The
// instructions and operands are parameters of the kernel, which every thread of a warp reads at the same address: they
// come from the constant cache. So every group is one launch, nothing is compiled at run time, and the price is the
// decoding of an instruction, about twenty machine instructions for V elements.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <type_traits>

#include "engine/cuda/device.h"
#include "engine/cuda/pack.h"
#include "engine/op_code.h"
#include "engine/shape.h"

#define BRENIER_TARGET BRENIER_CUDA_NAMESPACE

namespace brenier::BRENIER_CUDA_NAMESPACE {

#include "engine/ops/scalar_vocabulary-inl.h"
// After the vocabulary it is written in.
#include "engine/ops/elementary-inl.h"
#include "engine/ops/functors-inl.h"

// The families of engine/ops/softplus-inl.h follow the operations in the numbering of instructions.
enum Family : int { kLogistic = kOpCount, kLaplace, kGaussian };

constexpr int kMaxOperands = 32;
constexpr int kMaxInstructions = 48;

// A source is the accumulator, an operand, or (from kFirstSlot on) a slot.
using Source = std::int16_t;
constexpr Source kNoSource = -2, kAccumulator = -1, kFirstSlot = kMaxOperands;

struct Instruction {
  std::int16_t code = 0;
  Source inputs[3] = {kNoSource, kNoSource, kNoSource};
  // Where each result goes: into memory and into a slot, or neither. Only families have more than one.
  std::int16_t operands[3] = {-1, -1, -1};
  std::int16_t slots[3] = {-1, -1, -1};
};

enum class Access : std::uint8_t { Vector, Repeated, Spaced };  // along the last axis

// Axes count from the end: axis 0 is the last one.
struct MachineProgram {
  std::int32_t rank = 1, instruction_count = 0;
  std::int64_t vectors = 0;                       // in all, V elements each
  std::uint32_t length[kMaxRank]{};               // of the axes; the last one in vectors, not used where rank is 1
  char* address[kMaxOperands]{};                  // of the first element
  std::int64_t stride[kMaxOperands][kMaxRank]{};  // in elements
  Access access[kMaxOperands]{};
  Instruction instructions[kMaxInstructions]{};
};

// Where a vector lies. Loops over axes have a fixed length, so that the indices stay in registers.
template <bool Linear>
struct Position {
  std::int64_t last;
  std::uint32_t outer[Linear ? 1 : kMaxRank];

  __device__ __forceinline__ Position(const MachineProgram& program, std::int64_t vector) : last(vector), outer{} {
    if constexpr (!Linear) {
      std::int64_t rest = divide(vector, program.length[0], last);
#pragma unroll
      for (int axis = 1; axis < kMaxRank; ++axis) {
        if (axis >= program.rank) break;
        std::int64_t index;
        rest = divide(rest, program.length[axis], index);
        outer[axis] = static_cast<std::uint32_t>(index);
      }
    }
  }
  __device__ __forceinline__ std::int64_t offset(const MachineProgram& program, int operand, int width) const {
    const std::int64_t* const stride = program.stride[operand];
    std::int64_t offset = last * width * stride[0];
    if constexpr (!Linear) {
#pragma unroll
      for (int axis = 1; axis < kMaxRank; ++axis)
        if (axis < program.rank) offset += outer[axis] * stride[axis];
    }
    return offset;
  }

 private:
  // A division of 32 bits costs a third of one of 64.
  static __device__ __forceinline__ std::int64_t divide(std::int64_t a, std::uint32_t b, std::int64_t& remainder) {
    std::int64_t quotient;
    if (a <= 0xffffffff) {
      quotient = static_cast<std::uint32_t>(a) / b;
    } else {
      quotient = a / b;
    }
    remainder = a - quotient * b;
    return quotient;
  }
};

template <class T, int V, bool Linear>
__device__ __forceinline__ T* element(const MachineProgram& program, int operand, const Position<Linear>& position) {
  return reinterpret_cast<T*>(program.address[operand]) + position.offset(program, operand, V);
}

template <class T, int V, bool Linear>
__device__ __forceinline__ Pack<T, V> load(const MachineProgram& program, int operand,
                                           const Position<Linear>& position) {
  const T* const from = element<T, V>(program, operand, position);
  const Access access = program.access[operand];
  if (access == Access::Vector) return load_pack<T, V>(from);
  const std::int64_t stride = access == Access::Repeated ? 0 : program.stride[operand][0];
  Pack<T, V> result;
#pragma unroll
  for (int i = 0; i < V; ++i) result.value[i] = from[i * stride];
  return result;
}

template <class F, class T, int V, class... Inputs>
__device__ __forceinline__ Pack<T, V> map(const Inputs&... x) {
  Pack<T, V> result;
  const F f;
  if constexpr (std::is_floating_point_v<T> || accepts_integers<F>) {
#pragma unroll
    for (int i = 0; i < V; ++i) result.value[i] = f(x.value[i]...);
  } else {
    (static_cast<void>(f), ..., static_cast<void>(x));
    result = {};  // fusible() has refused it
  }
  return result;
}

// One operation. Not inlined: there are several dozen, and each form of the kernel would hold them all.
template <class T, int V>
__device__ __attribute__((noinline)) Pack<T, V> execute(int code, Pack<T, V> a, Pack<T, V> b, Pack<T, V> c) {
  switch (static_cast<OpCode>(code)) {
#define BRENIER_UNARY_CASE(name, code, text) \
  case OpCode::code:                         \
    return map<code, T, V>(a);
#define BRENIER_BINARY_CASE(name, code, text) \
  case OpCode::code:                          \
    return map<code, T, V>(a, b);
    BRENIER_UNARY_OPS(BRENIER_UNARY_CASE)
    BRENIER_BINARY_OPS(BRENIER_BINARY_CASE)
#undef BRENIER_UNARY_CASE
#undef BRENIER_BINARY_CASE
    case OpCode::Where:
      return map<Where, T, V>(a, b, c);
    default:
      return a;
  }
}

template <class T, int V>
struct Results {
  Pack<T, V> of[3];
};
template <class F, class T, int V>
__device__ __forceinline__ Results<T, V> map_family(const Pack<T, V>& x) {
  Results<T, V> results{};
  const F f;
#pragma unroll
  for (int i = 0; i < V; ++i) f(x.value[i], [&](int k, T y) { results.of[k].value[i] = y; });
  return results;
}
template <class T, int V>
__device__ __forceinline__ Results<T, V> execute_family(int code, Pack<T, V> x) {
  if constexpr (std::is_floating_point_v<T>) {
    if (code == kLogistic) return map_family<LogisticFamily, T, V>(x);
    if (code == kLaplace) return map_family<LaplaceFamily, T, V>(x);
    return map_family<GaussianFamily, T, V>(x);
  }
  return {};
}

// The machine of one thread.
template <class T, int V, bool Linear>
class Machine {
 public:
  __device__ Machine(const MachineProgram& program, Pack<T, V>* slots) : program_(program), slots_(slots) {}

  __device__ __forceinline__ void run(std::int64_t vector) {
    const Position<Linear> position(program_, vector);
    Pack<T, V> y{};
    for (int i = 0; i < program_.instruction_count; ++i) {
      const Instruction& instruction = program_.instructions[i];
      const Pack<T, V> a = read(instruction.inputs[0], y, position);
      if (instruction.code >= kOpCount) {
        const Results<T, V> results = execute_family<T, V>(instruction.code, a);
#pragma unroll
        for (int k = 0; k < 3; ++k) write(instruction, k, results.of[k], position);
      } else {
        const Pack<T, V> b = read(instruction.inputs[1], y, position), c = read(instruction.inputs[2], y, position);
        y = execute<T, V>(instruction.code, a, b, c);
        write(instruction, 0, y, position);
      }
    }
  }

 private:
  __device__ __forceinline__ Pack<T, V> read(Source source, const Pack<T, V>& y,
                                             const Position<Linear>& position) const {
    if (source < 0) return y;
    return source < kFirstSlot ? load<T, V>(program_, source, position) : *slot(source - kFirstSlot);
  }
  __device__ __forceinline__ void write(const Instruction& instruction, int k, const Pack<T, V>& y,
                                        const Position<Linear>& position) {
    if (instruction.slots[k] >= 0) *slot(instruction.slots[k]) = y;
    if (instruction.operands[k] < 0) return;
    store_pack<T, V>(element<T, V>(program_, instruction.operands[k], position), y);
  }
  __device__ __forceinline__ Pack<T, V>* slot(int i) const { return slots_ + i * static_cast<int>(blockDim.x); }

  const MachineProgram& program_;
  Pack<T, V>* const slots_;
};

template <class T, int V, bool Linear>
__global__ void __launch_bounds__(256) run_group(const __grid_constant__ MachineProgram program) {
  Machine<T, V, Linear> machine(program, dynamic_shared<Pack<T, V>>() + threadIdx.x);
  for (std::int64_t i = thread_in_grid(); i < program.vectors; i += threads_in_grid()) machine.run(i);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

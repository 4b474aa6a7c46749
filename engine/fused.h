// Fused groups: what a program hands to a backend instead of single operations.
//
// A group is a run of elementwise operations over one shape and dtype. Its operands lie in memory; what only the group
// itself reads never does. A backend makes a group ready once (a CPU cuts it into tiles that fit the cache, a GPU makes
// one launch of it) and runs it many times, on whatever memory the tensors of the operands then have.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "engine/op_code.h"
#include "engine/tensor.h"

namespace brenier {

// Values are numbered: first the operands, then what stays inside the group.
struct FusedGroup {
  using Value = std::int32_t;
  static constexpr Value kNone = -1;
  struct Operation {
    OpCode code{};
    std::array<Value, 3> inputs{kNone, kNone, kNone};
    Value result = kNone;
  };

  Shape shape{};
  DType dtype = DType::Float64;
  std::vector<const Tensor*> operands{};  // broadcast to the shape; row-major and of that shape where written
  std::vector<Operation> operations{};    // in an order in which they can be executed; each value is written once
  Value value_count = 0;

  Value operand_count() const { return static_cast<Value>(operands.size()); }
  bool in_memory(Value value) const { return value >= 0 && value < operand_count(); }
};

// A group made ready. The tensors of its operands are referred to, not copied, and must have memory when it runs.
class FusedKernel {
 public:
  virtual ~FusedKernel() = default;
  virtual void run() = 0;
};

// What a backend can take in one group.
struct FusedLimits {
  int operations = std::numeric_limits<int>::max();
  int operands = std::numeric_limits<int>::max();
};

}  // namespace brenier

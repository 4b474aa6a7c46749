// Fused groups: what a program hands to a backend instead of single operations.
//
// A group is a run of elementwise operations over one shape and dtype. Its operands lie in memory; what only the group
// itself reads never does. A backend makes a group ready once (a CPU cuts it into tiles that fit the cache, a GPU makes
// one launch of it) and runs it many times, on whatever memory the tensors of the operands then have.
//
// A group that reads the result of a matrix product element for element can be the epilogue of the product, which then
// runs it on rows, or on tiles, as soon as they are final, while they are in a cache.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
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
  bool is_epilogue = false;  // will be run by the matrix product whose result it reads, in ranges or as a whole

  Value operand_count() const { return static_cast<Value>(operands.size()); }
  bool in_memory(Value value) const { return value >= 0 && value < operand_count(); }
};

// Operations that are computed together, such as an activation and its derivatives: the results, in the order of
// `members`, of operation `first` and those after it that have its arguments; kNone where there is none. Nothing unless
// `first` is one of the members and there is another. Members that do not exist are OpCode::Count.
std::optional<std::array<FusedGroup::Value, 3>> family_results(const FusedGroup& group, std::size_t first,
                                                               const std::array<OpCode, 3>& members);

// A group made ready. The tensors of its operands are referred to, not copied, and must have memory when it runs.
class FusedKernel {
 public:
  virtual ~FusedKernel() = default;
  virtual void run() = 0;
  // Elements begin … end - 1 in row-major order. Several threads may run ranges apart from each other at a time. Only
  // for backends that run groups as epilogues; a device takes all elements and nothing less.
  virtual void run_range(std::int64_t, std::int64_t) const {
    throw std::invalid_argument("[fused group] this backend runs groups as a whole");
  }
};

// What a backend can take in one group.
struct FusedLimits {
  int operations = std::numeric_limits<int>::max();
  int operands = std::numeric_limits<int>::max();
};

}  // namespace brenier

// Fused groups and single elementwise operations on the device: the host side of engine/cuda/fused_machine.h, which
// lays out the operands for the machine and chooses how wide its vectors are.
#include "engine/cuda/fused_assembly.h"
#include "engine/cuda/kernels.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

constexpr int kVector = 4;  // elements; 16 bytes of float
constexpr unsigned kBlock = 256;

const char* name_of_operation(OpCode code) {
  switch (code) {
#define BRENIER_NAME(name, code, text) \
  case OpCode::code:                   \
    return #name;
    BRENIER_UNARY_OPS(BRENIER_NAME)
    BRENIER_BINARY_OPS(BRENIER_NAME)
#undef BRENIER_NAME
    default:
      return "where";
  }
}

class FusedLaunch : public FusedKernel {
 public:
  explicit FusedLaunch(const FusedGroup& group) : dtype_(group.dtype), operands_(group.operands) {
    if (group.operations.size() == 1) op_ = name_of_operation(group.operations[0].code);
    if (operands_.size() > kMaxOperands) throw std::logic_error("[fused] too many operands");
    merge_axes(group.shape);
    const Assembly assembly(group);
    if (assembly.instructions().size() > kMaxInstructions) throw std::logic_error("[fused] too many operations");
    std::copy(assembly.instructions().begin(), assembly.instructions().end(), program_.instructions);
    program_.instruction_count = static_cast<std::int32_t>(assembly.instructions().size());
    slot_count_ = static_cast<std::size_t>(assembly.slot_count());
    elements_ = element_count(group.shape);
  }

  void run() override {
    if (elements_ == 0) return;
    for (std::size_t i = 0; i < operands_.size(); ++i) program_.address[i] = operands_[i]->address();
    for_any("fused", dtype_, [&](auto type) {
      using T = typename decltype(type)::type;
      takes_vectors() ? launch_for<T, kVector>() : launch_for<T, 1>();
    });
  }

 private:
  // From the last axis to the first; an axis is one with the last found if every operand steps evenly over both.
  void merge_axes(const Shape& shape) {
    program_.rank = 0;
    std::vector<Strides> strides;
    for (const Tensor* x : operands_) strides.push_back(broadcast_strides(*x, shape));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (shape[axis] == 1) continue;
      const int last = program_.rank - 1;
      bool merges = last >= 0;
      for (std::size_t k = 0; k < strides.size(); ++k)
        merges = merges && strides[k][axis] == program_.stride[k][last] * lengths_[last];
      if (merges) {
        lengths_[last] *= shape[axis];
        continue;
      }
      for (std::size_t k = 0; k < strides.size(); ++k) program_.stride[k][program_.rank] = strides[k][axis];
      lengths_[program_.rank++] = shape[axis];
    }
    if (program_.rank == 0) lengths_[program_.rank++] = 1;
  }

  bool is_aligned(std::size_t operand) const {
    constexpr std::size_t widest = 16;
    const auto bytes = static_cast<std::int64_t>(size_of(dtype_));
    bool aligned = reinterpret_cast<std::uintptr_t>(program_.address[operand]) % widest == 0;
    for (int axis = 1; axis < program_.rank; ++axis)
      aligned = aligned && program_.stride[operand][axis] * bytes % static_cast<std::int64_t>(widest) == 0;
    return aligned;
  }

  // Whether rows consist of whole vectors, and what is written is aligned; sets how operands are read.
  bool takes_vectors() {
    bool whole = lengths_[0] % kVector == 0;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const bool vector = program_.stride[i][0] == 1 && is_aligned(i);
      program_.access[i] = vector ? Access::Vector : program_.stride[i][0] == 0 ? Access::Repeated : Access::Spaced;
      whole = whole && (vector || !is_written(i));
    }
    if (!whole) std::fill_n(program_.access, operands_.size(), Access::Vector);  // of one element
    return whole;
  }

  bool is_written(std::size_t operand) const {
    for (int i = 0; i < program_.instruction_count; ++i)
      for (const std::int16_t written : program_.instructions[i].operands)
        if (written == static_cast<std::int16_t>(operand)) return true;
    return false;
  }

  template <class T, int V>
  void launch_for() {
    for (int axis = 0; axis < program_.rank; ++axis)
      program_.length[axis] = static_cast<std::uint32_t>(axis == 0 ? lengths_[0] / V : lengths_[axis]);
    program_.vectors = elements_ / V;
    const unsigned block = block_for(program_.vectors, kBlock);
    const LaunchShape shape{.grid = {grid_for(program_.vectors, block)},
                            .block = {block},
                            .dynamic_shared = slot_count_ * block * sizeof(Pack<T, V>),
                            .op = op_};
    program_.rank == 1 ? launch(shape, run_group<T, V, true>, program_)
                       : launch(shape, run_group<T, V, false>, program_);
  }

  DType dtype_;
  std::vector<const Tensor*> operands_;
  const char* op_ = "fused group";
  MachineProgram program_;
  std::int64_t lengths_[kMaxRank]{};  // of the merged axes, in elements
  std::int64_t elements_ = 0;
  std::size_t slot_count_ = 0;
};

template <OpCode code>
void elementwise_kernel(const KernelCall& call) {
  const DType dtype = call.output.dtype();
  check_inputs(name_of_operation(code), call, dtype);
  if (!fusible(backend(), code, dtype)) no_kernel(name_of_operation(code), dtype);
  FusedGroup group{.shape = call.output.shape(), .dtype = dtype};
  group.operands.assign(call.inputs.begin(), call.inputs.end());
  group.operands.push_back(&call.output);
  FusedGroup::Operation operation{.code = code};
  for (std::size_t i = 0; i < call.inputs.size(); ++i) operation.inputs[i] = static_cast<FusedGroup::Value>(i);
  operation.result = static_cast<FusedGroup::Value>(call.inputs.size());
  group.operations.push_back(operation);
  group.value_count = group.operand_count();
  FusedLaunch(group).run();
}

struct Fusible {
  bool floating = false, integer = false;
};
std::array<Fusible, kOpCount> fusible_table() {
  std::array<Fusible, kOpCount> table{};
#define BRENIER_ENTRY(name, code, text) table[static_cast<std::size_t>(OpCode::code)] = {true, accepts_integers<code>};
  BRENIER_UNARY_OPS(BRENIER_ENTRY)
  BRENIER_BINARY_OPS(BRENIER_ENTRY)
#undef BRENIER_ENTRY
  table[static_cast<std::size_t>(OpCode::Where)] = {true, true};
  return table;
}

}  // namespace

bool fusible(const Backend&, OpCode code, DType dtype) {
  static const std::array<Fusible, kOpCount> table = fusible_table();
  const Fusible& entry = table[static_cast<std::size_t>(code)];
  return dtype == DType::Int64 ? entry.integer : entry.floating;
}

std::unique_ptr<FusedKernel> prepare_fused(const FusedGroup& group, const Backend&) {
  return std::make_unique<FusedLaunch>(group);
}

FusedLimits fused_limits() { return {.operations = kMaxInstructions, .operands = kMaxOperands}; }

std::array<Kernel, kOpCount> elementwise_kernels() {
  std::array<Kernel, kOpCount> kernels{};
#define BRENIER_ENTRY(name, code, text) \
  kernels[static_cast<std::size_t>(OpCode::code)] = elementwise_kernel<OpCode::code>;
  BRENIER_UNARY_OPS(BRENIER_ENTRY)
  BRENIER_BINARY_OPS(BRENIER_ENTRY)
#undef BRENIER_ENTRY
  kernels[static_cast<std::size_t>(OpCode::Where)] = elementwise_kernel<OpCode::Where>;
  return kernels;
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

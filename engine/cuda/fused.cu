// Fused groups and single elementwise operations on the device: the host side of engine/cuda/fused_machine.h, which
// lays out the operands for the machine and chooses how wide its vectors are.
#include "engine/cuda/epilogue.h"
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

  void run() override { run_range(0, elements_); }

  // The whole group: a product whose kernel has no epilogue is followed by it.
  void run_range(std::int64_t begin, std::int64_t end) const override {
    if (begin != 0 || end != elements_) throw std::logic_error("[fused] groups run as a whole on this device");
    if (elements_ == 0) return;
    for_any("fused", dtype_, [&](auto type) {
      using T = typename decltype(type)::type;
      Ready ready = with_addresses();
      ready.vectors ? launch_for<T, kVector>(ready.program) : launch_for<T, 1>(ready.program);
    });
  }

  std::optional<Epilogue> epilogue() const {
    if (dtype_ != DType::Float32 || slot_count_ > kMostEpilogueSlots) return std::nullopt;
    Ready ready = with_addresses();
    if (!ready.vectors) return std::nullopt;
    set_lengths(ready.program, kVector);
    return Epilogue{ready.program, slot_count_};
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

  // The program with the addresses that the operands have now, and whether it may take vectors.
  struct Ready {
    MachineProgram program;
    bool vectors;
  };
  Ready with_addresses() const {
    Ready ready{program_, lengths_[0] % kVector == 0};
    MachineProgram& program = ready.program;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      program.address[i] = operands_[i]->address();
      const bool vector = program.stride[i][0] == 1 && is_aligned(program, i);
      program.access[i] = vector ? Access::Vector : program.stride[i][0] == 0 ? Access::Repeated : Access::Spaced;
      ready.vectors = ready.vectors && (vector || !is_written(i));
    }
    if (!ready.vectors) std::fill_n(program.access, operands_.size(), Access::Vector);  // of one element
    return ready;
  }

  bool is_aligned(const MachineProgram& program, std::size_t operand) const {
    constexpr std::size_t widest = 16;
    const auto bytes = static_cast<std::int64_t>(size_of(dtype_));
    bool aligned = reinterpret_cast<std::uintptr_t>(program.address[operand]) % widest == 0;
    for (int axis = 1; axis < program.rank; ++axis)
      aligned = aligned && program.stride[operand][axis] * bytes % static_cast<std::int64_t>(widest) == 0;
    return aligned;
  }

  bool is_written(std::size_t operand) const {
    for (int i = 0; i < program_.instruction_count; ++i)
      for (const std::int16_t written : program_.instructions[i].operands)
        if (written == static_cast<std::int16_t>(operand)) return true;
    return false;
  }

  void set_lengths(MachineProgram& program, int width) const {
    for (int axis = 0; axis < program.rank; ++axis)
      program.length[axis] = static_cast<std::uint32_t>(axis == 0 ? lengths_[0] / width : lengths_[axis]);
    program.vectors = elements_ / width;
  }

  template <class T, int V>
  void launch_for(MachineProgram& program) const {
    set_lengths(program, V);
    const unsigned block = block_for(program.vectors, kBlock);
    const LaunchShape shape{.grid = {grid_for(program.vectors, block)},
                            .block = {block},
                            .dynamic_shared = slot_count_ * block * sizeof(Pack<T, V>),
                            .op = op_};
    program.rank == 1 ? launch(shape, run_group<T, V, true>, program) : launch(shape, run_group<T, V, false>, program);
  }

  DType dtype_;
  std::vector<const Tensor*> operands_;
  const char* op_ = "fused group";
  MachineProgram program_;            // without addresses
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
  for (const Tensor* input : call.inputs) group.operands.push_back(input);
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

std::optional<Epilogue> as_epilogue(const FusedKernel& group) {
  return static_cast<const FusedLaunch&>(group).epilogue();
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

// Preparing fused groups. See engine/cpu/tile_group.h; running them is in tile_group_run.cpp.
#include "engine/cpu/tile_group.h"

#include <algorithm>
#include <utility>

namespace brenier::cpu {

namespace {

bool contains(std::span<const FusedGroup::Value> list, FusedGroup::Value value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

std::unique_ptr<FusedKernel> prepare_tiles(const FusedGroup& group, const Backend& backend) {
  auto prepared = std::make_unique<TileGroup>(group, backend);
  if (!group.is_epilogue && group.operations.size() == 1 && prepared->gathers_long_rows()) return nullptr;
  return prepared;
}

bool has_tile_function(const Backend& backend, OpCode code, DType dtype) {
  return backend.tiles[static_cast<std::size_t>(code)][static_cast<std::size_t>(dtype)] != nullptr;
}

TileGroup::TileGroup(const FusedGroup& group, const Backend& backend)
    : shape_(group.shape),
      element_bytes_(static_cast<std::int64_t>(size_of(group.dtype))),
      work_per_element_(static_cast<std::int64_t>(group.operations.size())) {
  for (const Tensor* operand : group.operands) add_operand(*operand);
  merge_axes();
  choose_tile();
  add_operations(group, backend);
  chain_ = backend.chains.functions[static_cast<std::size_t>(group.dtype)];
  if (chain_) merge_chains(backend.chains);
}

void TileGroup::add_operand(const Tensor& x) {
  Operand operand{.tensor = &x, .place = place_count_++};
  for (int d = 1; d <= x.rank(); ++d)
    if (x.shape()[-d] != 1) operand.stride[at(shape_.rank() - d)] = x.strides()[-d] * element_bytes_;
  operands_.push_back(operand);
}

// An axis continues the one before it if every operand steps from the end of the inner one to the next entry of the
// outer one.
void TileGroup::merge_axes() {
  for (int axis = 0; axis < shape_.rank(); ++axis) {
    if (shape_[axis] == 1) continue;
    const auto continues = [&](const Operand& x) {
      return x.stride[at(rank_ - 1)] == x.stride[at(axis)] * shape_[axis];
    };
    const bool merges = rank_ > 0 && std::all_of(operands_.begin(), operands_.end(), continues);
    const int to = merges ? rank_ - 1 : rank_++;
    length_[at(to)] = merges ? length_[at(to)] * shape_[axis] : shape_[axis];
    for (Operand& operand : operands_) operand.stride[at(to)] = operand.stride[at(axis)];
  }
  if (rank_ > 0) return;
  length_[at(rank_++)] = 1;
  for (Operand& operand : operands_) operand.stride[0] = 0;
}

void TileGroup::choose_tile() {
  const std::int64_t elements = static_cast<std::int64_t>(kRegisterBytes) / element_bytes_;
  tile_cols_ = std::min(cols(), elements);
  tile_rows_ = std::min(rows(), elements / tile_cols_);
  const bool one_row = tile_rows_ == 1;
  for (Operand& x : operands_) {
    const bool dense = col_stride(x) == element_bytes_ || cols() == 1;
    if (dense && (one_row || row_stride(x) == cols() * element_bytes_)) continue;
    const bool repeated = col_stride(x) == 0 && (one_row || row_stride(x) == 0);
    x.access = repeated ? Access::Repeated : Access::Gathered;
    if (repeated) continue;
    registers_.push_back(x.place);
    gathers_ = true;
  }
}

// Operation i of the group or, if it belongs to a family, all from there on that read the same argument.
TileGroup::Operation TileGroup::operation_of(const FusedGroup& group, std::size_t i, const std::vector<Place>& place_of,
                                             const Backend& backend, std::array<Value, 3>& results) const {
  const FusedGroup::Operation& first = group.operations[i];
  const auto dtype = static_cast<std::size_t>(group.dtype);
  Operation operation{.code = first.code, .function = backend.tiles[static_cast<std::size_t>(first.code)][dtype]};
  for (std::size_t k = 0; k < 3 && first.inputs[k] != FusedGroup::kNone; ++k) {
    const Value input = first.inputs[k];
    operation.inputs[k] = place_of[at(input)];
    operation.strides[k] = group.in_memory(input) && operands_[at(input)].access == Access::Repeated ? 0 : 1;
  }
  results = {first.result, FusedGroup::kNone, FusedGroup::kNone};
  for (const OpFamily& family : backend.families) {
    const auto together = family_results(group, i, family.members);
    if (!together || !family.functions[dtype] || operation.strides[0] == 0) continue;
    operation.function = family.functions[dtype];
    results = *together;
  }
  return operation;
}

// The first member of a family to read an argument brings the others along: all their results have places from then on.
// A value inside the group has a register from the operation that makes it to the last one that reads it.
void TileGroup::add_operations(const FusedGroup& group, const Backend& backend) {
  std::vector<Place> place_of(at(group.value_count), kNowhere), free_registers;
  for (std::size_t i = 0; i < operands_.size(); ++i) place_of[i] = operands_[i].place;
  const auto make_place = [&](Value value) {
    if (value == FusedGroup::kNone || group.in_memory(value))
      return value == FusedGroup::kNone ? kNowhere : place_of[at(value)];
    if (free_registers.empty()) free_registers.push_back(add_register());
    place_of[at(value)] = free_registers.back();
    free_registers.pop_back();
    return place_of[at(value)];
  };
  std::vector<Value> done;
  for (std::size_t i = 0; i < group.operations.size(); ++i) {
    if (!contains(done, group.operations[i].result)) {
      std::array<Value, 3> results;
      operations_.push_back(operation_of(group, i, place_of, backend, results));
      for (std::size_t k = 0; k < 3; ++k) operations_.back().outputs[k] = make_place(results[k]);
      done.insert(done.end(), results.begin(), results.end());
    }
    const std::span later = std::span(group.operations).subspan(i + 1);
    for (const Value input : group.operations[i].inputs) {
      const auto reads = [&](const FusedGroup::Operation& x) { return contains(x.inputs, input); };
      if (input == FusedGroup::kNone || group.in_memory(input) || place_of[at(input)] == kNowhere ||
          std::any_of(later.begin(), later.end(), reads))
        continue;
      free_registers.push_back(std::exchange(place_of[at(input)], kNowhere));
    }
  }
}

TileGroup::Place TileGroup::add_register() {
  registers_.push_back(place_count_++);
  return registers_.back();
}

// Operations that each read the result of the one before, in one argument, become one.
void TileGroup::merge_chains(const ChainTable& chains) {
  const auto continues = [&](const Operation& a, const Operation& b) {
    const Place y = a.outputs[0];
    return chains.codes[static_cast<std::size_t>(a.code)] && chains.codes[static_cast<std::size_t>(b.code)] &&
           (b.inputs[0] == y) != (b.inputs[1] == y);
  };
  std::vector<Operation> merged;
  for (std::size_t begin = 0, end; begin < operations_.size(); begin = end) {
    for (end = begin + 1; end < operations_.size() && continues(operations_[end - 1], operations_[end]);) ++end;
    merged.push_back(end == begin + 1 ? operations_[begin] : chain_of(begin, end));
  }
  operations_ = std::move(merged);
}

TileGroup::Operation TileGroup::chain_of(std::size_t begin, std::size_t end) {
  Operation chain = operations_[begin];
  chain.first_link = links_.size();
  Place y = chain.inputs[0];
  for (std::size_t i = begin; i < end; ++i) {
    const Operation& operation = operations_[i];
    const bool first = i > begin && operation.inputs[1] == y;  // the operand
    const std::size_t operand = first ? 0 : 1;
    y = operation.outputs[0];
    links_.push_back({operation.code, first, nullptr, operation.strides[operand], nullptr});
    chain.operands.push_back(operation.inputs[operand]);
    chain.results.push_back(i + 1 == end || is_needed_after(y, i + 1) ? y : kNowhere);
  }
  return chain;
}

// Whether a value is read after an operation, or outside the group.
bool TileGroup::is_needed_after(Place place, std::size_t operation) const {
  if (std::find(registers_.begin(), registers_.end(), place) == registers_.end()) return true;
  for (std::size_t i = operation + 1; i < operations_.size(); ++i) {
    const auto has = [&](const std::array<Place, 3>& list) { return std::count(list.begin(), list.end(), place) > 0; };
    if (has(operations_[i].inputs)) return true;
    if (has(operations_[i].outputs)) return false;
  }
  return false;
}

}  // namespace brenier::cpu

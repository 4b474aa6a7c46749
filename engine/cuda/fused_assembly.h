// From the operations of a fused group to the instructions of engine/cuda/fused_machine.h.
//
// Members of a family that read one value become one instruction. A value that only the next instruction reads stays in
// the accumulator; every other one gets a slot of shared memory until its last reader.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "engine/cuda/fused_machine.h"
#include "engine/fused.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

class Assembly {
 public:
  explicit Assembly(const FusedGroup& group) : group_(group), last_reader_(index(group.value_count)) {
    std::vector<bool> done(group.operations.size());
    for (std::size_t i = 0; i < done.size(); ++i)
      if (!done[i]) combined_.push_back(combine(i, done));
    for (std::size_t i = 0; i < combined_.size(); ++i)
      for (const Value input : combined_[i].inputs)
        if (input != FusedGroup::kNone) last_reader_[index(input)] = i;
    for (std::size_t i = 0; i < combined_.size(); ++i) instructions_.push_back(assemble(i));
  }
  const std::vector<Instruction>& instructions() const { return instructions_; }
  int slot_count() const { return slot_count_; }

 private:
  using Value = FusedGroup::Value;
  using Values = std::array<Value, 3>;
  struct Combined {
    int code;
    Values inputs, results;
    bool is_family() const { return code >= kOpCount; }
  };
  struct FamilyMembers {
    Family family;
    std::array<OpCode, 3> members;
  };
  static constexpr FamilyMembers kFamilies[] = {
      {kLogistic, {OpCode::Softplus, OpCode::Sigmoid, OpCode::Count}},
      {kLaplace, {OpCode::LaplaceSoftplus, OpCode::LaplaceCdf, OpCode::Count}},
      {kGaussian, {OpCode::GaussianSoftplus, OpCode::NormalCdf, OpCode::NormalPdf}}};
  static std::size_t index(Value value) { return static_cast<std::size_t>(value); }

  // Operation i, or all members of its family from there on that read the same value.
  Combined combine(std::size_t i, std::vector<bool>& done) const {
    const FusedGroup::Operation& first = group_.operations[i];
    for (const FamilyMembers& family : kFamilies) {
      const auto results = family_results(group_, i, family.members);
      if (!results) continue;
      for (std::size_t j = i; j < done.size(); ++j)
        if (std::find(results->begin(), results->end(), group_.operations[j].result) != results->end()) done[j] = true;
      return {family.family, first.inputs, *results};
    }
    return {static_cast<int>(first.code), first.inputs, {first.result, FusedGroup::kNone, FusedGroup::kNone}};
  }

  Instruction assemble(std::size_t i) {
    const Combined& operation = combined_[i];
    Instruction instruction;
    instruction.code = static_cast<std::int16_t>(operation.code);
    for (std::size_t k = 0; k < 3; ++k)
      if (operation.inputs[k] != FusedGroup::kNone) instruction.inputs[k] = source_of(operation.inputs[k]);
    // An instruction has read everything when it writes: a result may take over the slot of an argument.
    for (const Value input : operation.inputs) release_after(input, i);
    const std::size_t next = operation.is_family() ? i : i + 1;  // reads the accumulator
    for (std::size_t k = 0; k < 3; ++k) {
      const Value result = operation.results[k];
      if (result == FusedGroup::kNone) continue;
      if (group_.in_memory(result)) instruction.operands[k] = static_cast<std::int16_t>(result);
      if (last_reader_[index(result)] > next) instruction.slots[k] = new_slot(result);
    }
    accumulator_ = operation.is_family() ? FusedGroup::kNone : operation.results[0];
    return instruction;
  }

  Source source_of(Value value) const {
    if (value == accumulator_) return kAccumulator;
    const auto slot = slots_.find(value);
    return static_cast<Source>(slot == slots_.end() ? value : kFirstSlot + slot->second);
  }

  void release_after(Value value, std::size_t reader) {
    const auto slot = slots_.find(value);
    if (slot == slots_.end() || last_reader_[index(value)] != reader) return;
    free_slots_.push_back(slot->second);
    slots_.erase(slot);
  }

  std::int16_t new_slot(Value value) {
    if (free_slots_.empty()) free_slots_.push_back(static_cast<std::int16_t>(slot_count_++));
    const std::int16_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slots_[value] = slot;
  }

  const FusedGroup& group_;
  std::vector<Combined> combined_;
  std::vector<std::size_t> last_reader_;  // of every value
  std::vector<Instruction> instructions_;
  std::map<Value, std::int16_t> slots_;
  std::vector<std::int16_t> free_slots_;
  Value accumulator_ = FusedGroup::kNone;
  int slot_count_ = 0;
};

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

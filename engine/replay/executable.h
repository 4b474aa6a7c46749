// A compiled graph: plan, memory, and the list of steps that a run goes through. A program has one or, where rows are
// computed tile by tile, several (engine/replay/pipeline.h).
//
// Every node has a tensor handle, made once. Handles of inputs and outputs show memory that changes from run to run:
// their storage is a slot of this program whose pointer is set before the steps are run. No slot may outlive the
// program, so what is handed out is never made of one.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/fused.h"
#include "engine/program/plan.h"

namespace brenier {

// Where the result of a graph's output goes: a fresh tensor for each run; the arena, where it stays until the next run;
// memory that the caller names. A matrix product may be Summed: the same memory, to which it is added on demand.
enum class OutputMode { Fresh, Kept, Given, Summed };

class Executable {
 public:
  // `layouts`: the strides of the inputs. An output that is Given or Summed is computed by an operation, not a view.
  Executable(Graph graph, std::vector<Strides> layouts, const Backend& backend, std::vector<OutputMode> modes);

  // Plans again if the strides are others than last time.
  void set_layouts(std::vector<Strides> layouts);
  // Inputs have the shapes, dtypes and layouts of the graph's. All outputs are Fresh or Kept. `seconds`, if not null,
  // has one entry per step, to which its time is added.
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs, double* seconds = nullptr);
  // The same with bare memory: `inputs[i]` is the first element of an input, `outputs[i]` that of an output
  // that is Given or Summed, the latter added to if `accumulate`. No output is Fresh.
  void run(std::span<char* const> inputs, std::span<char* const> outputs, bool accumulate, double* seconds = nullptr);
  // The values that matrix products read as right factors and that are, or show, an input or a constant.
  std::vector<NodeId> outside_factors() const;
  // From now on products read this factor as packed by Backend::factor_packing.
  void use_packed_factor(NodeId factor, const void* packed) { packed_[at(factor)] = packed; }
  void set_input(std::size_t i, char* memory) { slot(graph_.inputs[i]).data = memory; }
  const Tensor& tensor(NodeId id) const { return tensors_[at(id)]; }
  // The memory of an output that is Kept.
  const Tensor& kept(std::size_t output) const { return tensors_[at(graph_.outputs[output])]; }

  const Graph& graph() const { return graph_; }
  const Plan& plan() const { return plan_; }
  const std::vector<std::vector<NodeId>>& step_members() const { return members_; }  // the nodes of every step

 private:
  // One of: a fused group, a kernel, a matrix product with a group as its epilogue, a user's own function.
  struct Step {
    NodeId node;  // the first one of a group
    std::unique_ptr<FusedKernel> group{};
    Kernel kernel = nullptr;
    std::vector<const Tensor*> inputs{};
    NodeId factor = -1;  // the right one of a matrix product
    bool accumulates = false;
  };

  // The steps as a backend recorded them, for inputs and outputs at these addresses.
  struct Recording {
    std::vector<char*> addresses;
    std::unique_ptr<LaunchSequence> sequence{};  // null: not recorded, seen once
  };

  void bind();
  bool run_recorded();
  void make_tensors();
  void make_steps();
  Step make_step(std::span<const NodeId> members);
  FusedGroup group_of(std::span<const NodeId> members) const;
  void run_steps(bool accumulate, double* seconds);
  void execute(Step& step, bool accumulate);
  void execute_function(const Step& step);
  Tensor result(std::size_t output, std::span<const Tensor> inputs) const;
  Storage& slot(NodeId root) { return slots_[at(root)]; }

  Graph graph_;
  const Backend& backend_;
  std::vector<Strides> layouts_;  // of the inputs
  std::vector<OutputMode> modes_;
  Plan plan_;
  std::unique_ptr<Storage[]> slots_;  // one for every node; used by inputs and roots of outputs
  std::vector<NodeId> fresh_roots_;
  std::vector<Tensor> fresh_;  // the memory of fresh_roots_ during a run
  StoragePtr arena_;
  std::vector<Tensor> tensors_;      // of every node
  std::vector<const void*> packed_;  // of every node that is a packed factor; else null
  std::vector<Step> steps_;
  std::vector<std::vector<NodeId>> members_;
  std::vector<Recording> recordings_;  // the latest first
};

}  // namespace brenier

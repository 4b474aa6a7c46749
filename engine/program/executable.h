// A compiled program: graph, plan, memory, and the list of steps that a run goes through.
//
// Every node has a tensor handle, made once. Handles of inputs and outputs show memory that changes from run to run:
// their storage is a slot of this program whose pointer is set before the steps are run. No slot may outlive the
// program, so what is handed out is never made of one.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/program/plan.h"
#include "engine/program/tiles.h"

namespace brenier {

class Executable {
 public:
  Executable(Graph graph, std::vector<Strides> layouts, const Backend& backend);

  // `seconds`, if given, has one entry per step, to which its time is added.
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::vector<double>* seconds = nullptr);
  const Graph& graph() const { return graph_; }
  const Plan& plan() const { return plan_; }
  const std::vector<std::vector<NodeId>>& step_members() const { return members_; }  // the nodes of every step

 private:
  // One of: a fused group, a kernel, a user's own function.
  struct Step {
    NodeId node;  // the last one of a group
    std::optional<TileGroup> group{};
    Kernel kernel = nullptr;
    std::vector<const Tensor*> inputs{};
  };

  void bind(std::vector<Strides> layouts);
  void make_tensors();
  void make_steps();
  Step make_step(std::span<const NodeId> members);
  std::string complaint(const Tensor& x, const Graph::Node& expected) const;
  void adopt(std::span<const Tensor> inputs);
  void execute(Step& step);
  void execute_function(const Step& step);
  Tensor result(NodeId output, std::span<const Tensor> inputs) const;
  Storage& slot(NodeId root) { return slots_[at(root)]; }

  Graph graph_;
  const Backend& backend_;
  Plan plan_;
  std::vector<Strides> layouts_;      // of the inputs, as planned
  std::unique_ptr<Storage[]> slots_;  // one for every node; used by inputs and roots of outputs
  std::vector<NodeId> output_roots_;
  std::vector<Tensor> fresh_;  // the memory of output_roots_ during a run
  StoragePtr arena_, scratch_;
  std::vector<Tensor> tensors_;  // of every node
  std::vector<Step> steps_;
  std::vector<std::vector<NodeId>> members_;
  std::mutex running_;
};

}  // namespace brenier

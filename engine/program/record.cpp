// The cut: from a tape to the graph of some outputs as a function of some inputs.
//
// A node becomes an operation of the graph if it depends on an input and an output depends on it. What such a node
// reads beside that becomes a constant with its present value. This is also what linearizes: of the tape of a
// Hessian-vector product, only the nodes that depend on the vector are left.
#include <algorithm>
#include <stdexcept>

#include "engine/program/graph.h"
#include "engine/str.h"
#include "engine/tape.h"

namespace brenier {
namespace {

// The tape that all tensors are on.
Tape& common_tape(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs) {
  if (inputs.empty() || outputs.empty()) throw std::invalid_argument("[compile] needs an input and an output");
  Tape* tape = nullptr;
  for (const std::vector<Tensor>* list : {&inputs, &outputs})
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Tensor& x = (*list)[i];
      const char* role = list == &inputs ? "input" : "output";
      if (!x.recorded())
        throw std::invalid_argument(str("[compile] ", role, " ", i, " of shape ", x.shape(),
                                        " is not recorded on a living tape; use Tape::watch() first"));
      if (tape && tape != x.tape()) throw std::invalid_argument(str("[compile] ", role, " ", i, " is on another tape"));
      tape = x.tape();
    }
  return *tape;
}

class Cut {
 public:
  Cut(Tape& tape, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs)
      : tape_(tape), depends_(at(tape.size())), needed_(at(tape.size())), id_(at(tape.size()), -1) {
    for (const Tensor& x : inputs) add_input(x);
    mark(outputs);
    for (std::int32_t slot = 0; slot < tape.size(); ++slot)
      if (needed_[at(slot)] && depends_[at(slot)] && id_[at(slot)] < 0) add_operation(slot);
    for (const Tensor& y : outputs) graph_.outputs.push_back(id_of(y.slot()));
  }
  Graph take() { return std::move(graph_); }

 private:
  void add_input(const Tensor& x) {
    if (id_[at(x.slot())] >= 0)
      throw std::invalid_argument(str("[compile] two inputs are the same value, of shape ", x.shape()));
    id_[at(x.slot())] = add_node(x.slot(), nullptr);
    graph_.inputs.push_back(id_[at(x.slot())]);
    depends_[at(x.slot())] = true;
  }

  bool is_input(std::int32_t slot) const { return id_[at(slot)] >= 0; }

  void mark(const std::vector<Tensor>& outputs) {
    for (std::int32_t slot = 0; slot < tape_.size(); ++slot)
      for (std::int32_t input : tape_.inputs(tape_.node(slot)))
        if (depends_[at(input)]) depends_[at(slot)] = true;
    for (const Tensor& y : outputs) needed_[at(y.slot())] = true;
    for (std::int32_t slot = tape_.size() - 1; slot >= 0; --slot)
      if (needed_[at(slot)] && depends_[at(slot)] && !is_input(slot))
        for (std::int32_t input : tape_.inputs(tape_.node(slot))) needed_[at(input)] = true;
  }

  NodeId add_node(std::int32_t slot, const Op* op) {
    const Node& node = tape_.node(slot);
    return graph_.append({.op = op,
                          .attributes = node.attributes,
                          .shape = node.value.shape(),
                          .dtype = node.value.dtype(),
                          .layout = layout_of(node.value),
                          .label = std::string(tape_.label_of(node))});
  }

  NodeId id_of(std::int32_t slot) {
    NodeId& id = id_[at(slot)];
    if (id < 0) {
      id = add_node(slot, nullptr);
      graph_[id].value = tape_.value_at(slot);
    }
    return id;
  }

  void add_operation(std::int32_t slot) {
    std::vector<NodeId> inputs;
    for (std::int32_t input : tape_.inputs(tape_.node(slot))) inputs.push_back(id_of(input));
    id_[at(slot)] = add_node(slot, tape_.node(slot).op);
    graph_[id_[at(slot)]].inputs = std::move(inputs);
  }

  Tape& tape_;
  std::vector<bool> depends_, needed_;
  std::vector<NodeId> id_;  // the graph's node for a position of the tape, or -1
  Graph graph_;
};

}  // namespace

Graph record(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs) {
  Tape& tape = common_tape(inputs, outputs);
  return Cut(tape, inputs, outputs).take();
}

}  // namespace brenier

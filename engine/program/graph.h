// The intermediate form of a program: what is left of a tape when it has been cut to a function of some inputs.
//
// Nodes are in an order in which they can be executed. A node is an input, a constant (its value was captured), or an
// operation on earlier nodes. Passes are functions Graph -> Graph; each has one file, and to_text() prints any stage:
//
//   record        tape -> graph: only what depends on the inputs and reaches the outputs; the rest is captured
//   simplify      equal expressions once, views of views, arithmetic that changes nothing
//   fuse          elementwise operations over one shape become groups, each a neighbouring run of nodes; some begin
//                 with a matrix product, which they follow as its epilogue
//   plan_memory   where every value lives (engine/program/plan.h)
//
// Next on the walk: record.cpp, simplify.cpp, fuse.cpp, plan_memory.cpp, engine/replay/executable.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/op.h"
#include "engine/tensor.h"

namespace brenier {

using NodeId = std::int32_t;  // a position in Graph::nodes
constexpr std::size_t at(NodeId id) { return static_cast<std::size_t>(id); }

struct Graph {
  struct Node {
    const Op* op = nullptr;  // null for inputs and constants
    std::shared_ptr<const Attributes> attributes{};
    std::vector<NodeId> inputs{};
    Shape shape{};
    DType dtype = DType::Float64;
    Strides layout{};         // as recorded. Sums follow it, so only values of one layout may replace each other
    Tensor value{};           // of a constant
    std::string label{};      // from the tape; may be empty
    std::int32_t group = -1;  // members of one fused group, and the product before an epilogue, share a number >= 0

    std::size_t bytes() const { return static_cast<std::size_t>(element_count(shape)) * size_of(dtype); }
    bool is_constant() const { return value.defined(); }
    bool is_input() const { return !op && !is_constant(); }
  };
  std::vector<Node> nodes;
  std::vector<NodeId> inputs, outputs;

  const Node& operator[](NodeId id) const { return nodes[at(id)]; }
  Node& operator[](NodeId id) { return nodes[at(id)]; }
  NodeId size() const { return static_cast<NodeId>(nodes.size()); }
  NodeId append(Node node) {
    nodes.push_back(std::move(node));
    return size() - 1;
  }
};

// Throws std::invalid_argument for tensors that are not recorded on one living tape, and for an input named twice.
Graph record(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs);
// Keeps every value bit for bit, including NaN, infinities and the signs of zeros.
Graph simplify(const Graph& graph);
// Groups are maximal in the sense of a greedy search. Only operations that `backend` has a tile function for.
Graph fuse(const Graph& graph, const Backend& backend);

// The nodes named by `order`, in that order; arguments must come before their users.
Graph reordered(const Graph& graph, const std::vector<NodeId>& order);
// Strides, apart from those along axes of length 1, which do not matter.
Strides layout_of(const Tensor& x);
// "%3 mul 'name'  float64 [2]  <- %1, %2".
std::string node_to_text(const Graph& graph, NodeId id);
// Of each input of a graph.
std::vector<Strides> row_major_layouts(const Graph& graph);
// Attributes of a node; those of an operation without any are all defaults.
const Attributes& attributes_of(const Graph::Node& node);
// How a node shows its argument when that lies in memory with these strides and offset: a tensor without numbers,
// undefined if the node is no view or must copy.
Tensor viewed(const Graph::Node& node, const Graph::Node& argument, const Strides& strides, std::int64_t offset);

}  // namespace brenier

// Rearranging a graph, and asking its operations about views without numbers. See engine/program/graph.h.
#include "engine/program/graph.h"

#include "engine/backend.h"
#include "engine/str.h"

namespace brenier {
namespace {

constexpr std::int64_t kLargestPrintedValue = 6;  // elements

}  // namespace

Graph reordered(const Graph& graph, const std::vector<NodeId>& order) {
  std::vector<NodeId> position(graph.nodes.size(), -1);
  Graph result;
  for (NodeId id : order) {
    Graph::Node node = graph[id];
    for (NodeId& input : node.inputs) input = position[at(input)];
    position[at(id)] = result.append(std::move(node));
  }
  for (NodeId id : graph.inputs) result.inputs.push_back(position[at(id)]);
  for (NodeId id : graph.outputs) result.outputs.push_back(position[at(id)]);
  return result;
}

Strides layout_of(const Tensor& x) {
  if (x.size() == 0) return contiguous_strides(x.shape());
  Strides strides = x.strides(), row_major = contiguous_strides(x.shape());
  for (int axis = 0; axis < x.rank(); ++axis)
    if (x.shape()[axis] == 1) strides[axis] = row_major[axis];
  return strides;
}

std::vector<Strides> row_major_layouts(const Graph& graph) {
  std::vector<Strides> layouts;
  for (NodeId id : graph.inputs) layouts.push_back(contiguous_strides(graph[id].shape));
  return layouts;
}

const Attributes& attributes_of(const Graph::Node& node) {
  static const Attributes none;
  return node.attributes ? *node.attributes : none;
}

Tensor viewed(const Graph::Node& node, const Graph::Node& argument, const Strides& strides, std::int64_t offset) {
  if (!node.op || !node.op->view) return {};
  const StoragePtr nowhere = storage_without_memory(cpu_backend());
  const Tensor x = Tensor::over(nowhere, argument.shape, strides, offset, argument.dtype);
  return node.op->view(x, attributes_of(node), {node.shape, node.dtype});
}

std::string node_to_text(const Graph& graph, NodeId id) {
  const Graph::Node& node = graph[id];
  std::string text = str("%", id, " ", node.op ? node.op->name : node.is_constant() ? "constant" : "input");
  if (!node.label.empty()) text += str(" '", node.label, "'");
  text += str("  ", node.dtype, " ", node.shape);
  if (node.is_constant() && node.value.size() <= kLargestPrintedValue) {
    text += "  =";
    for (double value : node.value.to_vector<double>()) text += str(" ", value);
  }
  for (std::size_t i = 0; i < node.inputs.size(); ++i) text += str(i ? ", %" : "  <- %", node.inputs[i]);
  return text;
}

std::string to_text(const Graph& graph) {
  std::string text;
  for (NodeId id = 0; id < graph.size(); ++id) {
    text += node_to_text(graph, id);
    if (graph[id].group >= 0) text += str("  in group ", graph[id].group);
    text += '\n';
  }
  return text;
}

}  // namespace brenier

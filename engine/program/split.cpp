// Cutting a graph at its rows into three. See engine/program/rows.h.
//
// A value crosses from one stage to a later one as an export and an import. Views are made anew where they are used,
// so that what crosses has memory of its own; only a tile may import a view, because cutting it is another view.
#include <algorithm>

#include "engine/backend.h"
#include "engine/program/rows.h"

namespace brenier {
namespace {

void add_once(std::vector<NodeId>& list, NodeId id) {
  if (std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
}

// Copies nodes of the source, each once, with all that they need.
class StageBuilder {
 public:
  explicit StageBuilder(const Graph& source) : source_(source), copies_(source.nodes.size(), -1) {}

  NodeId import(Import what, const Shape& shape) {
    const auto known = std::find(stage_.imports.begin(), stage_.imports.end(), what);
    if (known != stage_.imports.end())
      return stage_.graph.inputs[static_cast<std::size_t>(known - stage_.imports.begin())];
    const Graph::Node& node = source_[what.source];
    stage_.imports.push_back(what);
    stage_.graph.inputs.push_back(stage_.graph.append(
        {.shape = shape, .dtype = node.dtype, .layout = contiguous_strides(shape), .label = node.label}));
    return stage_.graph.inputs.back();
  }

  bool has(NodeId id) const { return copies_[at(id)] >= 0; }
  NodeId copy_of(NodeId id) const { return copies_[at(id)]; }
  NodeId keep(NodeId id, NodeId copy) { return copies_[at(id)] = copy; }
  NodeId append(Graph::Node node) { return stage_.graph.append(std::move(node)); }

  // The node, its arguments first. `is_outside(id)`: whether an earlier stage, or the caller, has its value.
  template <class Outside>
  NodeId copy(NodeId id, const Outside& is_outside) {
    if (has(id)) return copy_of(id);
    Graph::Node node = source_[id];
    if (!node.is_constant() && is_outside(id)) return keep(id, import({id, 0}, node.shape));
    for (NodeId& input : node.inputs) input = copy(input, is_outside);
    return keep(id, append(std::move(node)));
  }

  // The stage whose results are the `wanted` nodes; `copy(id)` makes each.
  template <class Copy>
  StageGraph build(const std::vector<NodeId>& wanted, const Copy& copy) {
    for (NodeId id : wanted) copy(id);
    for (NodeId id : wanted) {
      stage_.exports.push_back(id);
      stage_.graph.outputs.push_back(copy_of(id));
    }
    return std::move(stage_);
  }

 private:
  const Graph& source_;
  StageGraph stage_;
  std::vector<NodeId> copies_;
};

// The tile's stage: the nodes in `wanted` with the rows that they need.
class RowStage {
 public:
  RowStage(const Graph& graph, const RowAnalysis& analysis, std::int64_t tile)
      : graph_(graph), analysis_(analysis), tile_(tile), builder_(graph) {}

  StageGraph build(const std::vector<NodeId>& wanted) {
    return builder_.build(wanted, [this](NodeId id) { copy(id); });
  }

 private:
  Shape cut(Shape shape, int axis) const {
    if (axis > 0) shape[-axis] = tile_;
    return shape;
  }

  NodeId copy(NodeId id) {
    if (builder_.has(id)) return builder_.copy_of(id);
    Graph::Node node = graph_[id];
    const int axis = analysis_.axis(id);
    if (!node.op) return builder_.keep(id, builder_.import({id, axis}, cut(node.shape, axis)));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const NodeId input = node.inputs[i];
      node.inputs[i] =
          analysis_.part(input) == Part::Before ? shared(input, cut_axis(graph_, analysis_, id, i)) : copy(input);
    }
    node.shape = cut(node.shape, axis);
    node.layout = contiguous_strides(node.shape);
    node.attributes = for_tile(node, axis);
    return builder_.keep(id, builder_.append(std::move(node)));
  }

  // A value from before: all of it, or a tile of it.
  NodeId shared(NodeId id, int axis) {
    const Graph::Node& node = graph_[id];
    const bool repeated = axis > 0 && node.is_constant() && node.value.strides()[-axis] == 0;
    if (!node.is_constant() || (axis > 0 && !repeated)) return builder_.import({id, axis}, cut(node.shape, axis));
    Graph::Node constant = node;
    constant.shape = cut(node.shape, axis);
    constant.value = node.value.view(constant.shape, node.value.strides(), node.value.offset());
    return builder_.append(std::move(constant));
  }

  // The attributes of a row-wise operation that name the number of rows.
  std::shared_ptr<const Attributes> for_tile(const Graph::Node& node, int axis) const {
    const auto& attributes = node.attributes;
    if (!attributes || axis == 0) return attributes;
    auto changed = std::make_shared<Attributes>(*attributes);
    const OpCode code = node.op->code;
    if ((code == OpCode::Broadcast || code == OpCode::Reshape) && axis <= changed->shape.rank())
      changed->shape[-axis] = tile_;
    if (code == OpCode::Slice && axis <= changed->high.rank()) changed->high[-axis] = tile_;
    return changed;
  }

  const Graph& graph_;
  const RowAnalysis& analysis_;
  std::int64_t tile_;
  StageBuilder builder_;
};

// The stage of whole values that makes the `wanted` ones.
template <class Outside>
StageGraph make_whole(const Graph& graph, const std::vector<NodeId>& wanted, const Outside& is_outside) {
  StageBuilder builder(graph);
  return builder.build(wanted, [&](NodeId id) { builder.copy(id, is_outside); });
}

}  // namespace

Split split_rows(const Graph& graph, const RowAnalysis& analysis, std::int64_t tile) {
  Split split;
  split.after = make_whole(graph, graph.outputs, [&](NodeId id) {
    return !graph[id].op || (analysis.part(id) != Part::After && !graph[id].op->view);
  });
  std::vector<NodeId> from_rows, from_before;
  const auto sort_import = [&](const Import& import) {
    if (!graph[import.source].op) return;
    const bool before = analysis.part(import.source) == Part::Before;
    add_once(before ? from_before : from_rows, import.source);
  };
  for (const Import& import : split.after.imports) sort_import(import);
  split.rows = RowStage(graph, analysis, tile).build(from_rows);
  for (const Import& import : split.rows.imports) sort_import(import);
  split.before = make_whole(graph, from_before, [&](NodeId id) { return !graph[id].op; });
  return split;
}

StageGraph with_tile(const Graph& graph, const RowAnalysis& analysis, const StageGraph& rows, std::int64_t tile) {
  return RowStage(graph, analysis, tile).build(rows.exports);
}

NodeId viewed_root(const Graph& graph, NodeId id) {
  while (graph[id].op && graph[id].op->view) id = graph[id].inputs[0];
  return id;
}

}  // namespace brenier

// Memory planning: one arena, laid out before anything runs.
//
// A buffer lives from the step that writes it to the last step that reads it or a view of it. Buffers are placed from
// the largest to the smallest, each at the lowest offset where it meets no placed buffer that lives at the same time.
// Two buffers of one step always live at the same time, so that no kernel writes over what it reads.
#include <algorithm>

#include "engine/program/plan.h"

namespace brenier {
namespace {

constexpr std::size_t kAlignment = 64;

// Members of a group form one step.
std::vector<std::int32_t> numbered_steps(const Graph& graph) {
  std::vector<std::int32_t> steps;
  std::int32_t step = -1, group = -1;
  for (const Graph::Node& node : graph.nodes) {
    if (node.group < 0 || node.group != group) ++step;
    group = node.group;
    steps.push_back(step);
  }
  return steps;
}

// Roots and views.
void place_nodes(const Graph& graph, const std::vector<Strides>& layouts, Plan& plan) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Graph::Node& node = graph[id];
    plan.places.push_back({id, contiguous_strides(node.shape), 0});
    plan.homes.push_back(Home::Arena);
    if (node.is_constant()) {
      plan.places.back().strides = node.value.strides();
      plan.homes.back() = Home::Constant;
    } else if (node.is_input()) {
      const auto position = std::find(graph.inputs.begin(), graph.inputs.end(), id) - graph.inputs.begin();
      plan.places.back().strides = layouts[static_cast<std::size_t>(position)];
      plan.homes.back() = Home::Input;
    } else if (node.op->view) {
      const Place source = plan.place(node.inputs[0]);
      const Tensor view = viewed(node, graph[node.inputs[0]], source.strides, source.offset);
      if (view.defined()) plan.places.back() = {source.root, view.strides(), view.offset()};
    }
  }
}

// What leaves the program, and what never leaves its group.
void choose_homes(const Graph& graph, const std::vector<bool>& kept, Plan& plan) {
  std::vector<bool> leaves_group(graph.nodes.size());
  for (NodeId id = 0; id < graph.size(); ++id)
    for (NodeId input : graph[id].inputs)
      if (graph[input].group < 0 || graph[input].group != graph[id].group) leaves_group[at(input)] = true;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const NodeId root = plan.place(graph.outputs[i]).root;
    leaves_group[at(graph.outputs[i])] = true;
    if (plan.homes[at(root)] == Home::Arena && !kept[i]) plan.homes[at(root)] = Home::Output;
  }
  for (NodeId id = 0; id < graph.size(); ++id)
    if (graph[id].group >= 0 && is_elementwise(*graph[id].op) && !leaves_group[at(id)]) plan.homes[at(id)] = Home::Tile;
}

std::vector<Buffer> make_buffers(const Graph& graph, const Plan& plan) {
  std::vector<Buffer> buffers;
  std::vector<std::size_t> buffer_of(graph.nodes.size());
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Graph::Node& node = graph[id];
    if (plan.place(id).root == id && plan.homes[at(id)] == Home::Arena) {
      buffer_of[at(id)] = buffers.size();
      buffers.push_back({id, plan.step[at(id)], plan.step[at(id)], node.bytes(), 0});
    }
    for (NodeId input : node.inputs) {
      const NodeId root = plan.place(input).root;
      if (plan.homes[at(root)] != Home::Arena) continue;
      Buffer& buffer = buffers[buffer_of[at(root)]];
      buffer.last = std::max(buffer.last, plan.step[at(id)]);
    }
  }
  for (NodeId id : graph.outputs)  // kept ones
    if (plan.home_of(id) == Home::Arena) buffers[buffer_of[at(plan.place(id).root)]].last = graph.size();
  return buffers;
}

// The lowest offset that keeps clear of all `placed` buffers, which are sorted by offset.
std::size_t lowest_offset(const Buffer& buffer, const std::vector<const Buffer*>& placed) {
  std::size_t offset = 0;
  for (const Buffer* other : placed) {
    if (other->last < buffer.first || buffer.last < other->first) continue;
    if (offset + buffer.bytes <= other->offset) break;
    offset = std::max(offset, (other->offset + other->bytes + kAlignment - 1) / kAlignment * kAlignment);
  }
  return offset;
}

void place_buffers(Plan& plan) {
  std::vector<Buffer*> order;
  for (Buffer& buffer : plan.buffers) order.push_back(&buffer);
  std::stable_sort(order.begin(), order.end(), [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
  std::vector<const Buffer*> placed;
  for (Buffer* buffer : order) {
    buffer->offset = lowest_offset(*buffer, placed);
    plan.arena_bytes = std::max(plan.arena_bytes, buffer->offset + buffer->bytes);
    const auto by_offset = [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), buffer, by_offset), buffer);
  }
}

}  // namespace

Plan plan_memory(const Graph& graph, const std::vector<Strides>& layouts, const std::vector<bool>& kept) {
  Plan plan;
  plan.step = numbered_steps(graph);
  place_nodes(graph, layouts, plan);
  choose_homes(graph, kept, plan);
  plan.buffers = make_buffers(graph, plan);
  place_buffers(plan);
  return plan;
}

}  // namespace brenier

// Simplification: the same values from fewer operations, bit for bit.
//
//   equal expressions       an operation on the same arguments with the same attributes is computed once
//   views                   chains of views that show the same numbers in the same way are one; a chain that leads
//                           back to its beginning (the transpose of a transpose, a reshape and back) is nothing
//   identities              x·1, x/1, x - 0, x + (-0): an operation knows its own (NeutralElement in engine/op.h). x +
//   0 is not
//                           one, because -0 + 0 = 0; nor is 0·x = 0, because of NaN and infinities
//   inverses                -(-x)
//   constants               an operation on constants is evaluated now
//
// One pass in order suffices: a node is rewritten after its arguments have been. What nothing needs any more is
// dropped.
#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_map>

#include "engine/program/graph.h"

namespace brenier {
namespace {

// A value as a view of another: its element (i, j, …) is element offset + strides·(i, j, …) of the row-major root.
struct IndexMap {
  NodeId root;
  Strides strides;
  std::int64_t offset;
  friend bool operator==(const IndexMap&, const IndexMap&) = default;
};

// The bits of the number that every element of a constant equals, if strides show that there is only one.
std::optional<std::uint64_t> repeated_number(const Tensor& x) {
  if (x.size() == 0) return std::nullopt;
  for (int axis = 0; axis < x.rank(); ++axis)
    if (x.shape()[axis] != 1 && x.strides()[axis] != 0) return std::nullopt;
  const Tensor first = x.view({}, {}, x.offset());
  if (!x.is_floating()) return static_cast<std::uint64_t>(first.to_vector<std::int64_t>()[0]);
  return std::bit_cast<std::uint64_t>(first.item());
}

class Simplifier {
 public:
  explicit Simplifier(const Graph& graph) {
    for (NodeId id = 0; id < graph.size(); ++id) image_.push_back(rewrite(graph[id]));
    for (NodeId id : graph.inputs) result_.inputs.push_back(image_[at(id)]);
    for (NodeId id : graph.outputs) result_.outputs.push_back(image_[at(id)]);
  }
  Graph take() { return std::move(result_); }

 private:
  static bool same_type(const Graph::Node& a, const Graph::Node& b) {
    return a.shape == b.shape && a.layout == b.layout;
  }

  NodeId rewrite(Graph::Node node) {
    if (node.is_constant()) return constant(std::move(node));
    if (!node.op) return add(std::move(node));
    for (NodeId& input : node.inputs) input = image_[at(input)];
    if (std::optional<Graph::Node> value = folded(node)) return constant(std::move(*value));
    if (const NodeId unchanged = unchanged_argument(node); unchanged >= 0) return unchanged;
    if (const NodeId known = find_equal(node); known >= 0) return known;
    return add_operation(std::move(node));
  }

  NodeId add(Graph::Node node) {
    maps_.push_back({result_.size(), contiguous_strides(node.shape), 0});
    return result_.append(std::move(node));
  }

  NodeId constant(Graph::Node node) {
    const std::optional<std::uint64_t> number = repeated_number(node.value);
    for (NodeId id : constants_) {
      const Graph::Node& other = result_[id];
      if (other.dtype != node.dtype || other.shape != node.shape) continue;
      if (number ? repeated_number(other.value) == number : other.value.same_view(node.value)) return id;
    }
    constants_.push_back(add(std::move(node)));
    return constants_.back();
  }

  // The value of an operation on constants.
  std::optional<Graph::Node> folded(const Graph::Node& node) const {
    std::vector<const Tensor*> inputs;
    for (NodeId input : node.inputs) inputs.push_back(&result_[input].value);
    const auto varies = [&](const Tensor* x) { return !x->defined(); };
    if (node.op->value || std::any_of(inputs.begin(), inputs.end(), varies)) return std::nullopt;
    Graph::Node result{.shape = node.shape, .dtype = node.dtype, .layout = node.layout};
    result.value = evaluate(*node.op, inputs, node.attributes.get());
    return result;
  }

  // The argument that the node returns as it is, or -1.
  NodeId unchanged_argument(const Graph::Node& node) const {
    if (node.op->self_inverse && result_[node.inputs[0]].op == node.op) {
      const NodeId original = result_[node.inputs[0]].inputs[0];
      return same_type(result_[original], node) ? original : -1;
    }
    if (node.inputs.size() != 2) return -1;
    for (std::size_t i : {0, 1}) {
      const Graph::Node& neutral = result_[node.inputs[i]];
      const double identity = i == 0 ? node.op->neutral.left : node.op->neutral.right;
      const NodeId other = node.inputs[1 - i];
      if (identity == identity && neutral.is_constant() && neutral.value.is_floating() &&
          repeated_number(neutral.value) == std::bit_cast<std::uint64_t>(identity) && same_type(result_[other], node))
        return other;
    }
    return -1;
  }

  static std::size_t hash_of(const Graph::Node& node) {
    std::size_t hash = std::hash<const Op*>()(node.op);
    for (NodeId input : node.inputs) hash = hash * 1000003 + at(input);
    return hash;
  }

  NodeId find_equal(const Graph::Node& node) const {
    const auto [first, last] = operations_.equal_range(hash_of(node));
    for (auto candidate = first; candidate != last; ++candidate) {
      const Graph::Node& other = result_[candidate->second];
      if (other.op == node.op && other.inputs == node.inputs && attributes_of(other) == attributes_of(node))
        return candidate->second;
    }
    return -1;
  }

  NodeId add_operation(Graph::Node node) {
    const std::size_t hash = hash_of(node);
    const std::optional<IndexMap> map = map_of(node);
    if (map) {
      if (const NodeId same = find_view(*map, node); same >= 0) return same;
    }
    const NodeId id = add(std::move(node));
    operations_.emplace(hash, id);
    if (map) {
      maps_[at(id)] = *map;
      views_.emplace(map->root, id);
    }
    return id;
  }

  // How a view shows its root, when that is row-major.
  std::optional<IndexMap> map_of(const Graph::Node& node) const {
    if (!node.op->view || element_count(node.shape) == 0) return std::nullopt;
    const IndexMap& before = maps_[at(node.inputs[0])];
    const Tensor view = viewed(node, result_[node.inputs[0]], before.strides, before.offset);
    if (!view.defined()) return std::nullopt;
    Strides strides = view.strides();
    for (int axis = 0; axis < strides.rank(); ++axis)
      if (node.shape[axis] == 1) strides[axis] = contiguous_strides(node.shape)[axis];
    return IndexMap{before.root, strides, view.offset()};
  }

  NodeId find_view(const IndexMap& map, const Graph::Node& node) const {
    const auto equal = [&](NodeId id) { return same_type(result_[id], node) && maps_[at(id)] == map; };
    if (equal(map.root)) return map.root;
    const auto [first, last] = views_.equal_range(map.root);
    for (auto candidate = first; candidate != last; ++candidate)
      if (equal(candidate->second)) return candidate->second;
    return -1;
  }

  Graph result_;
  std::vector<NodeId> image_;      // the new node of every old one
  std::vector<IndexMap> maps_;     // of every new node
  std::vector<NodeId> constants_;  // new
  std::unordered_multimap<std::size_t, NodeId> operations_;
  std::unordered_multimap<NodeId, NodeId> views_;  // by root
};

// The nodes that an output needs, and all inputs.
Graph without_unused(const Graph& graph) {
  std::vector<bool> needed(graph.nodes.size());
  for (const std::vector<NodeId>* list : {&graph.inputs, &graph.outputs})
    for (NodeId id : *list) needed[at(id)] = true;
  for (NodeId id = graph.size() - 1; id >= 0; --id)
    if (needed[at(id)])
      for (NodeId input : graph[id].inputs) needed[at(input)] = true;
  std::vector<NodeId> order;
  for (NodeId id = 0; id < graph.size(); ++id)
    if (needed[at(id)]) order.push_back(id);
  return reordered(graph, order);
}

}  // namespace

Graph simplify(const Graph& graph) { return without_unused(Simplifier(graph).take()); }

}  // namespace brenier

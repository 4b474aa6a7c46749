// Fusion: elementwise operations over one shape become groups, which a backend runs at once (engine/fused.h). A value
// used only inside its group never reaches memory.
//
// Contracting two groups is legal if no third node lies on a path between them; otherwise the contracted graph would
// have a cycle. The search is greedy: every edge between elementwise nodes of one shape, in order, is contracted if
// that is legal. Derivatives of an activation, recorded long after it, thus move to where its argument is made, and all
// are computed from one pass over it.
//
// Afterwards groups are neighbouring runs of nodes, in a topological order that stays close to the recorded one. A
// matrix product whose result the group after it reads element for element joins that group: it is run as the epilogue
// of the product (engine/fused.h).
#include <algorithm>
#include <limits>
#include <queue>
#include <set>

#include "engine/backend.h"
#include "engine/program/rows.h"

namespace brenier {
namespace {

// A set of nodes as bits.
class NodeSet {
 public:
  explicit NodeSet(NodeId size) : words_((static_cast<std::size_t>(size) + 63) / 64) {}
  bool contains(NodeId id) const { return words_[word(id)] >> (id % 64) & 1; }
  void insert(NodeId id) { words_[word(id)] |= bit(id); }
  void erase(NodeId id) { words_[word(id)] &= ~bit(id); }
  void insert_all(const NodeSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }

 private:
  static std::size_t word(NodeId id) { return at(id) / 64; }
  static std::uint64_t bit(NodeId id) { return std::uint64_t{1} << (id % 64); }
  std::vector<std::uint64_t> words_;
};

// The graph with some sets of nodes contracted. A set goes by the number of one of its nodes.
class Contraction {
 public:
  explicit Contraction(const Graph& graph)
      : set_of_(graph.nodes.size()), before_(graph.nodes.size(), NodeSet(graph.size())) {
    for (NodeId id = 0; id < graph.size(); ++id) {
      set_of_[at(id)] = id;
      members_.push_back({id});
      for (NodeId input : graph[id].inputs) {
        before_[at(id)].insert(input);
        before_[at(id)].insert_all(before_[at(input)]);
      }
    }
  }

  NodeId set_of(NodeId id) const { return set_of_[at(id)]; }
  const std::vector<NodeId>& members(NodeId set) const { return members_[at(set)]; }

  void contract_if_legal(NodeId first, NodeId second) {
    const NodeId a = set_of(first), b = set_of(second);
    if (a == b || third_between(a, b) || third_between(b, a)) return;
    before_[at(a)].insert_all(before_[at(b)]);
    before_[at(a)].erase(a);
    before_[at(a)].erase(b);
    for (NodeId member : members_[at(b)]) {
      set_of_[at(member)] = a;
      members_[at(a)].push_back(member);
    }
    members_[at(b)].clear();
    for (NodeSet& before : before_) {
      if (!before.contains(a) && !before.contains(b)) continue;
      before.insert_all(before_[at(a)]);
      before.insert(a);
      before.erase(b);
    }
  }

 private:
  bool third_between(NodeId a, NodeId b) const {
    if (!before_[at(b)].contains(a)) return false;
    for (NodeId c = 0; c < static_cast<NodeId>(before_.size()); ++c)
      if (c != a && !members_[at(c)].empty() && before_[at(b)].contains(c) && before_[at(c)].contains(a)) return true;
    return false;
  }

  std::vector<NodeId> set_of_;
  std::vector<std::vector<NodeId>> members_;
  std::vector<NodeSet> before_;  // of every set: the sets it depends on, directly or not
};

bool can_be_fused(const Graph::Node& node, const Backend& backend) {
  return node.op && is_elementwise(*node.op) && element_count(node.shape) > 0 &&
         backend.fusible(backend, node.op->code, node.dtype);
}

// Whether one group of all these nodes stays within the limits. Members that are used outside are operands too.
class SizeCheck {
 public:
  SizeCheck(const Graph& graph, FusedLimits limits) : graph_(graph), limits_(limits), users_(graph.nodes.size()) {
    for (NodeId id = 0; id < graph.size(); ++id)
      for (NodeId input : graph[id].inputs) users_[at(input)].push_back(id);
    for (NodeId id : graph.outputs) users_[at(id)].push_back(-1);
  }
  bool fits(const std::vector<NodeId>& a, const std::vector<NodeId>& b) const {
    if (limits_.operations == std::numeric_limits<int>::max()) return true;
    if (a.size() + b.size() > static_cast<std::size_t>(limits_.operations)) return false;
    std::set<NodeId> members(a.begin(), a.end()), operands;
    members.insert(b.begin(), b.end());
    for (NodeId id : members) {
      for (NodeId input : graph_[id].inputs)
        if (!members.contains(input)) operands.insert(input);
      for (NodeId user : users_[at(id)])
        if (!members.contains(user)) operands.insert(id);
    }
    return operands.size() <= static_cast<std::size_t>(limits_.operands);
  }

 private:
  const Graph& graph_;
  FusedLimits limits_;
  std::vector<std::vector<NodeId>> users_;
};

// The sets in an order in which they can be executed; among those that can, the one with the earliest node.
std::vector<NodeId> execution_order(const Graph& graph, const Contraction& sets) {
  std::vector<int> waiting(graph.nodes.size());
  std::vector<std::vector<NodeId>> users(graph.nodes.size());
  for (NodeId id = 0; id < graph.size(); ++id)
    for (NodeId input : graph[id].inputs) {
      if (sets.set_of(input) == sets.set_of(id)) continue;
      ++waiting[at(sets.set_of(id))];
      users[at(sets.set_of(input))].push_back(sets.set_of(id));
    }
  std::priority_queue<std::pair<NodeId, NodeId>, std::vector<std::pair<NodeId, NodeId>>, std::greater<>> ready;
  const auto offer = [&](NodeId set) {
    const std::vector<NodeId>& members = sets.members(set);
    ready.emplace(*std::min_element(members.begin(), members.end()), set);
  };
  for (NodeId id = 0; id < graph.size(); ++id)
    if (sets.set_of(id) == id && waiting[at(id)] == 0) offer(id);
  std::vector<NodeId> order;
  while (!ready.empty()) {
    order.push_back(ready.top().second);
    ready.pop();
    for (NodeId user : users[at(order.back())])
      if (--waiting[at(user)] == 0) offer(user);
  }
  return order;
}

// What a node shows by nothing but reshapes: the same elements in the same order.
NodeId reshaped_root(const Graph& graph, NodeId id) {
  while (graph[id].op && graph[id].op->code == OpCode::Reshape) id = graph[id].inputs[0];
  return id;
}

// Whether a group reads `product`, a matrix product, and nothing of it but the element in its own place.
bool can_follow(const Graph& graph, NodeId product, const std::vector<NodeId>& group) {
  if (!graph[product].op || graph[product].op->code != OpCode::MatMul) return false;
  bool reads = false;
  for (NodeId member : group)
    for (NodeId input : graph[member].inputs) {
      if (viewed_root(graph, input) != product) continue;
      reads = reshaped_root(graph, input) == product && graph[input].shape == graph[member].shape;
      if (!reads) return false;
    }
  return reads;
}

// Appends a group, number `number`, to `order`. If the last step there is a product that it can follow, that and its
// reshapes join the group. Views in between go before the product or, where they show it, behind the group.
void append_group(Graph& graph, const Backend& backend, const std::vector<NodeId>& group, std::int32_t number,
                  std::vector<NodeId>& order) {
  const auto is_no_step = [&](NodeId id) { return !graph[id].op || graph[id].op->view; };
  const auto step = std::find_if_not(order.rbegin(), order.rend(), is_no_step);
  std::vector<NodeId> views;
  if (backend.runs_epilogues && step != order.rend() && can_follow(graph, *step, group)) {
    const NodeId product = *step;
    const auto first = std::stable_partition(std::prev(step.base()), order.end(),
                                             [&](NodeId id) { return viewed_root(graph, id) != product; });
    const auto behind =
        std::stable_partition(first, order.end(), [&](NodeId id) { return reshaped_root(graph, id) == product; });
    views.assign(behind, order.end());
    order.erase(behind, order.end());
    for (auto id = first; id != order.end(); ++id) graph[*id].group = number;
  }
  for (NodeId id : group) graph[id].group = number;
  order.insert(order.end(), group.begin(), group.end());
  order.insert(order.end(), views.begin(), views.end());
}

}  // namespace

Graph fuse(const Graph& graph, const Backend& backend) {
  Contraction sets(graph);
  const SizeCheck size(graph, backend.fused_limits);
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (!can_be_fused(graph[id], backend)) continue;
    for (NodeId input : graph[id].inputs)
      if (graph[input].shape == graph[id].shape && can_be_fused(graph[input], backend) &&
          size.fits(sets.members(sets.set_of(input)), sets.members(sets.set_of(id))))
        sets.contract_if_legal(input, id);
  }
  Graph grouped = graph;
  std::vector<NodeId> order;
  std::int32_t groups = 0;
  for (NodeId set : execution_order(graph, sets)) {
    std::vector<NodeId> members = sets.members(set);
    std::sort(members.begin(), members.end());
    if (can_be_fused(graph[set], backend))
      append_group(grouped, backend, members, groups++, order);
    else
      order.insert(order.end(), members.begin(), members.end());
  }
  return reordered(grouped, order);
}

}  // namespace brenier

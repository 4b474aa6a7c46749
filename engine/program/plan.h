// Where the values of a program live: for every node, the memory behind it and how it is read.
//
// A root is a node with memory of its own; other nodes are views of a root. The home of a root says which memory:
// the caller's (inputs), the captured tensor (constants), a stretch of the one arena, a fresh tensor (what an output
// shows), or none at all (values that stay inside a fused group).
#pragma once

#include <vector>

#include "engine/program/graph.h"

namespace brenier {

enum class Home { Input, Constant, Arena, Output, Tile };

struct Place {
  NodeId root;
  Strides strides;
  std::int64_t offset;  // in elements from the root's first element
};

// A stretch of the arena, used by one root from step `first` to step `last`.
struct Buffer {
  NodeId root;
  std::int32_t first, last;
  std::size_t bytes, offset;
};

struct Plan {
  std::vector<Place> places;       // of every node
  std::vector<Home> homes;         // of every node that is a root
  std::vector<std::int32_t> step;  // of every node: the position in the sequence of groups and single nodes
  std::vector<Buffer> buffers;
  std::size_t arena_bytes = 0;

  Home home_of(NodeId id) const { return homes[at(place(id).root)]; }
  const Place& place(NodeId id) const { return places[at(id)]; }
};

// `layouts`: the strides of each input. Everything else is row-major or a view. `kept`: for each output, whether it stays
// in the arena until the next run.
Plan plan_memory(const Graph& graph, const std::vector<Strides>& layouts, const std::vector<bool>& kept);

}  // namespace brenier

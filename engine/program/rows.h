// Row tiling: the part of a graph that computes every row of a batch by itself is cut out and run tile by tile.
//
// From one input and its first axis, the row axis, it is found how far rows stay apart: through elementwise operations,
// products with a matrix that all rows share, views that leave the row axis whole. Where rows meet (a weight gradient
// is a product that sums over them, a bias gradient a sum), every tile contributes a summand. So the graph falls apart:
//
//   before   what no row reaches: constrained weights, their transposes
//   rows     for each tile; what a tile computes stays in the cache, and tiles may run in several threads
//   after    what needs complete sums, and all that is not row-wise
//
// Nothing here runs anything. Next on the walk: rows.cpp, split.cpp, engine/replay/pipeline.h.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/program/graph.h"

namespace brenier {

enum class Part : std::uint8_t { Before, Rows, RowSum, After };

struct RowAnalysis {
  std::int64_t rows = 0;    // the length of the row axis; 0: nothing is row-wise
  std::vector<Part> parts;  // of every node
  std::vector<int> axes;    // of every node of part Rows: the distance of its row axis from the end; else 0

  Part part(NodeId id) const { return parts[at(id)]; }
  int axis(NodeId id) const { return axes[at(id)]; }
};

// The analysis from the input that gives most work to the rows.
RowAnalysis analyze_rows(const Graph& graph);
// Argument `input` of a node of part Rows or RowSum, itself of part Before: the axis (distance from the end) of which a
// tile needs its own rows, or 0 if every tile needs all of it.
int cut_axis(const Graph& graph, const RowAnalysis& analysis, NodeId node, std::size_t input);

// What a stage reads: a value of the source graph, whole or (axis > 0) cut along an axis to the rows of a tile.
struct Import {
  NodeId source;
  int axis;
  friend bool operator==(const Import&, const Import&) = default;
};
// A part of the source graph as a graph of its own. Inputs of `graph` are `imports`, outputs are `exports`.
struct StageGraph {
  Graph graph;
  std::vector<Import> imports;
  std::vector<NodeId> exports;
};
struct Split {
  StageGraph before, rows, after;  // the exports of `after` are the outputs of the source
};
// `tile`: how many rows the middle stage computes at a time.
Split split_rows(const Graph& graph, const RowAnalysis& analysis, std::int64_t tile);
// The middle stage of that split for another tile.
StageGraph with_tile(const Graph& graph, const RowAnalysis& analysis, const StageGraph& rows, std::int64_t tile);
// The value whose memory a chain of views shows.
NodeId viewed_root(const Graph& graph, NodeId id);

}  // namespace brenier

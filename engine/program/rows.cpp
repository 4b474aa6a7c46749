// Which nodes compute each row by itself. See engine/program/rows.h.
#include "engine/program/rows.h"

#include <algorithm>

#include "engine/backend.h"

namespace brenier {
namespace {

constexpr int kNotRowWise = 0;
constexpr int kSumOfRows = -1;  // every tile contributes a summand

// The product of the lengths of the last `count` axes.
std::int64_t trailing_count(const Shape& shape, int count) {
  return element_count(shape.part(shape.rank() - count, shape.rank()));
}

// The row axis of the result of one operation: a distance from the end, kNotRowWise or kSumOfRows.
class ResultAxis {
 public:
  ResultAxis(const Graph& graph, const RowAnalysis& analysis, NodeId id)
      : graph_(graph), analysis_(analysis), node_(graph[id]), attributes_(attributes_of(node_)) {
    for (NodeId input : node_.inputs) axis_ = std::max(axis_, analysis.axis(input));
  }

  int find() const {
    if (node_.op->value || element_count(node_.shape) == 0) return kNotRowWise;
    const int result = is_elementwise(*node_.op) ? of_aligned() : of_other();
    if (result <= 0) return result;
    return node_.shape.rank() >= result && node_.shape[-result] == analysis_.rows ? result : kNotRowWise;
  }

 private:
  int axis_of(std::size_t input) const { return analysis_.axis(node_.inputs[input]); }
  const Shape& argument() const { return graph_[node_.inputs[0]].shape; }

  int of_other() const {
    switch (node_.op->code) {
      case OpCode::Cast:
      case OpCode::StopGradient:
      case OpCode::Broadcast:
        return axis_;
      case OpCode::Flip:
      case OpCode::Max:
      case OpCode::ArgMax:
        return attributes_.axes.contains(axis_) ? kNotRowWise : reduced();
      case OpCode::Sum:
        return attributes_.axes.contains(axis_) ? kSumOfRows : reduced();
      case OpCode::Concat:
        return attributes_.axes[0] == axis_ ? kNotRowWise : of_aligned();
      case OpCode::MatMul:
        return of_product();
      case OpCode::Cholesky:
      case OpCode::TriangularSolve:
      case OpCode::SpdSolve:
      case OpCode::SpdInverse:
      case OpCode::LuSolve:
      case OpCode::LuInverse:
        return axis_ > 2 ? of_aligned() : kNotRowWise;
      case OpCode::SpdLogdet:
      case OpCode::LuLogdet:
        return axis_ > 2 && of_aligned() > 0 ? axis_ - 2 : kNotRowWise;
      case OpCode::Permute:
        return permuted();
      case OpCode::Reshape:
        return reshaped();
      case OpCode::Slice:
        return left_whole(0, analysis_.rows) ? axis_ : kNotRowWise;
      case OpCode::Pad:
        return left_whole(0, 0) ? axis_ : kNotRowWise;
      default:
        return kNotRowWise;
    }
  }

  // All arguments are aligned from the end; one that has no rows is shared by all, or has the length of the row axis.
  int of_aligned() const {
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      const Shape& shape = graph_[node_.inputs[i]].shape;
      if (axis_of(i) == axis_) continue;
      const bool fits = shape.rank() < axis_ || shape[-axis_] == 1 || shape[-axis_] == analysis_.rows;
      if (axis_of(i) != 0 || !fits) return kNotRowWise;
    }
    return axis_;
  }

  int of_product() const {
    const int a = axis_of(0), b = axis_of(1);
    if (a > 2 || b > 2) return of_aligned();
    if ((a == 2 && b == 0) || (a == 0 && b == 1)) return axis_;
    const bool over_rows = (a == 1 && b != 1) || (b == 2 && a != 2);
    return over_rows ? kSumOfRows : kNotRowWise;
  }

  int reduced() const {
    const auto to_the_right = [&](std::int64_t distance) { return distance < axis_; };
    const bool drops = node_.op->code != OpCode::Flip && !attributes_.keep_axes;
    const Axes& axes = attributes_.axes;
    return axis_ - (drops ? static_cast<int>(std::count_if(axes.begin(), axes.end(), to_the_right)) : 0);
  }

  int permuted() const {
    const Axes& order = attributes_.axes;
    if (axis_ > order.rank()) return axis_;
    return order.rank() - static_cast<int>(std::find(order.begin(), order.end(), axis_) - order.begin());
  }

  // Rows stay rows if the numbers to the right of them are as many as before.
  int reshaped() const {
    const int replaced = static_cast<int>(attributes_.count), by = attributes_.shape.rank();
    if (axis_ > replaced) return axis_ - replaced + by;
    for (int axis = 1; axis <= by; ++axis)
      if (node_.shape[-axis] == analysis_.rows &&
          trailing_count(node_.shape, axis - 1) == trailing_count(argument(), axis_ - 1))
        return axis;
    return kNotRowWise;
  }

  bool left_whole(std::int64_t low, std::int64_t high) const {
    const int described = attributes_.low.rank();
    return axis_ > described ||
           (attributes_.low[-axis_] == low && attributes_.high[-axis_] == high && attributes_.step[-axis_] == 1);
  }

  const Graph& graph_;
  const RowAnalysis& analysis_;
  const Graph::Node& node_;
  const Attributes& attributes_;
  int axis_ = 0;  // of the arguments that have rows: the largest
};

RowAnalysis analyze_from(const Graph& graph, NodeId seed) {
  RowAnalysis analysis{graph[seed].shape[0], std::vector<Part>(graph.nodes.size(), Part::Before),
                       std::vector<int>(graph.nodes.size())};
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Graph::Node& node = graph[id];
    const auto any_of = [&](auto&&... parts) {
      return std::any_of(node.inputs.begin(), node.inputs.end(),
                         [&](NodeId input) { return ((analysis.part(input) == parts) || ...); });
    };
    int axis = kNotRowWise;
    if (id == seed) {
      axis = node.shape.rank();
    } else if (!node.op || !any_of(Part::Rows, Part::RowSum, Part::After)) {
      continue;
    } else if (!any_of(Part::RowSum, Part::After)) {
      axis = ResultAxis(graph, analysis, id).find();
    }
    analysis.parts[at(id)] = axis > 0 ? Part::Rows : axis == kSumOfRows ? Part::RowSum : Part::After;
    analysis.axes[at(id)] = std::max(axis, 0);
  }
  return analysis;
}

// Bytes that row-wise operations write.
std::size_t row_bytes(const Graph& graph, const RowAnalysis& analysis) {
  std::size_t bytes = 0;
  for (NodeId id = 0; id < graph.size(); ++id)
    if (graph[id].op && !graph[id].op->view && analysis.part(id) == Part::Rows) bytes += graph[id].bytes();
  return bytes;
}

}  // namespace

RowAnalysis analyze_rows(const Graph& graph) {
  RowAnalysis best;
  std::size_t most = 0;
  for (NodeId input : graph.inputs) {
    if (graph[input].shape.rank() == 0 || graph[input].shape[0] < 2) continue;
    RowAnalysis analysis = analyze_from(graph, input);
    const std::size_t bytes = row_bytes(graph, analysis);
    if (bytes <= most) continue;
    most = bytes;
    best = std::move(analysis);
  }
  return best;
}

int cut_axis(const Graph& graph, const RowAnalysis& analysis, NodeId node, std::size_t input) {
  const Shape& shape = graph[graph[node].inputs[input]].shape;
  const int axis = analysis.axis(node);
  if (analysis.part(node) == Part::RowSum) return input == 0 ? 1 : 2;  // of a product that sums over rows
  if (graph[node].op->code == OpCode::MatMul && axis <= 2) return 0;
  return shape.rank() >= axis && shape[-axis] == analysis.rows ? axis : 0;
}

}  // namespace brenier

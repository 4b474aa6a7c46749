// Programs as text, and the time of each step. See engine/program/program.h.
//
// Operations are counted as one per element of an elementwise result, as a multiplication and an addition per term of a
// bilinear one, which sums over the last axis of its first argument, and as one per element read by all others. Bytes
// are those that a step reads and writes at least: views cost nothing, and neither do values inside a group.
#include <algorithm>
#include <chrono>

#include "engine/ops.h"
#include "engine/replay/pipeline.h"
#include "engine/str.h"

namespace brenier {
namespace {

double size_of_node(const Graph& graph, NodeId id) { return static_cast<double>(element_count(graph[id].shape)); }

double operations_of(const Graph& graph, NodeId id) {
  const Graph::Node& node = graph[id];
  if (is_elementwise(*node.op)) return size_of_node(graph, id);
  if (node.op->kind == OpKind::Bilinear)
    return 2 * size_of_node(graph, id) * static_cast<double>(graph[node.inputs[0]].shape[-1]);
  return node.inputs.empty() ? 0 : size_of_node(graph, node.inputs[0]);
}

struct Work {
  double operations = 0, bytes = 0;
};

Work work_of(const Graph& graph, const Plan& plan, std::span<const NodeId> members) {
  Work work;
  std::vector<NodeId> read;
  const auto bytes = [&](NodeId id) { return size_of_node(graph, id) * static_cast<double>(size_of(graph[id].dtype)); };
  for (NodeId id : members) {
    work.operations += operations_of(graph, id);
    if (plan.home_of(id) != Home::Tile) work.bytes += bytes(id);
    for (NodeId input : graph[id].inputs)
      if (plan.step[at(input)] != plan.step[at(id)] && std::find(read.begin(), read.end(), input) == read.end()) {
        read.push_back(input);
        work.bytes += bytes(input);
      }
  }
  return work;
}

// Where a value lives: "arena 0 … 4096", "output", "tile", "view of %3".
std::string place_of(const Plan& plan, NodeId id) {
  if (plan.place(id).root != id) return str("view of %", plan.place(id).root);
  if (plan.home_of(id) == Home::Output) return "output";
  if (plan.home_of(id) == Home::Tile) return "tile";
  for (const Buffer& buffer : plan.buffers)
    if (buffer.root == id) return str("arena ", buffer.offset, " … ", buffer.offset + buffer.bytes);
  return "";
}

std::string step_to_text(const Graph& graph, const Plan& plan, std::span<const NodeId> members) {
  const Work work = work_of(graph, plan, members);
  std::string text;
  const bool is_product = !is_elementwise(*graph[members[0]].op);
  if (members.size() > 1)
    text = str(is_product ? "  product and epilogue over " : "  fused over ", graph[members.back()].shape, "\n");
  for (NodeId id : members)
    text += str(members.size() > 1 ? "    " : "  ", node_to_text(graph, id), "  -> ", place_of(plan, id), "\n");
  text.pop_back();
  return str(text, "  (", work.operations, " operations, ", work.bytes, " bytes)\n");
}

// What one stage reads and does, and the work of its steps.
std::string stage_to_text(const Executable& target, Work& total) {
  const Graph& graph = target.graph();
  const Plan& plan = target.plan();
  std::string inputs, constants, views, steps, outputs;
  for (NodeId id : graph.inputs) inputs += "  " + node_to_text(graph, id) + "\n";
  for (NodeId id = 0; id < graph.size(); ++id)
    if (graph[id].is_constant())
      constants += "  " + node_to_text(graph, id) + "\n";
    else if (graph[id].op && plan.place(id).root != id)
      views += "  " + node_to_text(graph, id) + "\n";
  for (const std::vector<NodeId>& members : target.step_members()) {
    const Work work = work_of(graph, plan, members);
    total = {total.operations + work.operations, total.bytes + work.bytes};
    steps += step_to_text(graph, plan, members);
  }
  for (NodeId id : graph.outputs) outputs += str(" %", id);
  double values = 0;
  for (const Buffer& buffer : plan.buffers) values += static_cast<double>(buffer.bytes);
  return str("inputs\n", inputs, "captured constants\n", constants, "views\n", views, "steps\n", steps, "outputs",
             outputs, "\narena ", plan.arena_bytes, " bytes for ", plan.buffers.size(), " buffers of ", values,
             " bytes\n");
}

// Operations per second of one thread in a matrix product that stays in the L2 cache: what steps are measured by. The
// best of several, since other programs only ever slow it down.
double product_rate(DType dtype) {
  constexpr std::int64_t n = 256;
  const Tensor a = full({n, n}, 1.0, dtype) + eye(n, dtype);
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const Tensor product = matmul(a, a);
    if (a.backend().synchronize) a.backend().synchronize();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * n * n * n / seconds);
  }
  return best;
}

std::string title_of(const Pipeline::StageView& stage) { return stage.title.empty() ? "" : str(stage.title, "\n"); }

}  // namespace

std::string to_text(const Program& program) {
  std::string text;
  Work total;
  for (const Pipeline::StageView& stage : program.pipeline().stages()) {
    Work work;
    text += title_of(stage) + stage_to_text(stage.executable, work);
    total = {total.operations + stage.repetitions * work.operations, total.bytes + stage.repetitions * work.bytes};
  }
  return str(text, "work ", total.operations, " operations, ", total.bytes, " bytes\n");
}

std::string Program::profile(const std::vector<Tensor>& inputs, int repetitions) const {
  Pipeline& target = pipeline();
  std::size_t steps = 0;
  for (const Pipeline::StageView& stage : target.stages()) steps += stage.executable.step_members().size();
  std::vector<double> seconds(steps);
  std::vector<Tensor> outputs(target.source().outputs.size());
  for (int i = 0; i < repetitions; ++i) target.run(inputs, outputs, &seconds);
  const DType dtype = target.source()[target.source().outputs[0]].dtype;
  const double limit = product_rate(dtype == DType::Float32 ? dtype : DType::Float64);
  double total = 0;
  std::string text;
  std::size_t i = 0;
  for (const Pipeline::StageView& stage : target.stages()) {
    text += title_of(stage);
    for (const std::vector<NodeId>& members : stage.executable.step_members()) {
      const Work work = work_of(stage.executable.graph(), stage.executable.plan(), members);
      const double each = seconds[i++] / repetitions, rate = stage.repetitions / each;
      total += each;
      text += str(each * 1e6, " us  ", work.operations * rate * 1e-9, " Gop/s  ", 100 * work.operations * rate / limit,
                  " %  ", work.bytes * rate * 1e-9, " GB/s",
                  step_to_text(stage.executable.graph(), stage.executable.plan(), members));
    }
  }
  return str(text, total * 1e6, " us in ", seconds.size(),
             " steps; 100 % is the rate of a product of 256 x 256 matrices, ", limit * 1e-9, " Gop/s\n");
}

}  // namespace brenier

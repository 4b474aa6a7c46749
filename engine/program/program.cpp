// The public face of programs. See engine/program/program.h.
#include "engine/program/program.h"

#include <algorithm>
#include <stdexcept>

#include "engine/replay/pipeline.h"
#include "engine/str.h"

namespace brenier {

Program compile(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, const CompileOptions& options) {
  const Graph graph = record(inputs, outputs);
  std::vector<Strides> layouts;
  // What was recorded as one repeated number, zeros for example, will hardly be given as that.
  for (const Tensor& x : inputs)
    layouts.push_back(layout_of(x).contains(0) ? contiguous_strides(x.shape()) : layout_of(x));
  Program program;
  program.pipeline_ = std::make_shared<Pipeline>(simplify(graph), std::move(layouts), inputs[0].backend(), options);
  return program;
}

Pipeline& Program::pipeline() const {
  if (!pipeline_) throw std::invalid_argument("[program] nothing has been compiled into it");
  return *pipeline_;
}

void Program::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) const {
  Pipeline& target = pipeline();
  outputs.resize(target.source().outputs.size());
  target.run(inputs, outputs);
}

std::vector<Tensor> Program::operator()(const std::vector<Tensor>& inputs) const {
  std::vector<Tensor> outputs;
  run(inputs, outputs);
  return outputs;
}

Tensor Program::operator()(const Tensor& input) const {
  Pipeline& target = pipeline();
  if (target.source().outputs.size() != 1)
    throw std::invalid_argument(
        str("[program] it has ", target.source().outputs.size(), " outputs; pass a list of inputs to get a list"));
  Tensor output;
  target.run({&input, 1}, {&output, 1});
  return output;
}

std::size_t Program::operations() const {
  const std::vector<Graph::Node>& nodes = pipeline().source().nodes;
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [](const Graph::Node& node) { return node.op != nullptr; }));
}

std::size_t Program::arena_bytes() const { return pipeline().bytes(); }

const Graph& Program::graph() const {
  const auto stages = pipeline().stages();
  return stages.size() == 1 ? stages[0].executable.graph() : pipeline().source();
}

}  // namespace brenier

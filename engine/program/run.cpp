// Binding a graph to memory, and running it. See engine/program/program.h and executable.h.
#include <algorithm>
#include <chrono>
#include <mutex>
#include <stdexcept>

#include "engine/program/executable.h"
#include "engine/program/program.h"
#include "engine/str.h"

namespace brenier {
Executable::Executable(Graph graph, std::vector<Strides> layouts, const Backend& backend)
    : graph_(std::move(graph)), backend_(backend) {
  bind(std::move(layouts));
}

void Executable::bind(std::vector<Strides> layouts) {
  layouts_ = std::move(layouts);
  plan_ = plan_memory(graph_, layouts_);
  output_roots_.clear();
  for (NodeId id = 0; id < graph_.size(); ++id)
    if (plan_.place(id).root == id && plan_.homes[at(id)] == Home::Output) output_roots_.push_back(id);
  fresh_.assign(output_roots_.size(), Tensor());
  make_tensors();
  make_steps();
}

void Executable::make_tensors() {
  tensors_.clear();
  slots_ = std::make_unique<Storage[]>(graph_.nodes.size());
  for (NodeId id = 0; id < graph_.size(); ++id) {
    slot(id).references = 1;  // never released by a handle
    slot(id).backend = &backend_;
  }
  arena_ = allocate_storage(plan_.arena_bytes, backend_);
  std::vector<std::size_t> arena_offset(graph_.nodes.size());
  for (const Buffer& buffer : plan_.buffers) arena_offset[at(buffer.root)] = buffer.offset;
  for (NodeId id = 0; id < graph_.size(); ++id) {
    const Graph::Node& node = graph_[id];
    const Place& place = plan_.place(id);
    StoragePtr storage;
    std::int64_t offset = place.offset;
    switch (plan_.home_of(id)) {
      case Home::Constant: {
        const Tensor& value = graph_[place.root].value;
        tensors_.push_back(value.view(node.shape, place.strides, value.offset() + offset));
        continue;
      }
      case Home::Arena:
        storage = arena_;
        offset += static_cast<std::int64_t>(arena_offset[at(place.root)] / size_of(node.dtype));
        break;
      case Home::Input:
      case Home::Output:
        storage = StoragePtr(&slot(place.root));
        break;
      case Home::Tile:
        break;
    }
    tensors_.push_back(Tensor::over(std::move(storage), node.shape, place.strides, offset, node.dtype));
  }
}

void Executable::make_steps() {
  steps_.clear();
  members_.clear();
  for (NodeId id = 0; id < graph_.size(); ++id) {
    if (!graph_[id].op || plan_.place(id).root != id) continue;
    const bool continues = !members_.empty() && plan_.step[at(members_.back().back())] == plan_.step[at(id)];
    if (!continues) members_.emplace_back();
    members_.back().push_back(id);
  }
  std::size_t scratch_bytes = 0;
  for (const std::vector<NodeId>& members : members_) {
    steps_.push_back(make_step(members));
    if (steps_.back().group) scratch_bytes = std::max(scratch_bytes, steps_.back().group->scratch_bytes());
  }
  scratch_ = allocate_storage(scratch_bytes, backend_);
}

Executable::Step Executable::make_step(std::span<const NodeId> members) {
  Step step{.node = members.back()};
  const Graph::Node& node = graph_[step.node];
  if (node.group >= 0) {
    step.group.emplace(graph_, members, plan_, tensors_, backend_);
    // Alone, a kernel reads any strides without gathering them first.
    if (members.size() > 1 || !step.group->gathers()) return step;
    step.group.reset();
  }
  step.kernel = node.op->value ? nullptr : backend_.kernels[static_cast<std::size_t>(node.op->code)];
  for (NodeId input : node.inputs) step.inputs.push_back(&tensors_[at(input)]);
  return step;
}

// What is wrong with an input; empty if nothing is.
std::string Executable::complaint(const Tensor& x, const Graph::Node& expected) const {
  if (!x.defined()) return "is undefined";
  if (x.shape() != expected.shape || x.dtype() != expected.dtype)
    return str("expected ", expected.dtype, " ", expected.shape, ", got ", x.dtype(), " ", x.shape());
  if (x.recorded())
    return "is recorded on a tape, but a program records nothing: differentiate before compiling, or pass its "
           "detached() value";
  if (&x.backend() != &backend_) return str("expected backend '", backend_.name, "', got '", x.backend().name, "'");
  return {};
}

void Executable::adopt(std::span<const Tensor> inputs) {
  if (inputs.size() != graph_.inputs.size())
    throw std::invalid_argument(str("[program] expected ", graph_.inputs.size(), " inputs, got ", inputs.size()));
  bool as_planned = true;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Graph::Node& node = graph_[graph_.inputs[i]];
    if (const std::string wrong = complaint(inputs[i], node); !wrong.empty())
      throw std::invalid_argument(
          str("[program] input ", i, node.label.empty() ? "" : " '" + node.label + "'", ": ", wrong));
    as_planned = as_planned && (inputs[i].strides() == layouts_[i] || layout_of(inputs[i]) == layouts_[i]);
  }
  if (!as_planned) {
    std::vector<Strides> layouts;
    for (const Tensor& x : inputs) layouts.push_back(layout_of(x));
    bind(std::move(layouts));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) slot(graph_.inputs[i]).data = address_of(inputs[i]);
}

void Executable::run(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::vector<double>* seconds) {
  const std::unique_lock only_one(running_, std::try_to_lock);
  if (!only_one) throw std::invalid_argument("[program] it is already running: copies share one arena");
  adopt(inputs);
  for (std::size_t i = 0; i < fresh_.size(); ++i) {
    const Graph::Node& node = graph_[output_roots_[i]];
    fresh_[i] = Tensor::uninitialized(node.shape, node.dtype, backend_);
    slot(output_roots_[i]).data = address_of(fresh_[i]);
  }
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (!seconds) {
      execute(steps_[i]);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    execute(steps_[i]);
    (*seconds)[i] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] = result(graph_.outputs[i], inputs);
  for (Tensor& x : fresh_) x = Tensor();
}

void Executable::execute(Step& step) {
  if (step.group) return step.group->run(static_cast<char*>(scratch_->data));
  if (!step.kernel) return execute_function(step);
  step.kernel({step.inputs, tensors_[at(step.node)], attributes_of(graph_[step.node])});
}

// A user's function makes its own tensor, which is copied to where the plan wants it.
void Executable::execute_function(const Step& step) {
  const Graph::Node& node = graph_[step.node];
  const Tensor value = node.op->value(step.inputs, attributes_of(node));
  if (const std::string wrong = complaint(value, node); !wrong.empty())
    throw std::invalid_argument(str("[program] the result of ", node.op->name, ": ", wrong));
  const Tensor* const input = &value;
  backend_.kernels[static_cast<std::size_t>(OpCode::Reshape)]({{&input, 1}, tensors_[at(step.node)], {}});
}

Tensor Executable::result(NodeId output, std::span<const Tensor> inputs) const {
  const Place& place = plan_.place(output);
  const Shape& shape = graph_[output].shape;
  const auto index_in = [&](const std::vector<NodeId>& list) {
    return static_cast<std::size_t>(std::find(list.begin(), list.end(), place.root) - list.begin());
  };
  switch (plan_.home_of(output)) {
    case Home::Input: {
      const Tensor& input = inputs[index_in(graph_.inputs)];
      return input.view(shape, place.strides, input.offset() + place.offset);
    }
    case Home::Constant:
      return tensors_[at(output)];
    default:
      return fresh_[index_in(output_roots_)].view(shape, place.strides, place.offset);
  }
}

Program compile(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs) {
  const Graph graph = record(inputs, outputs);
  const Backend& backend = inputs[0].backend();
  std::vector<Strides> layouts;
  // What was recorded as one repeated number, zeros for example, will hardly be given as that.
  for (const Tensor& x : inputs)
    layouts.push_back(layout_of(x).contains(0) ? contiguous_strides(x.shape()) : layout_of(x));
  Program program;
  program.executable_ = std::make_shared<Executable>(fuse(simplify(graph), backend), std::move(layouts), backend);
  return program;
}

Executable& Program::executable() const {
  if (!executable_) throw std::invalid_argument("[program] nothing has been compiled into it");
  return *executable_;
}

void Program::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) const {
  Executable& target = executable();
  outputs.resize(target.graph().outputs.size());
  target.run(inputs, outputs);
}

std::vector<Tensor> Program::operator()(const std::vector<Tensor>& inputs) const {
  std::vector<Tensor> outputs;
  run(inputs, outputs);
  return outputs;
}

Tensor Program::operator()(const Tensor& input) const {
  Executable& target = executable();
  if (target.graph().outputs.size() != 1)
    throw std::invalid_argument(
        str("[program] it has ", target.graph().outputs.size(), " outputs; pass a list of inputs to get a list"));
  Tensor output;
  target.run({&input, 1}, {&output, 1});
  return output;
}

std::size_t Program::operations() const {
  const std::vector<Graph::Node>& nodes = executable().graph().nodes;
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [](const Graph::Node& node) { return node.op != nullptr; }));
}

std::size_t Program::arena_bytes() const { return executable().plan().arena_bytes; }

const Graph& Program::graph() const { return executable().graph(); }

}  // namespace brenier

// Binding a graph to memory, and running it. See engine/replay/executable.h.
#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>

#include "engine/replay/executable.h"
#include "engine/str.h"

namespace brenier {
namespace {

constexpr std::size_t kMaxRecordings = 4;

bool is_product(const Graph::Node& node) { return node.op->code == OpCode::MatMul; }
bool is_given(OutputMode mode) { return mode == OutputMode::Given || mode == OutputMode::Summed; }

}  // namespace

Executable::Executable(Graph graph, std::vector<Strides> layouts, const Backend& backend, std::vector<OutputMode> modes)
    : graph_(std::move(graph)),
      backend_(backend),
      layouts_(std::move(layouts)),
      modes_(std::move(modes)),
      packed_(graph_.nodes.size()) {
  bind();
}

void Executable::bind() {
  std::vector<bool> kept, given(graph_.nodes.size());
  for (std::size_t i = 0; i < modes_.size(); ++i) {
    kept.push_back(modes_[i] == OutputMode::Kept);
    if (is_given(modes_[i])) given[at(graph_.outputs[i])] = true;
  }
  plan_ = plan_memory(graph_, layouts_, kept);
  fresh_roots_.clear();
  for (NodeId id = 0; id < graph_.size(); ++id)
    if (plan_.place(id).root == id && plan_.homes[at(id)] == Home::Output && !given[at(id)]) fresh_roots_.push_back(id);
  fresh_.assign(fresh_roots_.size(), Tensor());
  recordings_.clear();
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
  for (const std::vector<NodeId>& members : members_) steps_.push_back(make_step(members));
}

Executable::Step Executable::make_step(std::span<const NodeId> members) {
  Step step{.node = members.front()};
  const Graph::Node& node = graph_[step.node];
  if (node.group >= 0) {
    step.group = backend_.prepare(group_of(members), backend_);
    if (step.group && !is_product(node)) return step;
  }
  if (is_product(node)) {
    step.factor = node.inputs[1];
    const auto output = std::find(graph_.outputs.begin(), graph_.outputs.end(), step.node);
    step.accumulates = output != graph_.outputs.end() &&
                       modes_[static_cast<std::size_t>(output - graph_.outputs.begin())] == OutputMode::Summed;
  }
  step.kernel = node.op->value ? nullptr : backend_.kernels[static_cast<std::size_t>(node.op->code)];
  for (NodeId input : node.inputs) step.inputs.push_back(&tensors_[at(input)]);
  return step;
}

FusedGroup Executable::group_of(std::span<const NodeId> members) const {
  FusedGroup group{.shape = graph_[members.back()].shape, .dtype = graph_[members.back()].dtype};
  group.is_epilogue = is_product(graph_[members[0]]);
  if (group.is_epilogue) members = members.subspan(1);
  std::map<NodeId, FusedGroup::Value> values;
  const auto add_operand = [&](NodeId id) {
    if (values.emplace(id, group.operand_count()).second) group.operands.push_back(&tensors_[at(id)]);
  };
  const auto is_member = [&](NodeId id) { return std::find(members.begin(), members.end(), id) != members.end(); };
  for (NodeId member : members) {
    for (NodeId input : graph_[member].inputs)
      if (!is_member(input)) add_operand(input);
    if (plan_.home_of(member) != Home::Tile) add_operand(member);
  }
  group.value_count = group.operand_count();
  for (NodeId member : members) {
    const Graph::Node& node = graph_[member];
    FusedGroup::Operation operation{.code = node.op->code};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) operation.inputs[i] = values.at(node.inputs[i]);
    const auto [place, inside] = values.emplace(member, group.value_count);
    group.value_count += inside;
    operation.result = place->second;
    group.operations.push_back(operation);
  }
  return group;
}

std::vector<NodeId> Executable::outside_factors() const {
  std::vector<NodeId> factors;
  for (const Step& step : steps_) {
    if (step.factor < 0) continue;
    const Home home = plan_.home_of(step.factor);
    const bool known = std::find(factors.begin(), factors.end(), step.factor) != factors.end();
    if (!known && (home == Home::Input || home == Home::Constant)) factors.push_back(step.factor);
  }
  return factors;
}

void Executable::set_layouts(std::vector<Strides> layouts) {
  if (layouts == layouts_) return;
  layouts_ = std::move(layouts);
  bind();
}

// A loop that runs a program soon gets its memory from the allocator at addresses it had before, often alternately at
// two sets of them. A set that comes a second time is recorded; functions of the user cannot be.
bool Executable::run_recorded() {
  const auto is_function = [](const Step& step) { return !step.group && !step.kernel; };
  if (!backend_.record || std::any_of(steps_.begin(), steps_.end(), is_function)) return false;
  Recording current;
  for (NodeId id : graph_.inputs) current.addresses.push_back(static_cast<char*>(slot(id).data));
  for (NodeId id : fresh_roots_) current.addresses.push_back(static_cast<char*>(slot(id).data));
  const auto same = [&](const Recording& x) { return x.addresses == current.addresses; };
  const auto known = std::find_if(recordings_.begin(), recordings_.end(), same);
  const bool again = known != recordings_.end();
  if (again) {
    current = std::move(*known);
    recordings_.erase(known);
    if (!current.sequence)
      current.sequence = backend_.record([&] {
        for (Step& step : steps_) execute(step, false);
      });
    current.sequence->run();
  }
  recordings_.insert(recordings_.begin(), std::move(current));
  if (recordings_.size() > kMaxRecordings) recordings_.pop_back();
  return again;
}

void Executable::run_steps(bool accumulate, double* seconds) {
  if (!seconds && run_recorded()) return;
  for (Step& step : steps_) {
    if (!seconds) {
      execute(step, accumulate);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    execute(step, accumulate);
    if (backend_.synchronize) backend_.synchronize();
    *seconds++ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}

void Executable::run(std::span<char* const> inputs, std::span<char* const> outputs, bool accumulate, double* seconds) {
  for (std::size_t i = 0; i < inputs.size(); ++i) slot(graph_.inputs[i]).data = inputs[i];
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (is_given(modes_[i])) slot(graph_.outputs[i]).data = outputs[i];
  run_steps(accumulate, seconds);
}

void Executable::run(std::span<const Tensor> inputs, std::span<Tensor> outputs, double* seconds) {
  for (std::size_t i = 0; i < inputs.size(); ++i) slot(graph_.inputs[i]).data = inputs[i].address();
  for (std::size_t i = 0; i < fresh_.size(); ++i) {
    const Graph::Node& node = graph_[fresh_roots_[i]];
    fresh_[i] = Tensor::uninitialized(node.shape, node.dtype, backend_);
    slot(fresh_roots_[i]).data = fresh_[i].address();
  }
  run_steps(false, seconds);
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] = result(i, inputs);
  for (Tensor& x : fresh_) x = Tensor();
}

void Executable::execute(Step& step, bool accumulate) {
  if (!step.kernel) return step.group ? step.group->run() : execute_function(step);
  const void* const packed = step.factor >= 0 ? packed_[at(step.factor)] : nullptr;
  step.kernel({step.inputs, tensors_[at(step.node)], attributes_of(graph_[step.node]), accumulate && step.accumulates,
               packed, step.group.get()});
}

// A user's function makes its own tensor, which is copied to where the plan wants it.
void Executable::execute_function(const Step& step) {
  const Graph::Node& node = graph_[step.node];
  const Tensor value = node.op->value(step.inputs, attributes_of(node));
  if (value.shape() != node.shape || value.dtype() != node.dtype)
    throw std::invalid_argument(str("[program] the result of ", node.op->name, ": expected ", node.dtype, " ",
                                    node.shape, ", got ", value.dtype(), " ", value.shape()));
  const Tensor* const input = &value;
  backend_.kernels[static_cast<std::size_t>(OpCode::Reshape)]({{&input, 1}, tensors_[at(step.node)], {}});
}

Tensor Executable::result(std::size_t output, std::span<const Tensor> inputs) const {
  const NodeId id = graph_.outputs[output];
  const Place& place = plan_.place(id);
  const Shape& shape = graph_[id].shape;
  const auto index_in = [&](const std::vector<NodeId>& list) {
    return static_cast<std::size_t>(std::find(list.begin(), list.end(), place.root) - list.begin());
  };
  switch (plan_.home_of(id)) {
    case Home::Input: {
      const Tensor& input = inputs[index_in(graph_.inputs)];
      return input.view(shape, place.strides, input.offset() + place.offset);
    }
    case Home::Output:
      return fresh_[index_in(fresh_roots_)].view(shape, place.strides, place.offset);
    default:
      return tensors_[at(id)];
  }
}

}  // namespace brenier

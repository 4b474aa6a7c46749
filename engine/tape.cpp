// Recording. See engine/tape.h; the sweeps over the record are in engine/autodiff.cpp.
#include "engine/tape.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/op.h"
#include "engine/str.h"

namespace brenier {
namespace {

const Op input_op = brenier::constant("input", OpCode::Input, nullptr);
const Op constant_op = brenier::constant("constant", OpCode::Constant, nullptr);

bool all_finite(const Tensor& x) {
  if (!x.is_floating()) return true;
  const std::vector<double> values = x.untracked().to_vector<double>();
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

Tape::Tape(TapeOptions options) : options_(options), anchor_(std::make_shared<TapeAnchor>()) { anchor_->tape = this; }

Tape::~Tape() { anchor_->tape = nullptr; }

Tensor Tape::append(Node node) {
  if (node.label < 0) node.label = scope_label_;
  nodes_.push_back(std::move(node));
  return at(size() - 1);
}

Tensor Tape::at(std::int32_t slot) const {
  Tensor result = node(slot).value;
  result.anchor_ = anchor_;
  result.slot_ = slot;
  return result;
}

Tensor Tape::watch(const Tensor& value, std::string_view text) {
  if (!value.defined()) throw std::invalid_argument("[watch] the tensor is undefined");
  if (value.recorded())
    throw std::invalid_argument("[watch] the tensor is already recorded; watch its detached() value");
  const Tensor leaf = append({.op = &input_op, .varies = true, .value = value.untracked()});
  return text.empty() ? leaf : label(leaf, text);
}

Tensor Tape::constant(const Tensor& value) { return append({.op = &constant_op, .value = value.untracked()}); }

Tensor Tape::label(const Tensor& x, std::string_view text) {
  if (x.tape() != this) throw std::invalid_argument("[label] the tensor is not recorded on this tape");
  labels_.emplace_back(scope_.empty() ? std::string(text) : str(scope_, "/", text));
  nodes_[static_cast<std::size_t>(x.slot())].label = static_cast<std::int32_t>(labels_.size()) - 1;
  return x;
}

Tape::Scope::Scope(Tape& tape, std::string_view name)
    : tape_(tape), outer_length_(tape.scope_.size()), outer_label_(tape.scope_label_) {
  if (!tape.scope_.empty()) tape.scope_ += '/';
  tape.scope_ += name;
  tape.scope_label_ = static_cast<std::int32_t>(tape.labels_.size());
  tape.labels_.push_back(tape.scope_);
}

Tape::Scope::~Scope() {
  tape_.scope_.resize(outer_length_);
  tape_.scope_label_ = outer_label_;
}

std::span<const std::int32_t> Tape::inputs(const Node& node) const {
  return std::span(inputs_).subspan(node.first_input, node.input_count);
}

std::string_view Tape::label_of(const Node& node) const {
  return node.label < 0 ? std::string_view() : labels_[static_cast<std::size_t>(node.label)];
}

std::int32_t Tape::slot_of(const Op& op, const Tensor& input) {
  Tape* const owner = input.tape();
  if (owner == this) return input.slot();
  if (owner) misuse(op, "the inputs are recorded on two different tapes");
  return constant(input).slot();
}

Tensor Tape::record(const Op& op, std::span<const Tensor* const> inputs, std::shared_ptr<const Attributes> attributes,
                    const Tensor& value) {
  if (options_.nan_trap) check_finite(op, inputs, value);
  Node node{.op = &op, .attributes = std::move(attributes), .value = value};
  node.input_count = static_cast<std::uint32_t>(inputs.size());
  // Slots first: making a slot for a constant appends a node.
  constexpr std::size_t kInlineInputs = 4;
  std::array<std::int32_t, kInlineInputs> few{};
  std::vector<std::int32_t> many(inputs.size() > kInlineInputs ? inputs.size() : 0);
  std::int32_t* const slots = many.empty() ? few.data() : many.data();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    slots[i] = slot_of(op, *inputs[i]);
    node.varies |= this->node(slots[i]).varies;
  }
  node.first_input = static_cast<std::uint32_t>(inputs_.size());
  inputs_.insert(inputs_.end(), slots, slots + inputs.size());
  return append(std::move(node));
}

bool Tape::leaves_out(std::span<const Tensor* const> inputs) const {
  return options_.recording_program && !options_.nan_trap &&
         std::any_of(inputs.begin(), inputs.end(),
                     [&](const Tensor* x) { return x->tape() == this && node(x->slot()).varies; });
}

Tensor Tape::value_at(std::int32_t slot) {
  if (node(slot).value.has_value()) return node(slot).value;
  std::vector<bool> missing(static_cast<std::size_t>(slot) + 1);
  missing[static_cast<std::size_t>(slot)] = true;
  for (std::int32_t s = slot; s >= 0; --s) {
    const auto at = static_cast<std::size_t>(s);
    if (node(s).value.has_value()) missing[at] = false;
    if (missing[at])
      for (const std::int32_t input : inputs(node(s))) missing[static_cast<std::size_t>(input)] = true;
  }
  for (std::int32_t s = 0; s <= slot; ++s) {
    if (!missing[static_cast<std::size_t>(s)]) continue;
    std::vector<const Tensor*> arguments;
    for (const std::int32_t input : inputs(node(s))) arguments.push_back(&node(input).value);
    nodes_[static_cast<std::size_t>(s)].value = evaluate(*node(s).op, arguments, node(s).attributes.get());
  }
  return node(slot).value;
}

void Tape::require_readable(const char* query, const Tensor& x) const {
  if (!options_.recording_program || !node(x.slot()).varies) return;
  throw std::invalid_argument(str("[", query, "] a value of shape ", x.shape(), " depends on an input of the program ",
                                  "being recorded; what is decided by it would be frozen: use where(), and ",
                                  "stop_gradient() in place of detached()"));
}

void Tape::check_finite(const Op& op, std::span<const Tensor* const> inputs, const Tensor& value) const {
  if (all_finite(value)) return;
  for (const Tensor* input : inputs)
    if (!all_finite(*input)) return;
  const std::vector<double> values = value.to_vector<double>();
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  std::string message = str("[", op.name, "] made ", *bad, " out of finite inputs at tape position ", size());
  if (!scope_.empty()) message += str(" in '", scope_, "'");
  message += str(", element ", bad - values.begin(), " of a result of shape ", value.shape(), "; inputs:");
  for (const Tensor* input : inputs) {
    message += str(" ", input->shape());
    const std::string_view name = input->tape() == this ? label_of(node(input->slot())) : std::string_view();
    if (!name.empty()) message += str(" '", name, "'");
  }
  throw std::domain_error(message);
}

}  // namespace brenier

// The record of a computation: a flat array of nodes in the order they were executed.
//
// Nothing is recorded unless an input is: recording starts with watch(). Because nodes only point backwards, the
// array is already sorted, and every query on it (grad, jvp, printing) is a loop. Derivatives are themselves ordinary
// operations on the same tape, which is what makes every order available.
//
// A tape belongs to one thread. Values outlive it: when it ends, its tensors become constants.
// Next on the walk: engine/op.h, engine/autodiff.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "engine/parameters.h"
#include "engine/tensor.h"

namespace brenier {

struct Op;

struct Node {
  const Op* op = nullptr;
  std::shared_ptr<const Attributes> attributes{};  // null when the operation has none
  std::uint32_t first_input = 0;                   // into the tape's list of inputs
  std::uint32_t input_count = 0;
  std::int32_t label = -1;  // into the tape's list of labels
  bool varies = false;      // whether it depends on a watched value
  Tensor value{};           // off tape
};

struct TapeOptions {
  // Stop with std::domain_error at the first operation that makes NaN or infinity out of finite inputs. Costs one
  // pass over every value.
  bool nan_trap = false;
  // What is recorded becomes a program (engine/program/program.h) that will be run on other inputs. Reading a value
  // that depends on a watched one (item, at, to_vector, detached, printing) then throws: it would freeze a decision. Such
  // values are therefore not computed either, until something inside the engine needs one; with a nan_trap they are.
  bool recording_program = false;
};

class Tape {
 public:
  explicit Tape(TapeOptions options = {});
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // The same value as a leaf of this tape: from now on what is computed from it is recorded. The label is used in
  // printed tapes and error messages.
  Tensor watch(const Tensor& value, std::string_view label = {});

  // A copy of a model whose parameters are all leaves of this tape, labelled by their names.
  template <HasParameters Model>
  Model watch(Model model) {
    model.for_each_parameter(
        [this](const std::string& name, Tensor& parameter) { parameter = watch(parameter, name); });
    return model;
  }

  // The value as a leaf that derivatives do not pass. A recorded operation makes one of every argument that is not
  // recorded; derivative queries do so with results that turn out to be constant.
  Tensor constant(const Tensor& value);

  // Names the node that produced x. Returns x, so that it can wrap an expression.
  Tensor label(const Tensor& x, std::string_view text);

  // While a Scope lives, nodes recorded on the tape are labelled "outer/inner" with the names of the open scopes.
  class Scope {
   public:
    Scope(Tape& tape, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Tape& tape_;
    std::size_t outer_length_;
    std::int32_t outer_label_;
  };

  bool recording_program() const { return options_.recording_program; }

  // For sweeps, printers and passes.
  std::int32_t size() const { return static_cast<std::int32_t>(nodes_.size()); }
  const Node& node(std::int32_t slot) const { return nodes_[static_cast<std::size_t>(slot)]; }
  std::span<const std::int32_t> inputs(const Node& node) const;
  std::string_view label_of(const Node& node) const;
  // The recorded tensor at a position.
  Tensor at(std::int32_t slot) const;

  // Throws std::invalid_argument led by `[query]` if the value of x may not be read while recording a program.
  void require_readable(const char* query, const Tensor& x) const;

  // Whether the result of an operation on these inputs is left out for now.
  bool leaves_out(std::span<const Tensor* const> inputs) const;
  // The tensor at a position, off the tape and with its value, which is computed if it was left out.
  Tensor value_at(std::int32_t slot);

  // Appends a node. Used by apply(); throws std::invalid_argument if an input is recorded on another living tape.
  Tensor record(const Op& op, std::span<const Tensor* const> inputs, std::shared_ptr<const Attributes> attributes,
                const Tensor& value);

 private:
  std::int32_t slot_of(const Op& op, const Tensor& input);
  Tensor append(Node node);
  void check_finite(const Op& op, std::span<const Tensor* const> inputs, const Tensor& value) const;

  TapeOptions options_;
  std::shared_ptr<TapeAnchor> anchor_;
  std::vector<Node> nodes_;
  std::vector<std::int32_t> inputs_;
  std::vector<std::string> labels_;
  std::string scope_;
  std::int32_t scope_label_ = -1;
};

}  // namespace brenier

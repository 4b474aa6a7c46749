// linearize: the part of a recorded derivative that depends on the tangent, cut out and made replayable.
//
// A tangent is pushed forward once with a watched placeholder. Of all nodes on the tape only those between the
// placeholder and the result depend on it; they become a list of steps, everything else they read becomes a constant.
#include <stdexcept>

#include "engine/autodiff.h"
#include "engine/op.h"
#include "engine/str.h"

namespace brenier {
namespace {

// Which positions in [first, last] change with the placeholder at `first` and are needed for the result at `last`.
std::vector<bool> between(const Tape& tape, std::int32_t first, std::int32_t last) {
  const auto index = [&](std::int32_t slot) { return static_cast<std::size_t>(slot - first); };
  std::vector<bool> depends(index(last) + 1), needed(index(last) + 1);
  depends[0] = needed[index(last)] = true;
  for (std::int32_t slot = first + 1; slot <= last; ++slot)
    for (std::int32_t input : tape.inputs(tape.node(slot)))
      if (input >= first && depends[index(input)]) depends[index(slot)] = true;
  for (std::int32_t slot = last; slot > first; --slot) {
    if (!needed[index(slot)]) continue;
    for (std::int32_t input : tape.inputs(tape.node(slot)))
      if (input >= first) needed[index(input)] = true;
  }
  for (std::size_t i = 0; i < needed.size(); ++i) needed[i] = needed[i] && depends[i];
  return needed;
}

}  // namespace

Linearization linearize(const Tensor& y, const Tensor& x) {
  if (!x.recorded()) throw std::invalid_argument("[linearize] the input is not recorded; use Tape::watch() first");
  Tape& tape = *x.tape();
  const Tensor placeholder = tape.watch(zeros_like(x));
  const Tensor result = jvp(y, x, placeholder);
  const std::int32_t first = placeholder.slot();
  const std::vector<bool> chosen = between(tape, first, result.slot());

  Linearization map;
  map.shape_ = x.shape();
  map.dtype_ = x.dtype();
  if (!chosen.back()) map.zero_result_ = result.detached();
  std::vector<std::int32_t> step_of(chosen.size(), -1);
  for (std::size_t i = 1; i < chosen.size() && chosen.back(); ++i) {
    if (!chosen[i]) continue;
    const Node& node = tape.node(first + static_cast<std::int32_t>(i));
    Linearization::Step step{node.op, node.attributes, {}};
    for (std::int32_t input : tape.inputs(node)) {
      const bool earlier = input >= first && chosen[static_cast<std::size_t>(input - first)];
      step.inputs.push_back(earlier ? step_of[static_cast<std::size_t>(input - first)]
                                    : -2 - static_cast<std::int32_t>(map.constants_.size()));
      if (!earlier) map.constants_.push_back(tape.node(input).value);
    }
    step_of[i] = static_cast<std::int32_t>(map.steps_.size());
    map.steps_.push_back(std::move(step));
  }
  return map;
}

Tensor Linearization::operator()(const Tensor& t) const {
  if (t.shape() != shape_ || t.dtype() != dtype_)
    throw std::invalid_argument(
        str("[linearize] expected a tangent ", dtype_, " ", shape_, ", got ", t.dtype(), " ", t.shape()));
  if (t.recorded()) throw std::invalid_argument("[linearize] the map records nothing: call it with a detached tangent");
  if (zero_result_.defined()) return zero_result_;
  std::vector<Tensor> values;
  values.reserve(steps_.size());
  for (const Step& step : steps_) {
    std::vector<const Tensor*> inputs;
    for (std::int32_t input : step.inputs)
      inputs.push_back(input >= 0    ? &values[static_cast<std::size_t>(input)]
                       : input == -1 ? &t
                                     : &constants_[static_cast<std::size_t>(-2 - input)]);
    values.push_back(evaluate(*step.op, inputs, step.attributes.get()));
  }
  return values.empty() ? t : values.back();
}

}  // namespace brenier

// Functions with their own derivative rule, and checkpointing, which is one of them.
//
// From one rule both modes follow: a tangent map is linear in the tangent, so recording it with a placeholder tangent
// and pulling a cotangent back through it gives the cotangent map; and the same the other way round.
#include <stdexcept>

#include "engine/autodiff.h"
#include "engine/op.h"
#include "engine/str.h"

namespace brenier {
namespace {

Tensor value_of(std::span<const Tensor* const> inputs, const Attributes& attributes) {
  std::vector<Tensor> detached;
  for (const Tensor* input : inputs) detached.push_back(input->untracked());
  const Tensor value = attributes.custom->value(detached);
  if (!value.defined())
    throw std::invalid_argument(str("[", attributes.custom->name, "] returned an undefined tensor"));
  return value.detached();
}

std::vector<Tensor> as_vector(std::span<const Tensor> tensors) { return {tensors.begin(), tensors.end()}; }

// The additional leading axes of a tangent or cotangent.
Shape bundle_of(const Tensor& direction, const Tensor& primal) {
  return direction.shape().part(0, direction.rank() - primal.rank());
}

void require_shape(const char* what, const Tensor& x, const Shape& expected, const CustomRule& rule) {
  if (x.shape() != expected)
    throw std::invalid_argument(
        str("[", rule.name, "] the rule returned a ", what, " of shape ", x.shape(), ", expected ", expected));
}

std::vector<Tensor> vjp_rule(const Tensor& ct, const Call& call) {
  const CustomRule& rule = *call.attributes.custom;
  std::vector<Tensor> result = rule.vjp(as_vector(call.inputs), call.output, ct);
  if (result.size() != call.inputs.size())
    throw std::invalid_argument(str("[", rule.name, "] the vjp rule returned ", result.size(), " cotangents for ",
                                    call.inputs.size(), " inputs"));
  const Shape bundle = bundle_of(ct, call.output);
  for (std::size_t i = 0; i < result.size(); ++i)
    if (result[i].defined()) require_shape("cotangent", result[i], bundle + call.inputs[i].shape(), rule);
  return result;
}

// Runs a rule that knows no bundles on each of k cotangents in turn.
std::vector<Tensor> vjp_one_by_one(const Tensor& cts, const Call& call) {
  std::vector<std::vector<Tensor>> columns(call.inputs.size());
  for (std::int64_t k = 0; k < cts.dim(0); ++k) {
    const std::vector<Tensor> pulled = vjp_rule(select(cts, 0, k), call);
    for (std::size_t i = 0; i < pulled.size(); ++i)
      columns[i].push_back(pulled[i].defined() ? pulled[i] : zeros_like(call.inputs[i]));
  }
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < columns.size(); ++i) result.push_back(columns[i].empty() ? Tensor() : stack(columns[i]));
  return result;
}

Tensor jvp_rule(const std::vector<Tensor>& tangents, const Call& call) {
  const CustomRule& rule = *call.attributes.custom;
  const Tensor result = rule.jvp(as_vector(call.inputs), call.output, tangents);
  require_shape("tangent", result, bundle_of(tangents[0], call.inputs[0]) + call.output.shape(), rule);
  return result;
}

std::vector<Tensor> vjp_from_jvp(const Tensor& ct, const Call& call) {
  Tape& tape = *call.output.tape();
  std::vector<Tensor> placeholders;
  for (const Tensor& input : call.inputs) placeholders.push_back(tape.watch(zeros_like(input)));
  const Tensor t = jvp_rule(placeholders, call);
  return t.recorded() ? vjp({t}, placeholders, {ct}) : std::vector<Tensor>(call.inputs.size());
}

Tensor jvp_one_by_one(const std::vector<Tensor>& tangents, const Call& call) {
  std::vector<Tensor> results;
  for (std::int64_t k = 0; k < tangents[0].dim(0); ++k) {
    std::vector<Tensor> single;
    for (const Tensor& t : tangents) single.push_back(select(t, 0, k));
    results.push_back(jvp_rule(single, call));
  }
  return results.empty() ? Tensor() : stack(results);
}

Tensor jvp_from_vjp(std::span<const Tensor> tangents, const Call& call) {
  Tape& tape = *call.output.tape();
  const Tensor placeholder = tape.watch(zeros_like(call.output));
  const std::vector<Tensor> pulled = vjp_rule(placeholder, call);
  Tensor result;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (!tangents[i].defined() || !pulled[i].recorded()) continue;
    const Tensor pushed = vjp(pulled[i], placeholder, tangents[i]);
    result = result.defined() ? result + pushed : pushed;
  }
  return result;
}

std::vector<Tensor> custom_vjp(const Tensor& ct, const Call& call, std::span<const bool>) {
  const CustomRule& rule = *call.attributes.custom;
  if (!rule.vjp) return vjp_from_jvp(ct, call);
  const bool bundle = ct.rank() != call.output.rank();
  return bundle && !rule.accepts_bundles ? vjp_one_by_one(ct, call) : vjp_rule(ct, call);
}

Tensor custom_jvp(std::span<const Tensor> tangents, const Call& call) {
  const CustomRule& rule = *call.attributes.custom;
  if (!rule.jvp) return jvp_from_vjp(tangents, call);
  Shape bundle;
  for (std::size_t i = 0; i < tangents.size(); ++i)
    if (tangents[i].rank() > call.inputs[i].rank()) bundle = tangents[i].shape().part(0, 1);
  std::vector<Tensor> filled = as_vector(tangents);
  for (std::size_t i = 0; i < filled.size(); ++i)
    if (!filled[i].defined()) filled[i] = zeros(bundle + call.inputs[i].shape(), call.inputs[i].dtype());
  return bundle.empty() || rule.accepts_bundles ? jvp_rule(filled, call) : jvp_one_by_one(filled, call);
}

const Op custom_op = [] {
  Op op = custom("custom", OpCode::Custom, nullptr, custom_vjp, custom_jvp);
  op.value = value_of;
  return op;
}();

// The tape on which f is to be differentiated: the one its arguments are on, or a temporary one.
Tensor on_tape(std::vector<Tensor> arguments, const std::function<Tensor(Tape&, const std::vector<Tensor>&)>& f) {
  Tape* tape = nullptr;
  for (const Tensor& argument : arguments)
    if (argument.recorded()) tape = argument.tape();
  Tape temporary;
  if (!tape) tape = &temporary;
  for (Tensor& argument : arguments)
    if (!argument.recorded()) argument = tape->watch(argument);
  const Tensor result = f(*tape, arguments);
  return tape == &temporary ? result.detached() : result;
}

Tensor recorded(Tape& tape, const Tensor& y) { return y.recorded() ? y : tape.constant(y); }

// (inputs…, ct) -> all cotangents side by side in one vector, after the bundle axis if there is one.
TensorFunction pullback_of(const TensorFunction& f, int bundle) {
  return [f, bundle](const std::vector<Tensor>& arguments) {
    return on_tape(arguments, [&](Tape& tape, const std::vector<Tensor>& args) {
      const std::vector<Tensor> xs(args.begin(), args.end() - 1);
      const Tensor y = recorded(tape, f(xs));
      std::vector<Tensor> flat;
      for (const Tensor& ct : vjp({y}, xs, {args.back()}))
        flat.push_back(reshape(ct, args.back().shape().part(0, bundle) + Shape{-1}));
      return concat(flat, -1);
    });
  };
}

// (inputs…, tangents…) -> the tangent of f.
TensorFunction pushforward_of(const TensorFunction& f) {
  return [f](const std::vector<Tensor>& arguments) {
    return on_tape(arguments, [&](Tape& tape, const std::vector<Tensor>& args) {
      const auto half = args.begin() + static_cast<std::ptrdiff_t>(args.size() / 2);
      const std::vector<Tensor> xs(args.begin(), half), ts(half, args.end());
      return jvp({recorded(tape, f(xs))}, xs, ts)[0];
    });
  };
}

std::vector<Tensor> joined(std::vector<Tensor> first, const std::vector<Tensor>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::vector<Tensor> checkpoint_vjp(const TensorFunction& f, const std::vector<Tensor>& inputs, const Tensor& output,
                                   const Tensor& ct) {
  const int bundle = ct.rank() - output.rank();
  const Tensor packed = checkpoint(pullback_of(f, bundle), joined(inputs, {ct}));
  std::vector<Tensor> result;
  std::int64_t start = 0;
  for (const Tensor& input : inputs) {
    const Tensor flat = slice(packed, -1, start, start + input.size());
    result.push_back(reshape(flat, ct.shape().part(0, bundle) + input.shape()));
    start += input.size();
  }
  return result;
}

}  // namespace

Tensor apply_custom(CustomRule rule, const std::vector<Tensor>& inputs) {
  if (!rule.value) throw std::invalid_argument(str("[", rule.name, "] a custom operation needs a value"));
  if (!rule.jvp && !rule.vjp) throw std::invalid_argument(str("[", rule.name, "] needs a jvp or a vjp rule"));
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(&input);
  const std::string name = rule.name;
  const Tensor y = apply(custom_op, pointers, {.custom = std::make_shared<const CustomRule>(std::move(rule))});
  return y.recorded() ? y.tape()->label(y, name) : y;
}

Tensor checkpoint(TensorFunction f, const std::vector<Tensor>& inputs) {
  for (const Tensor& input : inputs)
    if (!input.defined() || !input.is_floating())
      throw std::invalid_argument(
          "[checkpoint] inputs must be floating-point tensors; capture integer ones in the function");
  CustomRule rule{.name = "checkpoint", .value = f, .accepts_bundles = true};
  rule.vjp = [f](const std::vector<Tensor>& xs, const Tensor& y, const Tensor& ct) {
    return checkpoint_vjp(f, xs, y, ct);
  };
  rule.jvp = [f](const std::vector<Tensor>& xs, const Tensor&, const std::vector<Tensor>& ts) {
    return checkpoint(pushforward_of(f), joined(xs, ts));
  };
  return apply_custom(std::move(rule), inputs);
}

}  // namespace brenier

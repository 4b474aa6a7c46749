// Running an operation, and the derivative maps that follow from its constructor. See engine/op.h.
#include "engine/op.h"

#include <stdexcept>

#include "engine/ops.h"
#include "engine/ops/bundle.h"
#include "engine/str.h"
#include "engine/tape.h"

namespace brenier {
namespace {

const Attributes no_attributes;

Tensor add_defined(const Tensor& a, const Tensor& b) {
  if (!a.defined()) return b;
  return b.defined() ? a + b : a;
}

// t * df/dx_i, the same line for tangents and cotangents; undefined where the derivative is zero.
Tensor diagonal(const Op& op, const Tensor& t, const Call& call, std::size_t i) {
  const std::span<const Tensor> in = call.inputs;
  if (op.unary) return op.unary(t, in[0], call.output);
  if (in.size() == 2) return op.binary[i](t, in[0], in[1], call.output);
  return op.ternary[i] ? op.ternary[i](t, in[0], in[1], in[2], call.output) : Tensor();
}

Tensor bilinear_product(const Op& op, const Tensor& a, const Tensor& b) { return apply(op, {&a, &b}); }

Tensor vjp_one(const Op& op, const Tensor& ct, const Call& call, int bundle, int i) {
  const Tensor& input = call.inputs[static_cast<std::size_t>(i)];
  switch (op.kind) {
    case OpKind::Elementwise: {
      const Tensor pulled = diagonal(op, ct, call, static_cast<std::size_t>(i));
      return pulled.defined() ? sum_to_input(pulled, bundle, input.shape()) : pulled;
    }
    case OpKind::Linear:
      return op.transpose(ct, call, i);
    case OpKind::Bilinear: {
      const Tensor& other = call.inputs[static_cast<std::size_t>(1 - i)];
      return sum_to_input(op.bilinear[static_cast<std::size_t>(i)](ct, other, input), bundle, input.shape());
    }
    default:
      return {};
  }
}

// A linear operation applied to tangents, with zeros where there is none.
Tensor jvp_linear(const Op& op, std::span<const Tensor> tangents, const Call& call, const Shape& bundle_shape) {
  std::vector<Tensor> filled(tangents.begin(), tangents.end());
  std::vector<const Tensor*> pointers;
  for (std::size_t i = 0; i < filled.size(); ++i) {
    const Tensor& input = call.inputs[i];
    // Indices are constants of a linear operation, not arguments it is linear in.
    if (!filled[i].defined())
      filled[i] = input.is_floating() ? zeros(bundle_shape + input.shape(), input.dtype()) : input;
    pointers.push_back(&filled[i]);
  }
  return apply(op, pointers, call.attributes);
}

Tensor jvp_one(const Op& op, const Tensor& t, const Call& call, int bundle, std::size_t i) {
  const int output_rank = call.output.rank();
  const Tensor aligned = align_bundle(t, bundle, call.inputs[i].rank(), output_rank);
  if (op.kind == OpKind::Elementwise) {
    const Tensor pushed = diagonal(op, aligned, call, i);
    return pushed.defined() ? spread_to_output(pushed, bundle, call.output.shape()) : pushed;
  }
  return i == 0 ? bilinear_product(op, aligned, call.inputs[1]) : bilinear_product(op, call.inputs[0], aligned);
}

std::span<const Tensor* const> as_span(std::initializer_list<const Tensor*> inputs) {
  return {inputs.begin(), inputs.size()};
}

}  // namespace

std::vector<Tensor> Op::vjp(const Tensor& ct, const Call& call, std::span<const bool> wanted) const {
  if (kind == OpKind::Custom) return custom_vjp(ct, call, wanted);
  const int bundle = ct.rank() - call.output.rank();
  std::vector<Tensor> result(call.inputs.size());
  for (std::size_t i = 0; i < result.size(); ++i)
    if (wanted[i]) result[i] = vjp_one(*this, ct, call, bundle, static_cast<int>(i));
  return result;
}

Tensor Op::jvp(std::span<const Tensor> tangents, const Call& call) const {
  if (kind == OpKind::Constant) return {};
  if (kind == OpKind::Custom) return custom_jvp(tangents, call);
  Tensor result;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (!tangents[i].defined()) continue;
    const int bundle = tangents[i].rank() - call.inputs[i].rank();
    if (kind == OpKind::Linear) return jvp_linear(*this, tangents, call, tangents[i].shape().part(0, bundle));
    result = add_defined(result, jvp_one(*this, tangents[i], call, bundle, i));
  }
  return result;
}

void misuse(const Op& op, const std::string& message) { throw std::invalid_argument(str("[", op.name, "] ", message)); }

namespace {

const Backend& common_backend(const Op& op, std::span<const Tensor* const> inputs) {
  const Backend& backend = inputs.empty() ? default_backend() : inputs[0]->backend();
  for (const Tensor* input : inputs)
    if (&input->backend() != &backend)
      misuse(op, str("arguments are on different devices: ", backend.name, " and ", input->backend().name,
                     "; use Tensor::to()"));
  return backend;
}

// A view of the input where the operation is one. Else finish(type, backend, kernel), which decides about the numbers.
template <class Finish>
Tensor result_of(const Op& op, std::span<const Tensor* const> inputs, const Attributes& constants, Finish&& finish) {
  const OutputType type = op.type(op, inputs, constants);
  if (op.view) {
    const Tensor viewed = op.view(*inputs[0], constants, type);
    if (viewed.defined()) return viewed;
  }
  const Backend& backend = common_backend(op, inputs);
  const Kernel kernel = backend.kernels[static_cast<std::size_t>(op.code)];
  if (!kernel) misuse(op, str("the backend '", backend.name, "' has no kernel for ", type.dtype));
  return finish(type, backend, kernel);
}

[[noreturn]] void refuse_argument(const Op& op, const Tensor& input) {
  if (!input.defined()) misuse(op, "an argument is undefined");
  misuse(op, str("an argument of shape ", input.shape(), " has no value: it was recorded for a program"));
}

}  // namespace

Tensor evaluate(const Op& op, std::span<const Tensor* const> inputs, const Attributes* attributes) {
  for (const Tensor* input : inputs)
    if (!input->has_value()) refuse_argument(op, *input);
  const Attributes& constants = attributes ? *attributes : no_attributes;
  if (op.value) return op.value(inputs, constants);
  return result_of(op, inputs, constants, [&](const OutputType& type, const Backend& backend, Kernel kernel) {
    Tensor output = Tensor::uninitialized(type.shape, type.dtype, backend);
    kernel({inputs, output, constants});
    return output;
  });
}

namespace {

// Shape, dtype and layout of what evaluate() would return. A user's own operation has only its value to tell them.
Tensor left_out(const Op& op, std::span<const Tensor* const> inputs, const Attributes* attributes, Tape& tape) {
  for (const Tensor* input : inputs)
    if (!input->defined()) refuse_argument(op, *input);
  if (op.value) {
    std::vector<Tensor> values;
    for (const Tensor* input : inputs) values.push_back(input->tape() == &tape ? tape.value_at(input->slot()) : *input);
    std::vector<const Tensor*> pointers;
    for (const Tensor& value : values) pointers.push_back(&value);
    return evaluate(op, pointers, attributes);
  }
  return result_of(op, inputs, attributes ? *attributes : no_attributes,
                   [](const OutputType& type, const Backend& backend, Kernel) {
                     return Tensor::without_value(type.shape, type.dtype, backend);
                   });
}

Tape* tape_of(std::span<const Tensor* const> inputs) {
  for (const Tensor* input : inputs)
    if (Tape* const tape = input->tape()) return tape;
  return nullptr;
}

Tensor run(const Op& op, std::span<const Tensor* const> inputs, const Attributes* attributes) {
  Tape* const tape = tape_of(inputs);
  if (!tape) return evaluate(op, inputs, attributes);
  const Tensor value =
      tape->leaves_out(inputs) ? left_out(op, inputs, attributes, *tape) : evaluate(op, inputs, attributes);
  return tape->record(op, inputs, attributes ? std::make_shared<const Attributes>(*attributes) : nullptr, value);
}

}  // namespace

Tensor apply(const Op& op, std::initializer_list<const Tensor*> inputs) { return run(op, as_span(inputs), nullptr); }

Tensor apply(const Op& op, std::span<const Tensor* const> inputs, Attributes attributes) {
  return run(op, inputs, &attributes);
}

Tensor apply(const Op& op, const Tensor& input, Attributes attributes) {
  return run(op, as_span({&input}), &attributes);
}

OutputType elementwise_type(const Op& op, std::span<const Tensor* const> inputs, const Attributes&) {
  Shape shape = inputs[0]->shape();
  for (const Tensor* input : inputs.subspan(1)) {
    if (input->dtype() != inputs[0]->dtype())
      misuse(op, str("dtypes differ: ", inputs[0]->dtype(), " ", inputs[0]->shape(), " and ", input->dtype(), " ",
                     input->shape(), "; use cast()"));
    shape = broadcast_shapes(op.name, shape, input->shape());
  }
  return {shape, inputs[0]->dtype()};
}

}  // namespace brenier

// What an operation is: a name, a kernel, and a way to differentiate.
//
// Five structural constructors cover every operation. The author supplies the mathematics, and both derivative maps
// follow, in operations again:
//
//   constructor   author supplies                        cotangent map (vjp)           tangent map (jvp)
//   elementwise   t * df/dx for each argument            that, summed to the input     that, summed over arguments
//   linear        the transpose                          the transpose                 the operation itself
//   bilinear      the two transposes                     one each                      product rule
//   custom        both                                   as given                      as given
//   constant      nothing                                zero                          zero
//
// The Jacobian of an elementwise function is diagonal and hence its own transpose: one line of mathematics,
// "t * sigmoid(x)", serves both modes. A rule calls public operations only: no buffers, no kernels, no device. What it
// emits is recorded like anything else, hence all orders, both modes, every backend.
//
// Bundles. A tangent may have one more leading axis than its primal: k tangents at once. Because operations name
// their axes from the end, "the operation itself" applied to a bundle is right for every linear operation, and
// broadcasting is right for the others once the bundle axis stands left of all primal axes; the derivation below takes
// care of that, and rules need not know.
//
// Next on the walk: engine/ops/elementwise.cpp, engine/autodiff.cpp.
#pragma once

#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/tensor.h"

namespace brenier {

// One recorded operation as its rule sees it.
struct Call {
  std::span<const Tensor> inputs;
  const Tensor& output;
  const Attributes& attributes;
};

struct OutputType {
  Shape shape;
  DType dtype = DType::Float64;
};

// Shape and dtype of the result; throws std::invalid_argument for inputs that do not fit.
using TypeRule = OutputType (*)(const struct Op&, std::span<const Tensor* const> inputs, const Attributes&);
// The result as a view of its input, or an undefined tensor where only a kernel can make it.
using ViewRule = Tensor (*)(const Tensor& input, const Attributes&, const OutputType&);

using UnaryRule = Tensor (*)(const Tensor& t, const Tensor& x, const Tensor& y);
using BinaryRule = Tensor (*)(const Tensor& t, const Tensor& a, const Tensor& b, const Tensor& y);
using TernaryRule = Tensor (*)(const Tensor& t, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& y);
// The cotangent of input i, already in its shape apart from leading bundle axes.
using TransposeRule = Tensor (*)(const Tensor& ct, const Call& call, int input);
// The cotangent of a factor, from the cotangent of the product and the other factor.
using BilinearRule = Tensor (*)(const Tensor& ct, const Tensor& other, const Tensor& factor);
// Custom: all wanted cotangents at once, and the tangent of the output from the tangents of the inputs, where an
// undefined tensor stands for zero.
using VjpRule = std::vector<Tensor> (*)(const Tensor& ct, const Call& call, std::span<const bool> wanted);
using JvpRule = Tensor (*)(std::span<const Tensor> tangents, const Call& call);

enum class OpKind { Elementwise, Linear, Bilinear, Custom, Constant };

// Numbers that leave the other argument of a binary operation as it is, bit for bit, NaN and signed zeros included:
// f(left, x) = x and f(x, right) = x. NaN: there is none.
struct NeutralElement {
  double left = std::numeric_limits<double>::quiet_NaN();
  double right = std::numeric_limits<double>::quiet_NaN();
};
inline constexpr bool kSelfInverse = true;  // f(f(x)) = x, bit for bit

struct Op {
  const char* name;
  OpCode code;
  OpKind kind;
  TypeRule type;
  ViewRule view = nullptr;
  UnaryRule unary = nullptr;
  std::array<BinaryRule, 2> binary{};
  std::array<TernaryRule, 3> ternary{};  // a null entry: the derivative is zero
  TransposeRule transpose = nullptr;
  std::array<BilinearRule, 2> bilinear{};
  VjpRule custom_vjp = nullptr;
  JvpRule custom_jvp = nullptr;
  // What a program may use to simplify (engine/program/simplify.cpp).
  NeutralElement neutral{};
  bool self_inverse = false;
  // Set only by a user's own operations, whose value is a function instead of a kernel (engine/custom.cpp).
  Tensor (*value)(std::span<const Tensor* const> inputs, const Attributes&) = nullptr;
  // Of `wanted` inputs only; an undefined result stands for zero. ct may carry one bundle axis.
  std::vector<Tensor> vjp(const Tensor& ct, const Call& call, std::span<const bool> wanted) const;
  // Undefined tangents stand for zero, and so does an undefined result. Defined ones all carry a bundle axis or none.
  Tensor jvp(std::span<const Tensor> tangents, const Call& call) const;
};

// The five constructors. All are constant expressions: operations exist before any code runs.
constexpr Op elementwise(const char* name, OpCode code, UnaryRule rule, bool self_inverse = false);
constexpr Op elementwise(const char* name, OpCode code, BinaryRule a, BinaryRule b, NeutralElement neutral = {});
constexpr Op elementwise(const char* name, OpCode code, TernaryRule a, TernaryRule b, TernaryRule c);
constexpr Op linear(const char* name, OpCode code, TypeRule type, TransposeRule transpose, ViewRule view = nullptr);
constexpr Op bilinear(const char* name, OpCode code, TypeRule type, BilinearRule first, BilinearRule second);
constexpr Op custom(const char* name, OpCode code, TypeRule type, VjpRule vjp, JvpRule jvp);
constexpr Op constant(const char* name, OpCode code, TypeRule type, ViewRule view = nullptr);

// Runs an operation: checks the inputs, takes a view or calls the kernel, and records if any input is recorded.
// `inputs` must be tensors of one backend. Throws std::invalid_argument led by the operation's name.
Tensor apply(const Op& op, std::initializer_list<const Tensor*> inputs);
Tensor apply(const Op& op, std::span<const Tensor* const> inputs, Attributes attributes);
Tensor apply(const Op& op, const Tensor& input, Attributes attributes);
// The same without recording: what a replay calls. `attributes` may be null.
Tensor evaluate(const Op& op, std::span<const Tensor* const> inputs, const Attributes* attributes);

// "[matmul] inner dimensions differ: [32, 64] and [63, 10]": throws std::invalid_argument.
[[noreturn]] void misuse(const Op& op, const std::string& message);

// Type rule of the elementwise constructors: broadcast shapes, equal dtypes. Which operations accept int64 is the
// backend's business; derivatives never reach them.
OutputType elementwise_type(const Op& op, std::span<const Tensor* const> inputs, const Attributes&);
// Whether an element of the result depends on the corresponding elements alone: the constructor elementwise, and
// constants such as comparisons.
constexpr bool is_elementwise(const Op& op) { return op.type == elementwise_type; }

constexpr Op elementwise(const char* name, OpCode code, UnaryRule rule, bool self_inverse) {
  Op op{.name = name, .code = code, .kind = OpKind::Elementwise, .type = elementwise_type, .unary = rule};
  op.self_inverse = self_inverse;
  return op;
}
constexpr Op elementwise(const char* name, OpCode code, BinaryRule a, BinaryRule b, NeutralElement neutral) {
  Op op{.name = name, .code = code, .kind = OpKind::Elementwise, .type = elementwise_type, .binary = {a, b}};
  op.neutral = neutral;
  return op;
}
constexpr Op elementwise(const char* name, OpCode code, TernaryRule a, TernaryRule b, TernaryRule c) {
  return {.name = name, .code = code, .kind = OpKind::Elementwise, .type = elementwise_type, .ternary = {a, b, c}};
}
constexpr Op linear(const char* name, OpCode code, TypeRule type, TransposeRule transpose, ViewRule view) {
  return {.name = name, .code = code, .kind = OpKind::Linear, .type = type, .view = view, .transpose = transpose};
}
constexpr Op bilinear(const char* name, OpCode code, TypeRule type, BilinearRule first, BilinearRule second) {
  return {.name = name, .code = code, .kind = OpKind::Bilinear, .type = type, .bilinear = {first, second}};
}
constexpr Op custom(const char* name, OpCode code, TypeRule type, VjpRule vjp, JvpRule jvp) {
  return {.name = name, .code = code, .kind = OpKind::Custom, .type = type, .custom_vjp = vjp, .custom_jvp = jvp};
}
constexpr Op constant(const char* name, OpCode code, TypeRule type, ViewRule view) {
  return {.name = name, .code = code, .kind = OpKind::Constant, .type = type, .view = view};
}

}  // namespace brenier

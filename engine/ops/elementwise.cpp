// The elementwise operations and their derivatives: one line of mathematics each.
//
// In a rule, t is a tangent or a cotangent, x (or a, b) the arguments, y the result. The rule is t * df/dx, written
// in public operations. The Jacobian of an elementwise function is diagonal, so the same line serves forward and
// reverse mode, and being made of operations itself, it can be differentiated again.
//
// Values are computed from the functors in engine/ops/functors-inl.h. Next on the walk: engine/ops/matmul.cpp.
#include <cmath>
#include <numbers>

#include "engine/op.h"
#include "engine/ops.h"

namespace brenier {
namespace {

// x or y may be unused, hence the attribute.
#define BRENIER_ARG [[maybe_unused]] const Tensor&

#define BRENIER_UNARY(name, code, rule, ...)                                                                          \
  const Op name##_op = elementwise(#name, OpCode::code, [](const Tensor& t, BRENIER_ARG x, BRENIER_ARG y) -> Tensor { \
    return rule;                                                                                                      \
  } __VA_OPT__(, ) __VA_ARGS__);                                                                                      \
  }                                                                                                                   \
  Tensor name(const Tensor& x) { return apply(name##_op, {&x}); }                                                     \
  namespace {

#define BRENIER_PLAIN_NUMBERS(name)                                                \
  Tensor name(const Tensor& a, double b) { return name(a, tensor(b, a.dtype())); } \
  Tensor name(double a, const Tensor& b) { return name(tensor(a, b.dtype()), b); }

#define BRENIER_BINARY(name, code, rule_a, rule_b, ...)                                                            \
  const Op name##_op = elementwise(                                                                                \
      #name, OpCode::code,                                                                                         \
      [](const Tensor& t, BRENIER_ARG a, BRENIER_ARG b, BRENIER_ARG y) -> Tensor { return rule_a; },               \
      [](const Tensor& t, BRENIER_ARG a, BRENIER_ARG b, BRENIER_ARG y) -> Tensor { return rule_b; } __VA_OPT__(, ) \
                                                                           __VA_ARGS__);                           \
  }                                                                                                                \
  Tensor name(const Tensor& a, const Tensor& b) { return apply(name##_op, {&a, &b}); }                             \
  BRENIER_PLAIN_NUMBERS(name)                                                                                      \
  namespace {

#define BRENIER_UNARY_CONSTANT(name, code)                              \
  const Op name##_op = constant(#name, OpCode::code, elementwise_type); \
  }                                                                     \
  Tensor name(const Tensor& x) { return apply(name##_op, {&x}); }       \
  namespace {

#define BRENIER_BINARY_CONSTANT(name, code)                                            \
  const Op name##_op = constant(#name, OpCode::code, elementwise_type);                \
  }                                                                                    \
  Tensor name(const Tensor& a, const Tensor& b) { return apply(name##_op, {&a, &b}); } \
  BRENIER_PLAIN_NUMBERS(name)                                                          \
  namespace {

constexpr double kTwoOverRootPi = 2 * std::numbers::inv_sqrtpi;

// The formatter takes products inside macro arguments for pointer declarations.
// clang-format off

// Arithmetic.
BRENIER_BINARY(add, Add, t, t, NeutralElement{-0.0, -0.0})
BRENIER_BINARY(sub, Sub, t, -t, NeutralElement{.right = 0.0})
BRENIER_BINARY(mul, Mul, t * b, t * a, NeutralElement{1.0, 1.0})
BRENIER_BINARY(div, Div, t / b, -t * y / b, NeutralElement{.right = 1.0})
BRENIER_UNARY(neg, Neg, -t, kSelfInverse)
BRENIER_UNARY(square, Square, t * (2.0 * x))
BRENIER_UNARY(sqrt, Sqrt, 0.5 * t / y)
BRENIER_UNARY(reciprocal, Reciprocal, -t * square(y))

// The part of d(a^b)/da beside t. The exponent is replaced where its factor is 0, so that x^2 keeps finite derivatives
// of every order at 0: the third one is 0, not 0 * infinity.
Tensor power_slope(const Tensor& a, const Tensor& b) {
  const Tensor constant_power = equal(b, 0.0);
  return where(constant_power, 0.0, b * pow(a, where(constant_power, 1.0, b - 1.0)));
}
// ln a, but 0 at a = 0, where a^b does not change with b > 0.
Tensor log_of_base(const Tensor& a) {
  const Tensor at_zero = equal(a, 0.0);
  return where(at_zero, 0.0, log(where(at_zero, 1.0, a)));
}
BRENIER_BINARY(pow, Pow, t * power_slope(a, b), t * y * log_of_base(a))

// Order. Equal arguments of maximum and minimum share the derivative.
Tensor share_of_larger(const Tensor& a, const Tensor& b) { return less(b, a) + 0.5 * equal(a, b); }
BRENIER_BINARY(maximum, Maximum, t * share_of_larger(a, b), t * share_of_larger(b, a))
BRENIER_BINARY(minimum, Minimum, t * share_of_larger(b, a), t * share_of_larger(a, b))
BRENIER_BINARY_CONSTANT(equal, Equal)
BRENIER_BINARY_CONSTANT(less, Less)
BRENIER_BINARY_CONSTANT(less_equal, LessEqual)
BRENIER_UNARY(abs, Abs, t * sign(x))
BRENIER_UNARY(relu, Relu, t * less(0.0, x))
BRENIER_UNARY_CONSTANT(sign, Sign)
BRENIER_UNARY_CONSTANT(floor, Floor)
BRENIER_UNARY_CONSTANT(is_finite, IsFinite)

// Exponentials and logarithms.
BRENIER_UNARY(exp, Exp, t * y)
BRENIER_UNARY(expm1, Expm1, t * exp(x))
BRENIER_UNARY(log, Log, t / x)
BRENIER_UNARY(log1p, Log1p, t / (1.0 + x))

// Trigonometric and hyperbolic.
BRENIER_UNARY(sin, Sin, t * cos(x))
BRENIER_UNARY(cos, Cos, -t * sin(x))
BRENIER_UNARY(tanh, Tanh, t * (1.0 - square(y)))
BRENIER_UNARY(log_cosh, LogCosh, t * tanh(x))

BRENIER_UNARY(erf, Erf, t * (kTwoOverRootPi * exp(-square(x))))
BRENIER_UNARY(erfc, Erfc, t * (-kTwoOverRootPi * exp(-square(x))))

// The softplus families: s is relu convolved with a density, s' its distribution function, s'' the density itself.
BRENIER_UNARY(softplus, Softplus, t * sigmoid(x))
BRENIER_UNARY(sigmoid, Sigmoid, t * (y * sigmoid(-x)))
BRENIER_UNARY(gaussian_softplus, GaussianSoftplus, t * normal_cdf(x))
BRENIER_UNARY(normal_cdf, NormalCdf, t * normal_pdf(x))
BRENIER_UNARY(normal_pdf, NormalPdf, t * (-x * y))
BRENIER_UNARY(laplace_softplus, LaplaceSoftplus, t * laplace_cdf(x))
BRENIER_UNARY(laplace_cdf, LaplaceCdf, t * (0.5 * exp(-abs(x))))

// clang-format on

// where(c, a, b)
const Op where_op = elementwise(
    "where", OpCode::Where, nullptr,
    [](const Tensor& t, const Tensor& c, const Tensor&, const Tensor&, const Tensor&) { return where(c, t, 0.0); },
    [](const Tensor& t, const Tensor& c, const Tensor&, const Tensor&, const Tensor&) { return where(c, 0.0, t); });

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (a.defined() && condition.defined() && condition.dtype() != a.dtype())
    return where(cast(condition, a.dtype()), a, b);
  return apply(where_op, {&condition, &a, &b});
}
Tensor where(const Tensor& condition, const Tensor& a, double b) { return where(condition, a, tensor(b, a.dtype())); }
Tensor where(const Tensor& condition, double a, const Tensor& b) { return where(condition, tensor(a, b.dtype()), b); }

Tensor greater(const Tensor& a, const Tensor& b) { return less(b, a); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return less_equal(b, a); }
Tensor clamp(const Tensor& x, double low, double high) { return minimum(maximum(x, low), high); }

}  // namespace brenier

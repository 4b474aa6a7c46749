// The elementwise operations: their list, and what each computes.
//
// Adding one means a line and a functor here, a rule in engine/ops/elementwise.cpp, and a row in
// tests/support/op_cases.cpp. From the lists follow the opcode, the public declaration and the kernel table entries.
//
// A functor body is written once, generic over V: float, double, a SIMD pack or a GPU thread's value. It uses only
// the vocabulary of engine/ops/scalar_vocabulary-inl.h (exp, log, select, …), and the target says what a function for
// inlining is: BRENIER_INLINE. The bodies are compiled *inside* each target's
// region (BRENIER_TARGET is then defined), because code compiled for a wider instruction set is not inlined from
// outside. There is deliberately no include guard around them.

#ifndef BRENIER_UNARY_OPS
// name, opcode, what it is
#define BRENIER_UNARY_OPS(X)                                                                      \
  X(neg, Neg, "-x")                                                                               \
  X(abs, Abs, "|x|; derivative 0 at 0")                                                           \
  X(sign, Sign, "-1, 0 or 1; constant: derivative 0")                                             \
  X(floor, Floor, "largest integer below; constant: derivative 0")                                \
  X(is_finite, IsFinite, "1 where x is neither infinite nor NaN, else 0; constant")               \
  X(square, Square, "x^2")                                                                        \
  X(sqrt, Sqrt, "square root")                                                                    \
  X(reciprocal, Reciprocal, "1/x")                                                                \
  X(exp, Exp, "e^x")                                                                              \
  X(expm1, Expm1, "e^x - 1, accurate near 0")                                                     \
  X(log, Log, "natural logarithm")                                                                \
  X(log1p, Log1p, "ln(1 + x), accurate near 0")                                                   \
  X(sin, Sin, "sine")                                                                             \
  X(cos, Cos, "cosine")                                                                           \
  X(tanh, Tanh, "hyperbolic tangent")                                                             \
  X(log_cosh, LogCosh, "ln cosh x, without overflow")                                             \
  X(sigmoid, Sigmoid, "1/(1 + e^-x)")                                                             \
  X(erf, Erf, "error function")                                                                   \
  X(erfc, Erfc, "1 - erf(x), accurate for large x")                                               \
  X(relu, Relu, "max(x, 0); derivative 0 at 0")                                                   \
  X(softplus, Softplus, "logistic softplus ln(1 + e^x)")                                          \
  X(normal_pdf, NormalPdf, "standard normal density")                                             \
  X(normal_cdf, NormalCdf, "standard normal distribution function")                               \
  X(gaussian_softplus, GaussianSoftplus, "x cdf(x) + pdf(x): relu smoothed by a standard normal") \
  X(laplace_cdf, LaplaceCdf, "distribution function of the Laplace distribution with scale 1")    \
  X(laplace_softplus, LaplaceSoftplus, "max(x, 0) + e^-|x|/2: relu smoothed by a Laplace distribution")

#define BRENIER_BINARY_OPS(X)                                                                              \
  X(add, Add, "a + b")                                                                                     \
  X(sub, Sub, "a - b")                                                                                     \
  X(mul, Mul, "a b")                                                                                       \
  X(div, Div, "a / b")                                                                                     \
  X(pow, Pow, "a^b for a >= 0, or any a and integer b; all derivatives at a = 0 exist for integer b >= 0") \
  X(maximum, Maximum, "the larger; each gets half the derivative at a tie; NaN if either is")              \
  X(minimum, Minimum, "the smaller; each gets half the derivative at a tie; NaN if either is")             \
  X(equal, Equal, "1 where a = b, else 0; constant")                                                       \
  X(less, Less, "1 where a < b, else 0; constant")                                                         \
  X(less_equal, LessEqual, "1 where a <= b, else 0; constant")
#endif

#ifdef BRENIER_TARGET
struct Neg {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return -x;
  }
};
struct Abs {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return abs(x);
  }
};
struct Sign {
  // NaN stays NaN, as everywhere.
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return select(x > V(0), V(1), select(x < V(0), V(-1), x * V(0)));
  }
};
struct Floor {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return floor(x);
  }
};
struct IsFinite {
  // inf - inf and NaN - NaN are NaN, the only value that differs from itself.
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return select(x - x == V(0), V(1), V(0));
  }
};
struct Square {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return x * x;
  }
};
struct Sqrt {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return sqrt(x);
  }
};
struct Reciprocal {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return V(1) / x;
  }
};
struct Exp {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return exp(x);
  }
};
struct Expm1 {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return expm1(x);
  }
};
struct Log {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return log(x);
  }
};
struct Log1p {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return log1p(x);
  }
};
struct Sin {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return sin(x);
  }
};
struct Cos {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return cos(x);
  }
};
struct Tanh {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return tanh(x);
  }
};
struct Erf {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return erf(x);
  }
};
struct Erfc {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return erfc(x);
  }
};
struct Relu {
  // The comparison is written so that NaN passes through.
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return select(x <= V(0), V(0), x);
  }
};
#include "engine/ops/softplus-inl.h"

struct Add {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return a + b;
  }
};
struct Sub {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return a - b;
  }
};
struct Mul {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return a * b;
  }
};
struct Div {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return a / b;
  }
};
struct Pow {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return pow(a, b);
  }
};
struct Maximum {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return select(a != a, a, select(a > b, a, b));
  }
};
struct Minimum {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return select(a != a, a, select(a < b, a, b));
  }
};
struct Equal {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return select(a == b, V(1), V(0));
  }
};
struct Less {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return select(a < b, V(1), V(0));
  }
};
struct LessEqual {
  template <class V>
  BRENIER_INLINE V operator()(V a, V b) const {
    return select(a <= b, V(1), V(0));
  }
};
struct Where {
  template <class V>
  BRENIER_INLINE V operator()(V condition, V a, V b) const {
    return select(condition != V(0), a, b);
  }
};

// The operations that make sense for integers; the others refuse them.
template <class F, class... List>
inline constexpr bool is_one_of = (std::is_same_v<F, List> || ...);
template <class F>
inline constexpr bool accepts_integers =
    is_one_of<F, Neg, Abs, Sign, Square, Add, Sub, Mul, Maximum, Minimum, Equal, Less, LessEqual, Where>;
#endif

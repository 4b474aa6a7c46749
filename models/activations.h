// Activation functions as types: stateless, called on a tensor of any shape, elementwise.
//
// Each states whether it is convex and whether it never decreases, so that convex networks accept only what keeps
// them convex (a convex non-decreasing function of a convex function is convex). Smooth ones are softpluses: a relu
// convolved with a density p, so that s'' = p and s' is the distribution function of p (Huang et al. 2021, CP-Flow,
// definition 1).
//
// squared_slope_integral is Γ(u) = ∫ s'(u)² du, up to a constant: the closed form of a one-layer ICGN (models/icgn.h).
#pragma once

#include <concepts>
#include <numbers>
#include <ratio>

#include "engine/ops.h"

namespace brenier {

template <class A>
concept Activation = requires(const A& activation, const Tensor& x) {
  { activation(x) } -> std::same_as<Tensor>;
  { A::is_convex } -> std::convertible_to<bool>;
  { A::is_non_decreasing } -> std::convertible_to<bool>;
  { A::value_at_zero } -> std::convertible_to<double>;
};
// Keeps a function of an affine argument convex.
template <class A>
concept ConvexActivation = Activation<A> && A::is_convex;
// Keeps a function of a convex argument convex.
template <class A>
concept ConvexMonotoneActivation = ConvexActivation<A> && A::is_non_decreasing;
// Never decreases, and states its slope s'(u), which is then not negative.
template <class A>
concept MonotoneActivation = Activation<A> && A::is_non_decreasing && requires(const Tensor& u) {
  { A::slope(u) } -> std::same_as<Tensor>;
};
// Has the closed form that a one-layer ICGN needs.
template <class A>
concept SquareIntegrableActivation = Activation<A> && requires(const Tensor& u) {
  { A::squared_slope_integral(u) } -> std::same_as<Tensor>;
};

// x
struct Identity {
  static constexpr bool is_convex = true, is_non_decreasing = true;
  static constexpr double value_at_zero = 0;
  Tensor operator()(const Tensor& x) const { return x; }
  static Tensor slope(const Tensor& u) { return ones(u.shape(), u.dtype()); }
  static Tensor squared_slope_integral(const Tensor& u) { return u; }
};

// max(x, 0)
struct Relu {
  static constexpr bool is_convex = true, is_non_decreasing = true;
  static constexpr double value_at_zero = 0;
  Tensor operator()(const Tensor& x) const { return relu(x); }
  static Tensor slope(const Tensor& u) { return 1.0 - less_equal(u, 0.0); }
  static Tensor squared_slope_integral(const Tensor& u) { return relu(u); }
};

// tanh x
struct Tanh {
  static constexpr bool is_convex = false, is_non_decreasing = true;
  static constexpr double value_at_zero = 0;
  Tensor operator()(const Tensor& x) const { return tanh(x); }
  static Tensor slope(const Tensor& u) { return 1.0 - square(tanh(u)); }
  static Tensor squared_slope_integral(const Tensor& u) {
    const Tensor t = tanh(u);
    return t - t * square(t) / 3.0;
  }
};

// 1/(1 + e^-x)
struct Sigmoid {
  static constexpr bool is_convex = false, is_non_decreasing = true;
  static constexpr double value_at_zero = 0.5;
  Tensor operator()(const Tensor& x) const { return sigmoid(x); }
  static Tensor slope(const Tensor& u) { return sigmoid(u) * sigmoid(-u); }
  static Tensor squared_slope_integral(const Tensor& u) {
    const Tensor s = sigmoid(u);
    return square(s) * (0.5 - s / 3.0);
  }
};

// ln(1 + e^x); p is the logistic density
struct Softplus {
  static constexpr bool is_convex = true, is_non_decreasing = true;
  static constexpr double value_at_zero = std::numbers::ln2;
  Tensor operator()(const Tensor& x) const { return softplus(x); }
  static Tensor slope(const Tensor& u) { return sigmoid(u); }
  static Tensor squared_slope_integral(const Tensor& u) { return softplus(u) - sigmoid(u); }
};

// x Φ(x) + φ(x); p is the standard normal density φ, with distribution function Φ
struct GaussianSoftplus {
  static constexpr bool is_convex = true, is_non_decreasing = true;
  static constexpr double value_at_zero = 0.5 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  Tensor operator()(const Tensor& x) const { return gaussian_softplus(x); }
  static Tensor squared_slope_integral(const Tensor& u) {
    const Tensor cdf = normal_cdf(u);
    const Tensor overlap = normal_cdf(std::numbers::sqrt2 * u);
    return cdf * (u * cdf + 2.0 * normal_pdf(u)) - std::numbers::inv_sqrtpi * overlap;
  }
};

// max(x, 0) + e^-|x|/2; p is the Laplace density of scale 1
struct LaplaceSoftplus {
  static constexpr bool is_convex = true, is_non_decreasing = true;
  static constexpr double value_at_zero = 0.5;
  Tensor operator()(const Tensor& x) const { return laplace_softplus(x); }
  static Tensor squared_slope_integral(const Tensor& u) {
    // Left of 0 the function equals its own slope. Written so that the derivatives at 0 need no third one of s.
    const Tensor s = laplace_softplus(u);
    return where(less_equal(u, 0.0), 0.5 * square(s), s - 0.5 * square(laplace_cdf(u)) - 0.25);
  }
};

// s(x) - s(0): the same slopes, and 0 at 0. The values may be negative, which does no harm to convexity.
template <Activation A>
struct Offset {
  static constexpr bool is_convex = A::is_convex, is_non_decreasing = A::is_non_decreasing;
  static constexpr double value_at_zero = 0;
  Tensor operator()(const Tensor& x) const { return A()(x) - A::value_at_zero; }
  static Tensor squared_slope_integral(const Tensor& u) requires SquareIntegrableActivation<A> {
    return A::squared_slope_integral(u);
  }
};

// s(x) - x/2: an even function for the softplus of an even density, with slopes in (-1/2, 1/2). Decreasing on the left,
// hence legal in a convex network only where the argument is affine in the input.
template <ConvexActivation A>
struct Symmetrized {
  static constexpr bool is_convex = true, is_non_decreasing = false;
  static constexpr double value_at_zero = A::value_at_zero;
  Tensor operator()(const Tensor& x) const { return A()(x) - 0.5 * x; }
  // (s' - 1/2)² = s'² - s' + 1/4
  static Tensor squared_slope_integral(const Tensor& u) requires SquareIntegrableActivation<A> {
    return A::squared_slope_integral(u) - A()(u) + 0.25 * u;
  }
};

// c s(x) with a positive ratio c, for example Scaled<GaussianSoftplus, std::ratio<2>>.
template <Activation A, class Ratio>
struct Scaled {
  static_assert(Ratio::num > 0 && Ratio::den > 0, "a negative factor would turn convex into concave");
  static constexpr double factor = static_cast<double>(Ratio::num) / static_cast<double>(Ratio::den);
  static constexpr bool is_convex = A::is_convex, is_non_decreasing = A::is_non_decreasing;
  static constexpr double value_at_zero = factor * A::value_at_zero;
  Tensor operator()(const Tensor& x) const { return factor * A()(x); }
  static Tensor squared_slope_integral(const Tensor& u) requires SquareIntegrableActivation<A> {
    return factor * factor * A::squared_slope_integral(u);
  }
};

}  // namespace brenier

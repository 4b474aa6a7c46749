// Activation types: traits, values at zero, stability, and Γ' = s'² for every closed form (paper facts: oracle 1).
#include "models/activations.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/autodiff.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

// The first or second derivative of an elementwise function at every entry of x.
template <class F>
Tensor slope(F f, const Tensor& x) {
  Tape tape;
  const Tensor input = tape.watch(x);
  return grad(sum(f(input)), input).detached();
}
template <class F>
Tensor curvature(F f, const Tensor& x) {
  return slope([&](const Tensor& input) { return grad(sum(f(input)), input); }, x);
}

Tensor sample_points(DType dtype = DType::Float64) { return linspace(-9, 9, 181, dtype); }

using Doubled = Scaled<GaussianSoftplus, std::ratio<2>>;
using SymmetrizedOffset = Symmetrized<Offset<GaussianSoftplus>>;

#define BRENIER_ALL_ACTIVATIONS                                                                                        \
  Identity, Relu, Tanh, Sigmoid, Softplus, GaussianSoftplus, LaplaceSoftplus, Offset<Softplus>, Symmetrized<Softplus>, \
      Symmetrized<LaplaceSoftplus>, SymmetrizedOffset, Doubled

}  // namespace

TEST_CASE_TEMPLATE("the stated value at zero is the value at zero", A, BRENIER_ALL_ACTIVATIONS) {
  CHECK(std::abs(A()(tensor(0.0)).item() - A::value_at_zero) <= rounding_tolerance(DType::Float64, 1));
}

TEST_CASE_TEMPLATE("traits agree with the derivatives", A, BRENIER_ALL_ACTIVATIONS) {
  bool increases = true, bends_up = true;
  const double rounding = rounding_tolerance(DType::Float64, 1);
  for (double value : slope(A(), sample_points()).template to_vector<double>()) increases &= value >= -rounding;
  for (double value : curvature(A(), sample_points()).template to_vector<double>()) bends_up &= value >= -rounding;
  CHECK(increases == A::is_non_decreasing);
  CHECK(bends_up == A::is_convex);
}

TEST_CASE_TEMPLATE("the slope of the closed form is the squared slope of the activation", A, BRENIER_ALL_ACTIVATIONS) {
  const auto closed_form = [](const Tensor& u) { return A::squared_slope_integral(u); };
  const Tensor expected = square(slope(A(), sample_points()));
  // Terms as large as u · Φ(u)² = 9 cancel down to slopes near zero.
  CHECK(mismatch(slope(closed_form, sample_points()), expected, rounding_tolerance(DType::Float64, 18, 8)) == "");
  // And one order further: 2 s' s''.
  const Tensor next = 2.0 * slope(A(), sample_points()) * curvature(A(), sample_points());
  CHECK(mismatch(curvature(closed_form, sample_points()), next, rounding_tolerance(DType::Float64, 18, 16)) == "");
}

TEST_CASE_TEMPLATE("softpluses approach relu on both sides, at any distance and in both precisions", A, Softplus,
                   GaussianSoftplus, LaplaceSoftplus) {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor far = tensor({-1e4, -200.0, -40.0, 40.0, 200.0, 1e4}, dtype);
    CHECK(mismatch(A()(far), relu(far), 1e-17) == "");  // e^-40 is 4e-18
    const auto slopes = slope(A(), far);
    CHECK(mismatch(slopes, slope(Relu(), far), 1e-17) == "");
  }
}

TEST_CASE_TEMPLATE("a symmetrised softplus is even", A, Softplus, GaussianSoftplus, LaplaceSoftplus) {
  const Tensor x = sample_points();
  CHECK(mismatch(Symmetrized<A>()(x), Symmetrized<A>()(-x), rounding_tolerance(DType::Float64, 18)) == "");
}

TEST_CASE("only convex non-decreasing activations may act on convex features") {
  static_assert(ConvexMonotoneActivation<Softplus> && ConvexMonotoneActivation<Relu>);
  static_assert(ConvexMonotoneActivation<Offset<LaplaceSoftplus>> && ConvexMonotoneActivation<Doubled>);
  static_assert(ConvexActivation<Symmetrized<Softplus>> && !ConvexMonotoneActivation<Symmetrized<Softplus>>);
  static_assert(!ConvexActivation<Tanh> && !ConvexActivation<Sigmoid>);
}

// Convex conjugates against closed forms, u** = u, Young's inequality, and derivatives to second order in both modes
// (paper facts: oracle 6).
#include "models/conjugate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "models/gradient_map.h"
#include "models/normalized_icnn.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::mismatch;

namespace {

// ½ xᵀA x + b·x with A = M Mᵀ + I.
struct Quadratic {
  Tensor m, b;

  static Quadratic random(std::int64_t dim, DType dtype = DType::Float64) {
    return {random_normal({3, 0}, {dim, dim}, dtype), random_normal({3, 1}, {dim}, dtype)};
  }
  Tensor matrix() const { return matmul(m, transpose(m)) + eye(m.dim(0), m.dtype()); }
  Tensor operator()(const Tensor& x) const { return sum(x * (0.5 * matmul(x, matrix()) + b), {-1}); }
  // ½ (y - b)ᵀ A⁻¹ (y - b)
  Tensor conjugate(const Tensor& y) const { return 0.5 * sum((y - b) * matmul(y - b, spd_inverse(matrix())), {-1}); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("m", m);
    visit("b", b);
  }
};

// 3 F(x) + ¼|x|², strongly convex.
struct Strong {
  AugmentedIcnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>> network;

  static Strong random(std::int64_t dim) {
    Strong u{decltype(network)::random({5, 0}, dim, 8, 2)};
    u.network.initialize_from(random_normal({5, 9}, {64, dim}));
    return u;
  }
  Tensor operator()(const Tensor& x) const { return 3.0 * network(x) + 0.25 * sum(square(x), {-1}, true); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("network", network, visit);
  }
};

}  // namespace

TEST_CASE("the conjugate of a quadratic is the closed form: value, gradient and Hessian, in both precisions") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const auto u = Quadratic::random(3, dtype);
    const Conjugate<Quadratic> dual{u};
    const Tensor y = random_normal({4, 0}, {6, 3}, dtype);
    const double tolerance = dtype == DType::Float32 ? 1e-4 : 1e-9;
    CHECK(dual(y).shape() == Shape{6});
    CHECK(mismatch(dual(y), u.conjugate(y), tolerance) == "");
    const Tensor inverse = spd_inverse(u.matrix()), expected = matmul(y - u.b, inverse);
    CHECK(mismatch(dual.maximiser(y), expected, tolerance) == "");
    CHECK(mismatch(gradient_map(dual, y), expected, tolerance) == "");
    Tape tape;
    const Tensor input = tape.watch(y);
    CHECK(mismatch(batch_hessian(dual(input), input), broadcast_to(inverse, {6, 3, 3}), tolerance) == "");
  }
}

TEST_CASE("the gradient of the conjugate is the inverse map of a network, and its Hessian the inverse Hessian") {
  const auto u = Strong::random(3);
  const Conjugate<Strong> dual{u};
  const Tensor x = random_normal({6, 0}, {8, 3}), y = gradient_map(u, x);
  CHECK(mismatch(dual.maximiser(y), x, 1e-8) == "");
  CHECK(mismatch(gradient_map(dual, y), x, 1e-8) == "");
  // Young: u(x) + u*(y) ≥ ⟨x, y⟩ with equality where y = ∇u(x).
  CHECK(mismatch(reshape(u(x), {8}) + dual(y), sum(x * y, {-1}), 1e-9) == "");
  const Tensor other = random_normal({6, 1}, {8, 3});
  CHECK(min(reshape(u(other), {8}) + dual(y) - sum(other * y, {-1})).item() > 0);
  const Tensor product =
      matmul(map_jacobian(GradientMap<Strong>{u}, x), map_jacobian(GradientMap<Conjugate<Strong>>{dual}, y));
  CHECK(mismatch(product, broadcast_to(eye(3), {8, 3, 3}), 1e-7) == "");
  const Certificate certificate = certify([&](const Tensor& at) { return dual.maximiser(at); }, y);
  CHECK(certificate.smallest_eigenvalue > 0);
  CHECK(certificate.monotonicity_violations == 0);
}

TEST_CASE("the conjugate of the conjugate is the potential itself") {
  const auto u = Strong::random(2);
  const Conjugate<Conjugate<Strong>> twice{{u, {.inversion = {.gradient_tolerance = 1e-12}}},
                                           {.inversion = {.gradient_tolerance = 1e-8}}};
  const Tensor x = random_normal({7, 0}, {3, 2});
  CHECK(mismatch(twice(x), reshape(u(x), {3}), 1e-8) == "");
}

TEST_CASE("the derivative with respect to a parameter is minus that of the potential at the maximiser") {
  const auto u = Strong::random(2);
  const Tensor y = random_normal({8, 0}, {5, 2});
  Tape tape;
  const auto recorded = tape.watch(u);
  const auto slopes = parameters_of(grad(sum(Conjugate<Strong>{recorded}(y)), recorded));
  const Tensor x = Conjugate<Strong>{u}.maximise(y).solution;
  const auto expected = parameters_of(grad(-sum(recorded(x)), recorded));
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    CAPTURE(slopes[i].name);
    CHECK(mismatch(slopes[i].value, expected[i].value, 1e-8) == "");
  }
}

TEST_CASE("the conjugate and its maximiser pass the gradient checks to second order, in y and in parameters") {
  const auto u = Quadratic::random(2);
  testing::Sampler sampler(11);
  const Tensor y = random_normal({9, 0}, {3, 2});
  const auto with = [&](auto&& f) {
    return testing::Map{
        .path = "conjugate",
        .function =
            [f](const std::vector<Tensor>& in) {
              const Conjugate<Quadratic> dual{{in[1], in[2]}, {.inversion = {.gradient_tolerance = 1e-13}}};
              return std::vector<Tensor>{f(dual, in[0])};
            },
        .arguments = {y, u.m, u.b},
        .active = {0, 1, 2}};
  };
  const auto value = with([](const auto& dual, const Tensor& at) { return dual(at); });
  const auto maximiser = with([](const auto& dual, const Tensor& at) { return dual.maximiser(at); });
  CHECK(testing::check_adjoint(value, sampler) == "");
  CHECK(testing::check_gradients(value, 2, sampler) == "");
  CHECK(testing::check_bundles(value, sampler) == "");
  CHECK(testing::check_gradients(maximiser, 1, sampler) == "");
}

TEST_CASE("a program of the conjugate and its gradient finds the maximisers of the numbers it is run on") {
  const auto u = Strong::random(2);
  const Conjugate<Strong> dual{u};
  const Tensor recorded = random_normal({10, 0}, {4, 2}), other = 2.0 * random_normal({10, 1}, {4, 2});
  Tape tape({.recording_program = true});
  const Tensor y = tape.watch(recorded), value = dual(y);
  const Program program = compile({y}, {value, grad(sum(value), y)});
  for (const Tensor& at : {other, recorded}) {
    const std::vector<Tensor> results = program(std::vector<Tensor>{at});
    CHECK(mismatch(results[0], dual(at), 1e-9) == "");
    CHECK(mismatch(results[1], dual.maximiser(at), 1e-8) == "");
  }
}

TEST_CASE("a potential without parameters is constant, and one whose slopes end has rows without a maximum") {
  const auto u = [](const Tensor& x) { return sum(softplus(x), {-1}); };  // slopes between 0 and 1
  SolveReport report;
  const Conjugate<decltype(u)> dual{
      u, {.inversion = {.max_iterations = 30}, .observe = [&](const SolveReport& r) { report = r; }}};
  const Tensor y = tensor({{0.5, 0.25}, {0.5, 2.0}});
  const std::vector<double> value = dual(y).to_vector<double>();
  // The conjugate of softplus is y ln y + (1 - y) ln(1 - y).
  const auto entropy = [](double p) { return p * std::log(p) + (1 - p) * std::log(1 - p); };
  CHECK(value[0] == doctest::Approx(entropy(0.5) + entropy(0.25)).epsilon(1e-9));
  CHECK(std::isnan(value[1]));
  CHECK_FALSE(report.converged());
  CHECK(report.rows[0].status == SolveStatus::Converged);
  const auto [x, outcome] = dual.maximise(y);
  CHECK(outcome.rows[1].status != SolveStatus::Converged);
  CHECK(std::isfinite(x.at({1, 1})));
  CHECK(testing::lacks(testing::message_of([&] { dual(ones({3})); }), {"[conjugate]", "[3]"}) == "");
}

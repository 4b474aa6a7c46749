// Gradient networks: quadrature against the closed form, DN = DMᵀDM, and the negative control (paper facts: oracle 8).
#include "models/icgn.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

// Weights of size one, so that the integrand is far from constant.
template <class A>
OneLayerIcgn<A> network(DType dtype = DType::Float64, std::int64_t dim = 3, std::int64_t units = 6) {
  auto model = OneLayerIcgn<A>::random({5, 0}, dim, units, dtype);
  model.hidden.affine.weight = 2.0 * model.hidden.affine.weight;
  return model;
}

using TwoLayer = Composed<ActivatedLinear<Tanh>, ActivatedLinear<Tanh>>;

TwoLayer two_layer(std::int64_t dim) {
  return {ActivatedLinear<Tanh>::random({6, 0}, 4, 5), ActivatedLinear<Tanh>::random({6, 1}, dim, 4)};
}

}  // namespace

TEST_CASE_TEMPLATE("Gauss-Legendre quadrature converges to the closed form", A, Sigmoid, Tanh, Softplus,
                   GaussianSoftplus) {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const auto model = network<A>(dtype);
    const Tensor x = random_normal({7, 0}, {9, 3}, dtype);
    const Tensor exact = model(x);
    // The integrand is analytic with poles at distance of order one from [0, 1]: 32 nodes leave rounding only.
    const double rounding = rounding_tolerance(dtype, 4 * testing::max_abs(exact), 40);
    CHECK(mismatch(model.with_rule(gauss_legendre(32, dtype))(x), exact, rounding) == "");
    // The difference of two rules estimates the error of the coarser one.
    const Tensor coarse = model.with_rule(gauss_legendre(4, dtype))(x);
    const Tensor finer = model.with_rule(gauss_legendre(8, dtype))(x);
    const double estimate = testing::max_abs(coarse - finer);
    CHECK(testing::max_abs(coarse - exact) <= 1.1 * estimate + rounding);
  }
}

TEST_CASE("the trapezoid rule approaches the closed form quadratically") {
  const auto model = network<Tanh>();
  const Tensor x = random_normal({8, 0}, {5, 3});
  const Tensor exact = model(x);
  const double coarse = testing::max_abs(model.with_rule(trapezoid(33))(x) - exact);
  const double fine = testing::max_abs(model.with_rule(trapezoid(65))(x) - exact);
  CHECK(coarse / fine == doctest::Approx(4).epsilon(0.02));
}

TEST_CASE("random quadrature agrees with the closed form within five standard errors") {
  const auto model = network<Sigmoid>();
  const Tensor x = random_normal({9, 0}, {1, 3});
  const auto exact = model(x).to_vector<double>();
  const int draws = 400;
  std::vector<double> mean(3), square(3);
  for (int i = 0; i < draws; ++i) {
    const auto rule = uniform_random(10, {10, static_cast<std::uint64_t>(i)});
    const auto value = model.with_rule(rule)(x).to_vector<double>();
    for (std::size_t k = 0; k < 3; ++k) {
      mean[k] += value[k] / draws;
      square[k] += value[k] * value[k] / draws;
    }
  }
  for (std::size_t k = 0; k < 3; ++k) {
    const double standard_error = std::sqrt((square[k] - mean[k] * mean[k]) / draws);
    CHECK(standard_error > 0);
    CHECK(std::abs(mean[k] - exact[k]) < 5 * standard_error);
  }
}

TEST_CASE_TEMPLATE("the Jacobian of N is the Gram matrix of the Jacobian of M", A, Sigmoid, Tanh, Softplus) {
  const auto model = network<A>();
  const Tensor x = random_normal({11, 0}, {6, 3});
  const Tensor inner = map_jacobian(model.hidden, x);  // [6, units, 3]
  const Tensor gram = matmul(transpose(inner), inner);
  const double rounding = rounding_tolerance(DType::Float64, 4 * testing::max_abs(gram), 40);
  CHECK(mismatch(map_jacobian(model, x), gram, rounding) == "");
  CHECK(mismatch(map_jacobian(model.with_rule(gauss_legendre(32)), x), gram, 10 * rounding) == "");
}

TEST_CASE_TEMPLATE("one-layer networks satisfy the PDE and pass the certificate", A, Sigmoid, Tanh, Softplus, Relu) {
  const auto model = network<A>();
  const Tensor x = random_normal({12, 0}, {50, 3});
  CHECK(testing::max_abs(pde_residual(model.hidden, x)) <= rounding_tolerance(DType::Float64, 8, 12));
  const Certificate certificate = certify(model, x);
  CHECK_MESSAGE(certificate.accepts(), certificate.message());
}

TEST_CASE("a two-layer hidden network violates the PDE and its Jacobian is visibly asymmetric") {
  const Tensor x = random_normal({13, 0}, {50, 3});
  const Icgn<TwoLayer> model{two_layer(3), gauss_legendre(32)};
  CHECK(pde_residual(model.hidden, x).shape() == Shape{50});
  CHECK(testing::max_abs(pde_residual(model.hidden, x)) > 1e-3);  // against 1e-14 above
  const Certificate certificate = certify(model, x);
  CHECK(certificate.largest_asymmetry > 1e-3);
  CHECK_FALSE(certificate.accepts());
  // In one dimension every hidden network is allowed.
  const Icgn<TwoLayer> line{two_layer(1), gauss_legendre(32)};
  const Tensor points = random_normal({14, 0}, {20, 1});
  CHECK(testing::max_abs(pde_residual(line.hidden, points)) == 0);
  CHECK(certify(line, points).accepts());
}

TEST_CASE("N vanishes at the origin unless it is given a constant there") {
  auto model = network<Softplus>();
  const Tensor zero = zeros({1, 3});
  CHECK(testing::max_abs(model(zero)) == 0);
  CHECK(testing::max_abs(model.with_rule(gauss_legendre(3))(zero)) == 0);
  CHECK(count_parameters(model) == 24);
  model.origin = tensor({1.0, 2.0, 3.0});
  CHECK(model(zero).to_vector<double>() == std::vector<double>{1, 2, 3});
  CHECK(model.with_rule(gauss_legendre(3))(zero).to_vector<double>() == std::vector<double>{1, 2, 3});
  CHECK(count_parameters(model) == 27);
  CHECK(count_parameters(OneLayerIcgn<Sigmoid>::random({1, 0}, 2, 5)) == 15);
}

TEST_CASE("closed form and quadrature have the same parameter gradient, through two sweeps inside the map") {
  const auto model = network<Sigmoid>();
  const Tensor x = random_normal({15, 0}, {8, 3}), target = random_normal({15, 1}, {8, 3});
  const auto slopes = [&](const auto& map) {
    Tape tape;
    const auto recorded = tape.watch(map);
    return parameters_of(grad(mean(square(recorded(x) - target)), recorded));
  };
  const auto closed = slopes(model), integrated = slopes(model.with_rule(gauss_legendre(32)));
  REQUIRE(closed.size() == integrated.size());
  for (std::size_t i = 0; i < closed.size(); ++i) {
    CHECK(closed[i].name == integrated[i].name);
    const double scale = 1 + testing::max_abs(closed[i].value);
    CHECK(mismatch(integrated[i].value, closed[i].value, rounding_tolerance(DType::Float64, 4 * scale, 60)) == "");
  }
}

TEST_CASE("the PDE residual serves as a penalty: it has a gradient with respect to the hidden network") {
  Tape tape;
  const TwoLayer recorded = tape.watch(two_layer(2));
  const TwoLayer slopes = grad(sum(pde_residual(recorded, random_normal({16, 0}, {10, 2}))), recorded);
  CHECK(testing::max_abs(slopes.inner.affine.weight) > 0);
}

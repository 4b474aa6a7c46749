// Transport between Gaussians: the published closed forms, the equations that define the map, samples, and derivatives.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/autodiff.h"
#include "solvers/gaussian_transport.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// Well conditioned, [..., d, d].
Tensor covariance(Sampler& sampler, const Shape& shape) {
  const Tensor root = sampler.uniform(shape);
  return matmul(root, transpose(root)) + 0.5 * eye(shape[-1]);
}

}  // namespace

TEST_CASE("between commuting covariances the distance is that of their square roots") {
  const Tensor c1 = tensor({{4, 0}, {0, 9}}), c2 = tensor({{1, 0}, {0, 25}}), m1 = zeros({2}), m2 = tensor({3, 4});
  CHECK(bures_wasserstein_squared(m1, c1, m2, c2).item() == doctest::Approx(25 + 1 + 4).epsilon(1e-14));
  CHECK(mismatch(bures_map(m1, c1, m2, c2).matrix, tensor({{0.5, 0}, {0, 5.0 / 3}}), 1e-14) == "");
}

// N((-6, 4), I) to N((2, -3), [[1, 1/2], [1/2, 1]]): the target of the experiments with monotone gradient networks.
TEST_CASE("from a standard covariance the map is the square root of the other") {
  const Tensor m1 = tensor({-6, 4}), m2 = tensor({2, -3}), c = tensor({{1, 0.5}, {0.5, 1}});
  CHECK(bures_wasserstein_squared(m1, eye(2), m2, c).item() == doctest::Approx(113.1363).epsilon(1e-6));
  const double a = (std::sqrt(1.5) + std::sqrt(0.5)) / 2, b = (std::sqrt(1.5) - std::sqrt(0.5)) / 2;
  const AffineMap map = bures_map(m1, eye(2), m2, c);
  CHECK(mismatch(map.matrix, tensor({{a, b}, {b, a}}), 1e-14) == "");
  CHECK(mismatch(map(tensor({{-6, 4}, {-5, 4}})), tensor({{2, -3}, {2 + a, -3 + b}}), 1e-13) == "");
}

TEST_CASE("the map is symmetric, positive, carries one covariance to the other, and costs the distance") {
  Sampler sampler(1);
  const Tensor c1 = covariance(sampler, {3, 4, 4}), c2 = covariance(sampler, {3, 4, 4});
  const Tensor m1 = sampler.uniform({3, 4}), m2 = sampler.uniform({3, 4});
  const Tensor a = bures_map(m1, c1, m2, c2).matrix;
  CHECK(mismatch(a, transpose(a), 1e-12) == "");
  CHECK(mismatch(matmul(matmul(a, c1), a), c2, 1e-11) == "");
  CHECK(min(symmetric_eigen(a).values).item() > 0);
  // E|T(x) - x|² = |m₂ - m₁|² + tr (A - I) C₁ (A - I)
  const Tensor moved = a - eye(4);
  const Tensor cost = sum(square(m2 - m1), {-1}) + sum(matmul(matmul(moved, c1), moved) * eye(4), {-2, -1});
  CHECK(mismatch(bures_wasserstein_squared(m1, c1, m2, c2), cost, 1e-11) == "");
}

TEST_CASE("the distance is symmetric, and zero between equal Gaussians and singular ones too") {
  Sampler sampler(2);
  const Tensor c1 = covariance(sampler, {3, 3}), c2 = covariance(sampler, {3, 3}), m = sampler.uniform({3});
  const double forward = bures_wasserstein_squared(m, c1, -m, c2).item();
  CHECK(bures_wasserstein_squared(-m, c2, m, c1).item() == doctest::Approx(forward).epsilon(1e-13));
  CHECK(std::abs(bures_wasserstein_squared(m, c1, m, c1).item()) < 1e-13);
  const Tensor flat = tensor({{1, 1}, {1, 1}}), point = zeros({2, 2});
  CHECK(bures_wasserstein_squared(zeros({2}), flat, zeros({2}), point).item() == doctest::Approx(2).epsilon(1e-7));
}

TEST_CASE("derivatives of distance and map pass the checks in both modes") {
  Sampler sampler(3);
  const Tensors arguments{sampler.uniform({2}), covariance(sampler, {2, 2}), sampler.uniform({2}),
                          covariance(sampler, {2, 2})};
  const auto distance = [](const Tensors& in) {
    return Tensors{bures_wasserstein_squared(in[0], in[1], in[2], in[3])};
  };
  const auto map = [](const Tensors& in) { return Tensors{bures_map(in[0], in[1], in[2], in[3])(ones({1, 2}))}; };
  CHECK(check_adjoint({"bures_wasserstein_squared", distance, arguments, {0, 1, 2, 3}}, sampler) == "");
  CHECK(check_gradients({"bures_wasserstein_squared", distance, arguments, {0, 1, 2, 3}}, 2, sampler) == "");
  CHECK(check_gradients({"bures_map", map, arguments, {0, 1, 2, 3}}, 1, sampler) == "");
}

TEST_CASE("the Gaussian fit has the moments of its points") {
  const auto [centre, spread] = gaussian_fit(tensor({{1, 2}, {3, 2}, {1, 6}, {3, 6}}));
  CHECK(mismatch(centre, tensor({2, 4}), 1e-15) == "");
  CHECK(mismatch(spread, tensor({{1, 0}, {0, 4}}), 1e-15) == "");
}

TEST_CASE("unexplained variance is 0 for the optimal map and 100 for a constant one") {
  Sampler sampler(4);
  const Tensor x = sampler.uniform({200, 3}), optimal = 2.0 * x;
  const auto [centre, spread] = gaussian_fit(optimal);
  const double variance = sum(spread * eye(3)).item();
  CHECK(l2_uvp(optimal, optimal, variance).item() == 0);
  CHECK(l2_uvp(broadcast_to(centre, {200, 3}), optimal, variance).item() == doctest::Approx(100).epsilon(1e-12));
  CHECK(displacement_cosine(x, optimal, optimal).item() == doctest::Approx(1).epsilon(1e-14));
  CHECK(displacement_cosine(x, zeros({200, 3}), optimal).item() == doctest::Approx(-1).epsilon(1e-14));
}

TEST_CASE("shapes that do not fit are refused") {
  const auto of = [](const Shape& mean, const Shape& spread) {
    return message_of([&] { bures_map(zeros(mean), zeros(spread), zeros({2}), eye(2)); });
  };
  CHECK(lacks(of({3}, {2, 2}), {"[bures_map]", "[3]", "[2, 2]"}) == "");
  CHECK(lacks(of({3}, {3, 3}), {"[bures_map] dimensions differ", "[3]", "[2]"}) == "");
  CHECK(lacks(message_of([] { gaussian_fit(zeros({3})); }), {"[gaussian_fit]", "[3]"}) == "");
  CHECK(lacks(message_of([] { l2_uvp(zeros({3, 2}), zeros({2, 2}), 1); }), {"[l2_uvp]", "[3, 2]", "[2, 2]"}) == "");
  CHECK(lacks(message_of([] { l2_uvp(zeros({3, 2}), zeros({3, 2}), 0); }), {"[l2_uvp]", "positive"}) == "");
}

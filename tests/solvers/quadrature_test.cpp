// Quadrature rules on [0, 1] against the exact integrals of monomials, ∫ s^k ds = 1/(k + 1), and their own promises.
#include "solvers/quadrature.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/str.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::rounding_tolerance;

namespace {

double integrate_monomial(const QuadratureRule& rule, int degree) {
  const auto nodes = rule.nodes.to_vector<double>(), weights = rule.weights.to_vector<double>();
  double result = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) result += weights[i] * std::pow(nodes[i], degree);
  return result;
}

std::vector<QuadratureRule> all_rules(std::int64_t count, DType dtype) {
  const RandomKey key(11, 3);
  return {uniform_random(count, key, dtype), stratified(count, key, dtype), antithetic(count, key, dtype),
          gauss_legendre(count, dtype), trapezoid(count, dtype)};
}

}  // namespace

TEST_CASE("every rule has nodes in [0, 1] and positive weights that sum to one") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (const QuadratureRule& rule : all_rules(10, dtype)) {
      CHECK(rule.nodes.shape() == Shape{10});
      CHECK(rule.nodes.dtype() == dtype);
      CHECK(rule.weights.dtype() == dtype);
      for (double node : rule.nodes.to_vector<double>()) CHECK((node >= 0 && node <= 1));
      for (double weight : rule.weights.to_vector<double>()) CHECK(weight > 0);
      CHECK(std::abs(integrate_monomial(rule, 0) - 1) <= rounding_tolerance(dtype, 1, 10));
    }
  }
}

TEST_CASE("Gauss-Legendre with n nodes is exact for degree 2n - 1 and not for degree 2n") {
  for (int n = 1; n <= 24; ++n) {
    const QuadratureRule rule = gauss_legendre(n);
    for (int degree = 0; degree <= 2 * n - 1; ++degree) {
      CAPTURE(n);
      CAPTURE(degree);
      CHECK(std::abs(integrate_monomial(rule, degree) - 1.0 / (degree + 1)) <=
            rounding_tolerance(DType::Float64, 1, 2 * n));
    }
  }
  // The error term is (n!)^4 / ((2n+1) ((2n)!)^2) for s^(2n): 1/180 at n = 2.
  CHECK(integrate_monomial(gauss_legendre(2), 4) == doctest::Approx(1.0 / 5 - 1.0 / 180).epsilon(1e-14));
}

TEST_CASE("Gauss-Legendre nodes ascend and are symmetric about 1/2") {
  const auto nodes = gauss_legendre(7).nodes.to_vector<double>();
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i) CHECK(nodes[i] < nodes[i + 1]);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    CHECK(std::abs(nodes[i] + nodes[nodes.size() - 1 - i] - 1) <= rounding_tolerance(DType::Float64, 1));
}

TEST_CASE("the trapezoid rule has its textbook error 1/(6 (n-1)^2) for s^2") {
  for (int n : {2, 3, 11}) {
    const double error = integrate_monomial(trapezoid(n), 2) - 1.0 / 3;
    CHECK(error == doctest::Approx(1 / (6.0 * (n - 1) * (n - 1))).epsilon(1e-12));
  }
}

TEST_CASE("the antithetic rule is exact for degree 1 and the stratified one has a node in every interval") {
  const RandomKey key(5, 0);
  CHECK(std::abs(integrate_monomial(antithetic(20, key), 1) - 0.5) <= rounding_tolerance(DType::Float64, 1, 20));
  const auto nodes = stratified(20, key).nodes.to_vector<double>();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    CHECK(nodes[i] >= static_cast<double>(i) / 20);
    CHECK(nodes[i] <= static_cast<double>(i + 1) / 20);
  }
}

TEST_CASE("the random rules are unbiased with the variances theory gives for f(s) = s^2") {
  // Over many draws the mean must lie within five standard errors of 1/3. Var s^2 = 1/5 - 1/9 = 4/45; with n strata of
  // width h the variance of one node is about h^2 s^2 4/12, which averages to h^2/9.
  const int n = 8, draws = 4000;
  double uniform_mean = 0, stratified_mean = 0, stratified_square = 0;
  for (int i = 0; i < draws; ++i) {
    const RandomKey key(77, static_cast<std::uint64_t>(i));
    uniform_mean += integrate_monomial(uniform_random(n, key), 2) / draws;
    const double value = integrate_monomial(stratified(n, key), 2);
    stratified_mean += value / draws;
    stratified_square += (value - 1.0 / 3) * (value - 1.0 / 3) / draws;
  }
  const double uniform_deviation = std::sqrt(4.0 / 45 / n), stratified_deviation = std::sqrt(1.0 / 9 / n) / n;
  CHECK(std::abs(uniform_mean - 1.0 / 3) < 5 * uniform_deviation / std::sqrt(draws));
  CHECK(std::abs(stratified_mean - 1.0 / 3) < 5 * stratified_deviation / std::sqrt(draws));
  CHECK(std::sqrt(stratified_square) < 1.2 * stratified_deviation);
}

TEST_CASE("a rule without nodes is refused with its name") {
  CHECK(lacks(message_of([] { gauss_legendre(0); }), {"[gauss_legendre]", "0"}) == "");
  CHECK(lacks(message_of([] { trapezoid(1); }), {"[trapezoid]", "1"}) == "");
  CHECK(lacks(message_of([] { antithetic(3, {1, 0}); }), {"[antithetic]", "3"}) == "");
  CHECK(lacks(message_of([] { uniform_random(-1, {1, 0}); }), {"[uniform_random]", "-1"}) == "");
  CHECK(lacks(message_of([] { stratified(0, {1, 0}); }), {"[stratified]", "0"}) == "");
}

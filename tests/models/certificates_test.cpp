// Certificates on linear maps x -> x Aᵀ, whose Jacobian is A everywhere, and on maps that only look monotone.
#include "models/certificates.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::rounding_tolerance;

namespace {

struct LinearMap {
  Tensor matrix;
  Tensor operator()(const Tensor& x) const { return matmul(x, transpose(matrix)); }
};

Certificate certificate(const Tensor& matrix) {
  return certify(LinearMap{matrix}, random_normal({1, 0}, {40, matrix.dim(0)}, matrix.dtype()), {2, 0});
}

}  // namespace

TEST_CASE("a symmetric positive definite map is accepted with its smallest eigenvalue") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Certificate c = certificate(tensor({{2.0, 1.0}, {1.0, 2.0}}, dtype));
    CHECK(c.accepts());
    CHECK(std::abs(c.smallest_eigenvalue - 1) <= rounding_tolerance(dtype, 4, 4));
    CHECK(c.largest_asymmetry == 0);
    CHECK(c.points == 40);
    CHECK(c.message().rfind("accepted", 0) == 0);
  }
}

TEST_CASE("an indefinite map is rejected, and some pairs show it without derivatives") {
  const Certificate c = certificate(tensor({{1.0, 2.0}, {2.0, 1.0}}));
  CHECK_FALSE(c.accepts());
  CHECK(std::abs(c.smallest_eigenvalue + 1) <= rounding_tolerance(DType::Float64, 4, 4));
  CHECK(c.monotonicity_violations > 0);
  CHECK(c.monotonicity_violations < c.pairs);
}

TEST_CASE("a monotone map that is no gradient is rejected for its asymmetry alone") {
  // The identity plus a rotation: ‖J - Jᵀ‖/‖J‖ = √8/2.
  const Certificate c = certificate(tensor({{1.0, -1.0}, {1.0, 1.0}}));
  CHECK_FALSE(c.accepts());
  CHECK(c.monotonicity_violations == 0);
  CHECK(c.smallest_eigenvalue == doctest::Approx(1));
  CHECK(c.largest_asymmetry == doctest::Approx(std::sqrt(2.0)).epsilon(1e-14));
}

TEST_CASE("NaN is never accepted and a zero map is") {
  CHECK_FALSE(certificate(full({2, 2}, std::numeric_limits<double>::quiet_NaN())).accepts());
  const Certificate zero = certificate(zeros({2, 2}));
  CHECK(zero.accepts());
  CHECK(zero.largest_asymmetry == 0);
}

TEST_CASE("the convexity gap of a quadratic is t (1 - t) |a - b|^2 / 2") {
  const auto quadratic = [](const Tensor& x) { return 0.5 * sum(square(x), {-1}, true); };
  const Tensor a = tensor({{1.0, 2.0}, {0.0, 0.0}}), b = tensor({{-1.0, 2.0}, {3.0, 4.0}});
  const auto gaps = convexity_gap(quadratic, a, b, 0.25).to_vector<double>();
  CHECK(gaps[0] == doctest::Approx(0.09375 * 4).epsilon(1e-14));
  CHECK(gaps[1] == doctest::Approx(0.09375 * 25).epsilon(1e-14));
  CHECK(monotonicity(LinearMap{eye(2)}, a, b).to_vector<double>() == std::vector<double>{4, 25});
}

TEST_CASE("maps that keep no shape and empty batches are refused") {
  const auto narrow = [](const Tensor& x) { return sum(x, {-1}, true); };
  CHECK(testing::lacks(testing::message_of([&] {
                         certify(narrow, zeros({3, 2}));
                       }),
                       {"[certify]", "[3, 2]", "[3, 1]"}) == "");
  CHECK(testing::lacks(testing::message_of([] {
                         certify(LinearMap{eye(2)}, zeros({0, 2}));
                       }),
                       {"[certify]", "[0, 2]"}) == "");
  CHECK(testing::lacks(testing::message_of([] { asymmetry(zeros({2, 3})); }), {"[asymmetry]", "[2, 3]"}) == "");
}

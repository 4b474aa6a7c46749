// Certificates on linear maps x -> x Aᵀ, whose Jacobian is A everywhere, and on maps that only look monotone.
#include "models/certificates.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/spectrum.h"

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

TEST_CASE("the loop integral of a rotation is twice the area enclosed, and that of a gradient is 0") {
  // Round the square of side 2, x -> (-x_2, x_1) gains 2 · 4, and x -> ∇(x_1⁴ x_2) nothing.
  const Tensor square_loop = tensor({{-1.0, -1.0}, {1.0, -1.0}, {1.0, 1.0}, {-1.0, 1.0}});
  const LinearMap rotation{tensor({{0.0, -1.0}, {1.0, 0.0}})};
  CHECK(loop_integral(rotation, square_loop, gauss_legendre(2)).item() == doctest::Approx(8).epsilon(1e-14));
  CHECK(loop_integral(rotation, flip(square_loop, {0}), gauss_legendre(2)).item() == doctest::Approx(-8));
  const auto gradient = [](const Tensor& x) {
    const Tensor a = slice(x, 1, 0, 1), b = slice(x, 1, 1, 2), cube = a * square(a);
    return concat({4.0 * cube * b, a * cube}, 1);
  };
  CHECK(std::abs(loop_integral(gradient, square_loop, gauss_legendre(3)).item()) < 1e-14);
  CHECK(std::abs(loop_integral(gradient, square_loop + 0.3, gauss_legendre(1)).item()) > 0.1);  // too few nodes
}

namespace {

constexpr std::int64_t kLarge = 400;

// x -> x A with eigenvalues from `lowest` to 3, all but the first from 1 on.
LinearMap with_spectrum(double lowest, DType dtype = DType::Float64) {
  std::vector<double> values = testing::log_uniform(kLarge, 1, 3);
  values.front() = lowest;
  const testing::Spectrum spectrum{tensor(values, {1, kLarge}), random_normal({3, 0}, {1, kLarge})};
  return {cast(reshape(spectrum.dense(), {kLarge, kLarge}), dtype)};
}

KrylovCertificate krylov(const LinearMap& map, const KrylovOptions& options = {}) {
  return certify_by_krylov(map, random_normal({4, 0}, {3, kLarge}, map.matrix.dtype()), options);
}

}  // namespace

TEST_CASE("Ritz values find the ends of a large spectrum from products alone, in both precisions") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const KrylovCertificate good = krylov(with_spectrum(0.5, dtype));
    CHECK_MESSAGE(good.accepts(), good.message());
    CHECK(good.smallest_ritz_value >= 0.5 - rounding_tolerance(dtype, 3, 400));  // never below the spectrum
    CHECK(good.smallest_ritz_value < 0.52);
    CHECK(good.largest_ritz_size == doctest::Approx(3).epsilon(0.02));
    CHECK(good.largest_asymmetry <= good.tolerance);
    CHECK(good.message().rfind("accepted: smallest Ritz value", 0) == 0);
    const KrylovCertificate bad = krylov(with_spectrum(-0.5, dtype));
    CHECK_FALSE(bad.accepts());
    CHECK(bad.smallest_ritz_value == doctest::Approx(-0.5).epsilon(0.04));
    CHECK(bad.monotonicity_violations == 0);  // pairs do not see one direction in 400
  }
}

TEST_CASE("too few steps miss a negative eigenvalue: a Ritz value is an upper bound") {
  CHECK(krylov(with_spectrum(-0.02), {.steps = 1}).accepts());
  CHECK_FALSE(krylov(with_spectrum(-0.02), {.steps = 40}).accepts());
}

TEST_CASE("the estimated asymmetry is that of the Jacobian, up to sampling") {
  const Tensor skew = random_normal({5, 0}, {kLarge, kLarge});
  const LinearMap map{with_spectrum(0.5).matrix + 1e-3 * (skew - transpose(skew))};
  const double exact = asymmetry(reshape(map.matrix, {1, kLarge, kLarge})).item();
  const KrylovCertificate c = krylov(map, {.probes = 20});
  CHECK(c.largest_asymmetry == doctest::Approx(exact).epsilon(0.1));
  CHECK_FALSE(c.accepts());
}

TEST_CASE("the Krylov certificate never accepts NaN, accepts a zero map, and refuses what the other refuses") {
  CHECK_FALSE(krylov({full({kLarge, kLarge}, std::numeric_limits<double>::quiet_NaN())}).accepts());
  CHECK(krylov({zeros({kLarge, kLarge})}).accepts());
  const auto message = [](const auto& map, const Tensor& x, const KrylovOptions& options) {
    return testing::message_of([&] { certify_by_krylov(map, x, options); });
  };
  const auto narrow = [](const Tensor& x) { return sum(x, {-1}, true); };
  CHECK(testing::lacks(message(narrow, zeros({3, 2}), {}), {"[certify]", "[3, 2]", "[3, 1]"}) == "");
  CHECK(testing::lacks(message(LinearMap{eye(2)}, zeros({3, 2}), {.steps = 0}), {"[certify]", "step", "0"}) == "");
  CHECK(testing::lacks(message(LinearMap{eye(2)}, zeros({3, 2}), {.probes = 0}), {"[certify]", "probe", "0"}) == "");
}

// Toy densities: they integrate to one, their samples follow them, and their entropies are what theory says.
#include "experiments/support/toy_densities.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/compare.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

// ∫ f over a rectangle by the trapezoidal rule, for f that vanishes at its border.
template <class Function>
double integral(const Function& f, const Interval& x, const Interval& y, std::int64_t n) {
  const double cell = (x[1] - x[0]) * (y[1] - y[0]) / static_cast<double>((n - 1) * (n - 1));
  return cell * sum(f(grid_points(x, y, n))).item();
}

double bessel(double z) { return std::log(std::cyl_bessel_i(0.0, z)) - z; }

}  // namespace

TEST_CASE("the logarithm of the scaled Bessel function agrees with the standard library") {
  std::vector<double> z{0, 1e-8, 0.1, 0.7, 1, 2, 5, 10, 20, 24.999999, 25, 25.000001, 30, 80, 300, 600};
  const Tensor values = log_scaled_bessel_i0(tensor(z, {static_cast<std::int64_t>(z.size())}));
  for (std::size_t i = 0; i < z.size(); ++i) {
    CAPTURE(z[i]);
    CHECK(values.at({static_cast<std::int64_t>(i)}) == doctest::Approx(bessel(z[i])).epsilon(1e-11));
  }
  // Far out only the leading terms are left.
  const double far = 1e6;
  CHECK(log_scaled_bessel_i0(tensor(far)).item() ==
        doctest::Approx(1 / (8 * far) - 0.5 * std::log(2 * std::acos(-1.0) * far)).epsilon(1e-12));
}

TEST_CASE("toy densities integrate to one") {
  for (const ToyDensity& toy : toy_densities()) {
    CAPTURE(toy.name);
    const bool moon = toy.name == "one moon";
    const Interval x = moon ? Interval{-6, 24} : Interval{-6.2, 6.2}, y = moon ? Interval{-7, 7} : x;
    // The noise of the rings needs a finer grid, and they end at 3.8.
    const Interval inner{-3.8, 3.8};
    const auto density = [&](const Tensor& points) { return exp(toy.log_density(points)); };
    const double whole = toy.name == "rings" ? integral(density, inner, inner, 201) : integral(density, x, y, 201);
    CHECK(whole == doctest::Approx(1).epsilon(1e-9));
  }
}

TEST_CASE("the mean of -ln p over samples is the optimum within four standard errors") {
  for (const ToyDensity& toy : toy_densities()) {
    CAPTURE(toy.name);
    const Tensor loss = -toy.log_density(toy.sample({7, 3}, 20000, DType::Float64));
    const double error = std::sqrt(variance(loss).item() / 20000);
    CHECK(std::abs(mean(loss).item() - toy.optimum) < 4 * error);
    CHECK(error < 0.02);
  }
}

TEST_CASE("the optimum is the entropy -∫ p ln p, by another rule than the one it comes from") {
  for (const ToyDensity& toy : toy_densities()) {
    CAPTURE(toy.name);
    const bool moon = toy.name == "one moon";
    const Interval x = moon ? Interval{-6, 24} : toy.name == "rings" ? Interval{-3.8, 3.8} : Interval{-5.9, 5.9};
    const Interval y = moon ? Interval{-7, 7} : x;
    const auto information = [&](const Tensor& points) {
      const Tensor log_p = toy.log_density(points);
      return -log_p * exp(log_p);
    };
    CHECK(integral(information, x, y, 233) == doctest::Approx(toy.optimum).epsilon(1e-8));
  }
}

TEST_CASE("no function of the point distinguishes samples from the density: means, second moments, |x|") {
  for (const ToyDensity& toy : toy_densities()) {
    CAPTURE(toy.name);
    const bool moon = toy.name == "one moon", fine = toy.name == "rings";
    const Interval x = moon ? Interval{-6, 24} : fine ? Interval{-3.8, 3.8} : Interval{-6.2, 6.2};
    const Interval y = moon ? Interval{-7, 7} : x;
    const Tensor samples = toy.sample({8, 0}, 20000, DType::Float64);
    const auto statistics = [](const Tensor& points) {
      const Tensor a = select(points, -1, 0), b = select(points, -1, 1);
      return std::vector<Tensor>{a, b, square(a), square(b), a * b, sqrt(square(a) + square(b)), less(1.9, a)};
    };
    const std::vector<Tensor> drawn = statistics(samples);
    for (std::size_t k = 0; k < drawn.size(); ++k) {
      CAPTURE(k);
      const double expected = integral(
          [&](const Tensor& points) { return exp(toy.log_density(points)) * statistics(points)[k]; }, x, y, 301);
      const double error = std::sqrt(variance(drawn[k]).item() / 20000);
      CHECK(std::abs(mean(drawn[k]).item() - expected) < 4.5 * error + (k == 6 ? 0.01 : 1e-6));
    }
  }
}

TEST_CASE("the optima are the published closed forms where these are exact, and near them where not") {
  CHECK(one_moon().optimum == doctest::Approx(2.1447298858).epsilon(1e-10));
  // Entropy of one Gaussian and of the choice of eight, as if they did not overlap: an upper bound.
  const double apart = std::log(8.0) + 1 + std::log(2 * std::acos(-1.0)) + 2 * std::log(0.5 / 1.414);
  CHECK(eight_gaussians().optimum < apart);
  CHECK(eight_gaussians().optimum > apart - 0.02);
  // Thin rings: ln 4 + mean ln 2πr + ½ ln(2πe s²).
  CHECK(std::abs(rings().optimum - 2.624) < 0.005);
}

TEST_CASE("samples are determined by the key and of the dtype asked for") {
  for (const ToyDensity& toy : toy_densities()) {
    CAPTURE(toy.name);
    const Tensor a = toy.sample({1, 2}, 50, DType::Float32), b = toy.sample({1, 2}, 50, DType::Float32);
    CHECK(a.shape() == Shape{50, 2});
    CHECK(a.dtype() == DType::Float32);
    CHECK(max(abs(a - b)).item() == 0);
    CHECK(max(abs(a - toy.sample({1, 3}, 50, DType::Float32))).item() > 0);
    CHECK(toy.log_density(a).dtype() == DType::Float32);
    const double gap =
        max(abs(cast(toy.log_density(a), DType::Float64) - toy.log_density(cast(a, DType::Float64)))).item();
    CHECK(gap < 2e-3);  // (|x| - r)²/2s² amplifies rounding of the point by |x|/s²
  }
}

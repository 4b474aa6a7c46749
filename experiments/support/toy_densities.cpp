// Samples come from one draw of normal numbers each; which component a point belongs to is decided by the distribution
// function of one of them, which is uniform.
#include "experiments/support/toy_densities.h"

#include <cmath>
#include <numbers>

namespace brenier::experiments {
namespace {

constexpr double kPi = std::numbers::pi;
const double kLogTwoPi = std::log(2 * kPi);

Tensor column(const Tensor& x, std::int64_t i) { return select(x, -1, i); }

// ln N(z; 0, s²) elementwise.
Tensor normal_log(const Tensor& z, double s = 1) {
  return square(z) * (-0.5 / (s * s)) - (0.5 * kLogTwoPi + std::log(s));
}

// 0 … count-1 with equal probability, from standard normal numbers.
Tensor equal_parts(const Tensor& normal, std::int64_t count) {
  const Tensor part = minimum(static_cast<double>(count) * normal_cdf(normal), static_cast<double>(count) - 0.5);
  return cast(part, DType::Int64);
}

// The entropy -∫ p ln p of a density that vanishes outside a square, by the trapezoidal rule.
double entropy_in_square(const std::function<Tensor(const Tensor&)>& log_density, const Interval& side,
                         std::int64_t n) {
  const Tensor log_p = log_density(grid_points(side, side, n));
  const double step = (side[1] - side[0]) / static_cast<double>(n - 1);
  return -step * step * sum(exp(log_p) * log_p).item();
}

// The same for a density that depends on |x| alone, as one integral along the first axis up to a radius.
double entropy_of_radial(const std::function<Tensor(const Tensor&)>& log_density, double radius, std::int64_t n) {
  const Tensor r = linspace(0, radius, n), log_p = log_density(stack({r, zeros({n})}, -1));
  return -2 * kPi * radius / static_cast<double>(n - 1) * sum(r * exp(log_p) * log_p).item();
}

constexpr double kGaussianScale = 1.414;  // as published, not √2
constexpr double kGaussianRadius = 4 / kGaussianScale, kGaussianDeviation = 0.5 / kGaussianScale;

// [8, 2]
Tensor gaussian_centres(DType dtype) {
  const Tensor angle = arange(8, dtype) * (kPi / 4);
  return kGaussianRadius * stack({cos(angle), sin(angle)}, -1);
}

Tensor sample_gaussians(const RandomKey& key, std::int64_t n, DType dtype) {
  const Tensor normal = random_normal(key, {n, 3}, dtype);
  const Tensor centres = gather(gaussian_centres(dtype), equal_parts(column(normal, 2), 8));
  return centres + kGaussianDeviation * slice(normal, -1, 0, 2);
}

Tensor gaussians_log_density(const Tensor& x) {
  const Tensor offsets = expand_axis(x, -2) - gaussian_centres(x.dtype());  // [n, 8, 2]
  return logsumexp(sum(normal_log(offsets, kGaussianDeviation), {-1}), {-1}) - std::log(8.0);
}

constexpr double kRingDeviation = 0.08;
Tensor ring_radii(DType dtype) { return tensor({0.75, 1.5, 2.25, 3.0}, dtype); }

Tensor sample_rings(const RandomKey& key, std::int64_t n, DType dtype) {
  const Tensor normal = random_normal(key, {n, 4}, dtype);
  const Tensor radius = gather(ring_radii(dtype), equal_parts(column(normal, 2), 4));
  const Tensor angle = 2 * kPi * normal_cdf(column(normal, 3));
  return stack({radius * cos(angle), radius * sin(angle)}, -1) + kRingDeviation * slice(normal, -1, 0, 2);
}

Tensor rings_log_density(const Tensor& x) {
  constexpr double kVariance = kRingDeviation * kRingDeviation;
  const Tensor r = sqrt(sum(square(x), {-1}, true)), radii = ring_radii(x.dtype());  // [n, 1] and [4]
  const Tensor each = square(r - radii) * (-0.5 / kVariance) + log_scaled_bessel_i0(r * radii / kVariance);
  return logsumexp(each, {-1}) - (std::log(4.0) + kLogTwoPi + std::log(kVariance));
}

}  // namespace

Tensor log_scaled_bessel_i0(const Tensor& z) {
  constexpr double kSplit = 25;
  constexpr int kNodes = 24, kTerms = 10;  // nodes in (0, π]; both chosen for the error at the split
  // e^{-z} I₀(z) = Σ w_k e^{z (cos t_k - 1)} with the even nodes of [0, 2π) folded onto [0, π].
  const Tensor t = linspace(0, kPi, kNodes + 1, z.dtype());
  std::vector<double> weights(kNodes + 1, 1.0 / kNodes);
  weights.front() = weights.back() = 0.5 / kNodes;
  const Tensor w = tensor(weights, {kNodes + 1}, z.dtype());
  const Tensor low = expand_axis(minimum(z, kSplit), -1), high = maximum(z, kSplit);
  const Tensor integral = sum(w * exp(low * (cos(t) - 1.0)), {-1});
  // Σ a_k (8z)^{-k}, a_k = a_{k-1} (2k-1)² / k.
  Tensor series = ones_like(high), term = series;
  for (int k = 1; k <= kTerms; ++k) {
    term = term * ((2 * k - 1) * (2 * k - 1) / (8.0 * k)) / high;
    series = series + term;
  }
  return where(less(z, kSplit), log(integral), log(series) - 0.5 * log(2 * kPi * high));
}

ToyDensity one_moon() {
  return {.name = "one moon",
          .sample =
              [](const RandomKey& key, std::int64_t n, DType dtype) {
                const Tensor normal = random_normal(key, {n, 2}, dtype), y = column(normal, 1);
                return stack({0.5 * (column(normal, 0) + square(y)) - 2.0, y}, -1);
              },
          .log_density =
              [](const Tensor& x) {
                const Tensor y = column(x, 1);
                return normal_log(y) + normal_log(2.0 * (column(x, 0) + 2.0) - square(y)) + std::numbers::ln2;
              },
          .optimum = 1 + kLogTwoPi - std::numbers::ln2};
}

ToyDensity eight_gaussians() {
  constexpr double kReach = kGaussianRadius + 9 * kGaussianDeviation;
  return {.name = "eight Gaussians",
          .sample = sample_gaussians,
          .log_density = gaussians_log_density,
          .optimum = entropy_in_square(gaussians_log_density, {-kReach, kReach}, 121)};
}

ToyDensity rings() {
  return {.name = "rings",
          .sample = sample_rings,
          .log_density = rings_log_density,
          .optimum = entropy_of_radial(rings_log_density, 3 + 9 * kRingDeviation, 401)};
}

std::vector<ToyDensity> toy_densities() { return {one_moon(), eight_gaussians(), rings()}; }

}  // namespace brenier::experiments

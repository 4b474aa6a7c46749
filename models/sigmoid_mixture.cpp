// Newton's method with a bracket. Reference: Press et al., Numerical Recipes, 3rd ed. (2007), section 9.4.
#include "models/sigmoid_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace brenier {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kLargestLogOdds = 36;  // beyond, 1 - P is less than a rounding error of 1

double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// ln of (σ(z) - δ/2) / (σ(-z) - δ/2): the log-odds without the floor. Infinite where the floor leaves nothing.
double without_floor(double z) {
  const double tail = 1 / (1 + std::exp(std::abs(z)));
  const double rest = tail - kSigmoidFloor / 2;
  const double size = rest > 0 ? std::log((1 - tail - kSigmoidFloor / 2) / rest) : HUGE_VAL;
  return std::copysign(size, z);
}

}  // namespace

SigmoidMixture::SigmoidMixture(std::span<const double> parameters)
    : slopes_(parameters.size() / 3), shifts_(slopes_.size()), weights_(slopes_.size()) {
  const std::size_t count = slopes_.size();
  const auto raw_weights = parameters.subspan(2 * count);
  const double largest = *std::max_element(raw_weights.begin(), raw_weights.end());
  double total = 0;
  for (std::size_t k = 0; k < count; ++k) {
    slopes_[k] = softplus_of(parameters[k]) + kSigmoidFloor;
    shifts_[k] = parameters[count + k];
    total += weights_[k] = std::exp(raw_weights[k] - largest);
  }
  for (double& weight : weights_) weight /= total;
}

SigmoidMixture::Mixed SigmoidMixture::mixed(double x) const {
  Mixed sum{0, 0, 0};
  for (std::size_t k = 0; k < slopes_.size(); ++k) {
    const double u = slopes_[k] * x + shifts_[k];
    const double e = std::exp(-std::abs(u)), near = 1 / (1 + e), far = e / (1 + e);
    sum.p += weights_[k] * (u < 0 ? far : near);
    sum.q += weights_[k] * (u < 0 ? near : far);
    sum.slope += weights_[k] * slopes_[k] * near * far;
  }
  return sum;
}

SigmoidMixture::LogOdds SigmoidMixture::log_odds(double x) const {
  const auto [p, q, slope] = mixed(x);
  return {std::log(p) - std::log(q), slope * (1 / p + 1 / q)};
}

double SigmoidMixture::image(double x) const {
  const auto [p, q, slope] = mixed(x);
  const double floor = kSigmoidFloor / 2;
  return std::log((1 - kSigmoidFloor) * p + floor) - std::log((1 - kSigmoidFloor) * q + floor);
}

SigmoidMixture::Root SigmoidMixture::root_of(double t, std::int64_t max_iterations) const {
  double low = HUGE_VAL, high = -HUGE_VAL, slope = 0, shift = 0;
  for (std::size_t k = 0; k < slopes_.size(); ++k) {
    const double alone = (t - shifts_[k]) / slopes_[k];  // the root if there were this sigmoid only
    low = std::min(low, alone);
    high = std::max(high, alone);
    slope += weights_[k] * slopes_[k];
    shift += weights_[k] * shifts_[k];
  }
  double x = std::clamp((t - shift) / slope, low, high), last_step = high - low;
  for (std::int64_t i = 1; i <= max_iterations; ++i) {
    const LogOdds at = log_odds(x);
    const double gap = at.value - t;
    if (std::abs(gap) <= 4 * kEpsilon * (1 + std::abs(t))) return {x, i, SolveStatus::Converged};
    (gap < 0 ? low : high) = x;
    const double newton = -gap / at.slope, middle = low + (high - low) / 2;
    const bool is_good = std::abs(newton) <= last_step / 2 && x + newton > low && x + newton < high;
    const double next = is_good ? x + newton : middle;
    last_step = std::abs(next - x);
    if (last_step <= kEpsilon * std::abs(x) || middle == low || middle == high)
      return {next, i, SolveStatus::Converged};
    x = next;
  }
  return {x, max_iterations, SolveStatus::IterationLimit};
}

SigmoidMixture::Root SigmoidMixture::solve(double z, std::int64_t max_iterations) const {
  const auto all_finite = [](const std::vector<double>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](double number) { return std::isfinite(number); });
  };
  if (!std::isfinite(z) || !all_finite(slopes_) || !all_finite(shifts_) || !all_finite(weights_))
    return {std::nan(""), 0, SolveStatus::NotFinite};
  const double t = without_floor(z);
  Root root = root_of(std::clamp(t, -kLargestLogOdds, kLargestLogOdds), max_iterations);
  if (std::isinf(t)) root.status = SolveStatus::Stagnated;
  return root;
}

}  // namespace brenier

// See models/signal_propagation.h.
#include "models/signal_propagation.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/quadrature.h"

namespace brenier {
namespace {

constexpr int kCoefficients = 33;
constexpr double kRange = 10;        // beyond it the normal density is below 1e-22
constexpr std::int64_t kNodes = 96;  // on either side of 0

// Nodes and weights of E f(a), a ~ N(0, 1).
QuadratureRule normal_rule() {
  const QuadratureRule half = gauss_legendre(kNodes);
  const Tensor right = kRange * half.nodes, nodes = concat({-right, right}, 0);
  return {nodes, kRange * concat({half.weights, half.weights}, 0) * normal_pdf(nodes)};
}

// The log-normal shape exp(σ g) of a row that has `ratio` = Σw²/(Σw)², by bisection: it grows with σ from 1/n to 1.
double shape_for(const std::vector<double>& normals, double ratio) {
  const double top = *std::max_element(normals.begin(), normals.end());
  double low = 0, high = 1000;
  for (int step = 0; step < 60; ++step) {
    const double sigma = 0.5 * (low + high);
    double sum = 0, squares = 0;
    for (const double g : normals) {
      const double w = std::exp(sigma * (g - top));
      sum += w;
      squares += w * w;
    }
    (squares < ratio * sum * sum ? low : high) = sigma;
  }
  return 0.5 * (low + high);
}

}  // namespace

HermiteSeries hermite_series(const std::function<Tensor(const Tensor&)>& activation) {
  const QuadratureRule rule = normal_rule();
  const Tensor values = activation(rule.nodes);
  HermiteSeries series;
  // The polynomials He_k / √k! at the nodes, by their recurrence.
  Tensor previous = zeros_like(rule.nodes), current = ones_like(rule.nodes);
  for (int k = 0; k < kCoefficients; ++k) {
    series.coefficients.push_back(dot(rule.weights * values, current).item());
    const Tensor next = (rule.nodes * current - std::sqrt(static_cast<double>(k)) * previous) / std::sqrt(k + 1.0);
    previous = current;
    current = next;
  }
  series.variance = dot(rule.weights, square(values - series.mean())).item();
  return series;
}

double cosine_moment(std::int64_t dim, int k) {
  if (k % 2 == 1) return 0;
  double moment = 1;
  for (int i = 0; i < k / 2; ++i) moment *= (2.0 * i + 1) / (static_cast<double>(dim) + 2.0 * i);
  return moment;
}

double unit_covariance(const HermiteSeries& a, const HermiteSeries& b, double correlation, double share,
                       std::int64_t dim) {
  double sum = 0;
  for (int k = 1; k < kCoefficients; ++k) {
    double power = 0, binomial = 1;  // E (c + s t)ᵏ
    for (int m = 0; m <= k; ++m) {
      power += binomial * std::pow(correlation, k - m) * std::pow(share, m) * cosine_moment(dim, m);
      binomial *= static_cast<double>(k - m) / (m + 1);
    }
    sum += a.coefficients[static_cast<std::size_t>(k)] * b.coefficients[static_cast<std::size_t>(k)] * power;
  }
  return sum;
}

void FeatureStatistics::add_fresh(const HermiteSeries& activation, std::int64_t count) {
  groups_.push_back({activation, count, 1});
  for (std::vector<double>& row : correlation_) row.push_back(0);
  correlation_.emplace_back(groups_.size(), 0.0);
}

void FeatureStatistics::add_layer(const HermiteSeries& activation, std::int64_t count, const RowLaw& law,
                                  bool replace) {
  // Cov(φ(a), b) = E φ' corr(a, b) for normal a and b; directions have no correlation on average.
  std::vector<double> with(groups_.size(), 0.0);
  for (std::size_t h = 0; h < groups_.size(); ++h) {
    for (std::size_t g = 0; g < groups_.size(); ++g)
      with[h] += static_cast<double>(groups_[g].count) * groups_[g].activation.slope() * correlation_[g][h];
    with[h] += groups_[h].activation.slope() * (1 - correlation_[h][h]);
    with[h] *= law.row_sum / static_cast<double>(this->count());
  }
  if (replace) {
    groups_.clear();
    correlation_.clear();
    with.clear();
  }
  for (std::size_t h = 0; h < with.size(); ++h) correlation_[h].push_back(with[h]);
  with.push_back(law.shared);
  correlation_.push_back(with);
  groups_.push_back({activation, count, 1 - law.variance});
}

std::int64_t FeatureStatistics::count() const {
  std::int64_t total = 0;
  for (const Group& group : groups_) total += group.count;
  return total;
}

double FeatureStatistics::mean_variance() const {
  double sum = 0;
  for (const Group& group : groups_) sum += static_cast<double>(group.count) * group.activation.variance;
  return sum / static_cast<double>(count());
}

double FeatureStatistics::mean_over_pairs(const std::function<double(std::size_t, std::size_t)>& covariance_of) const {
  double sum = 0, pairs = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t h = 0; h < groups_.size(); ++h) {
      const double here =
          static_cast<double>(groups_[g].count) * static_cast<double>(groups_[h].count - (g == h ? 1 : 0));
      if (here > 0) sum += here * covariance_of(g, h);
      pairs += here;
    }
  return pairs > 0 ? sum / pairs : 0;
}

double FeatureStatistics::covariance(std::size_t g, std::size_t h) const {
  const double share = std::sqrt(groups_[g].share * groups_[h].share);
  return unit_covariance(groups_[g].activation, groups_[h].activation, correlation_[g][h], share, dim_);
}

RowLaw FeatureStatistics::law(double row_sum, double inputs) const {
  const double n = static_cast<double>(count()), r2 = row_sum * row_sum, s = r2 / std::min(inputs, n);
  const double pairs = mean_over_pairs([this](std::size_t g, std::size_t h) { return covariance(g, h); });
  return {row_sum, s, s * mean_variance() + (r2 - s) * pairs, r2 * (mean_variance() / n + (1 - 1 / n) * pairs)};
}

RowLaw FeatureStatistics::fixed_point(double correlation) const {
  const double n = static_cast<double>(count());
  const double pairs = mean_over_pairs([&](std::size_t g, std::size_t h) {
    return unit_covariance(groups_[g].activation, groups_[h].activation, correlation, 0, dim_);
  });
  // Independent weights of mean μ and variance σ²: n σ² V = 1 - c and μ² n² (V/n + (1 - 1/n) C) = c.
  const double r2 = correlation / (mean_variance() / n + (1 - 1 / n) * pairs);
  const double s = (1 - correlation) / (n * mean_variance()) * n + r2 / n;
  return {std::sqrt(r2), std::clamp(s, r2 / n, r2), 1, correlation};
}

std::vector<double> FeatureStatistics::means() const {
  std::vector<double> result;
  for (const Group& group : groups_)
    result.insert(result.end(), static_cast<std::size_t>(group.count), group.activation.mean());
  return result;
}

Tensor draw_positive_rows(const RandomKey& key, std::int64_t in, std::int64_t out, const RowLaw& law, DType dtype) {
  const double ratio = law.row_squares / (law.row_sum * law.row_sum);
  std::vector<double> weights = random_normal(key, {out, in}).to_vector<double>();
  const auto n = static_cast<std::size_t>(in);
  for (std::size_t row = 0; row < weights.size(); row += n) {
    const auto begin = weights.begin() + static_cast<std::ptrdiff_t>(row);
    std::vector<double> w(begin, begin + in);
    const double sigma = shape_for(w, ratio), top = *std::max_element(w.begin(), w.end());
    double sum = 0;
    for (double& g : w) sum += g = std::exp(sigma * (g - top));
    std::transform(w.begin(), w.end(), begin, [&](double value) { return value * law.row_sum / sum; });
  }
  return tensor(weights, {out, in}, dtype);
}

Tensor draw_directions(const RandomKey& key, std::int64_t in, std::int64_t out, double share, DType dtype) {
  const Tensor normals = random_normal(key, {out, in});
  return cast(std::sqrt(share) * normals / sqrt(sum(square(normals), {-1}, true)), dtype);
}

}  // namespace brenier

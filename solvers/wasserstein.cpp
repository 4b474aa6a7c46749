// Distances by sorting. The quantile functions of two samples are constant on n + m - 1 common steps; which numbers meet
// on a step is decided on the host, from sizes, or with weights from the order of the samples, and the rest is gathering,
// a power of differences, and a sum with the widths of the steps: operations, hence differentiable.
#include "solvers/wasserstein.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "engine/str.h"
#include "solvers/assignment.h"

namespace brenier {
namespace {

void check_power(const char* op, double p) {
  if (!(p >= 1) || !std::isfinite(p)) throw std::invalid_argument(str("[", op, "] needs p >= 1, got ", p));
}

Tensor power_of_distance(const Tensor& difference, double p) {
  if (p == 2) return square(difference);
  return p == 1 ? abs(difference) : pow(abs(difference), p);
}

// Steps on which both quantile functions are constant: which number of each, and the width. Exactly n + m - 1 steps.
struct QuantileSteps {
  std::vector<std::int64_t> a, b;
  std::vector<double> widths;
};

// Masses in the order of the quantiles, each list summing to 1.
void merge_quantiles(const std::vector<double>& a, const std::vector<double>& b, QuantileSteps& steps) {
  std::size_t i = 0, j = 0;
  double left_a = a[0], left_b = b[0];
  for (std::size_t k = 0; k + 1 < a.size() + b.size(); ++k) {
    const double width = std::min(left_a, left_b);
    steps.a.push_back(static_cast<std::int64_t>(i));
    steps.b.push_back(static_cast<std::int64_t>(j));
    steps.widths.push_back(width);
    left_a -= width, left_b -= width;
    // At the end of one list what rounding left of its mass goes with the rest of the other.
    if (j + 1 == b.size() || (i + 1 < a.size() && left_a <= left_b))
      left_a = i + 1 < a.size() ? a[++i] : left_a;
    else
      left_b = b[++j];
  }
}

std::vector<double> masses_of(const char* which, const Tensor& weights, std::int64_t n) {
  if (!weights.defined()) return std::vector<double>(static_cast<std::size_t>(n), 1 / static_cast<double>(n));
  if (weights.shape() != Shape{n} || !weights.is_floating() || weights.recorded())
    throw std::invalid_argument(str("[wasserstein_1d] the weights of ", which, " must be constant numbers [", n,
                                    "], got ", weights.recorded() ? "recorded " : "", weights.dtype(), " ",
                                    weights.shape()));
  std::vector<double> masses = weights.to_vector<double>();
  double total = 0;
  for (double mass : masses) {
    if (!(mass >= 0)) throw std::invalid_argument(str("[wasserstein_1d] a weight of ", which, " is ", mass));
    total += mass;
  }
  if (!(total > 0) || !std::isfinite(total))
    throw std::invalid_argument(str("[wasserstein_1d] the weights of ", which, " sum to ", total));
  for (double& mass : masses) mass /= total;
  return masses;
}

Tensor widths_tensor(const QuantileSteps& steps, const Shape& shape, DType dtype) {
  return tensor(std::span<const double>(steps.widths), shape, dtype);
}

// Other numbers of points, equal weights: the steps depend on the numbers alone.
Tensor with_equal_weights(const Tensor& a, const Tensor& b, double p) {
  QuantileSteps steps;
  merge_quantiles(masses_of("a", {}, a.dim(-1)), masses_of("b", {}, b.dim(-1)), steps);
  const auto count = static_cast<std::int64_t>(steps.widths.size());
  const Tensor from_a = gather(sort(a), index_tensor(steps.a, {count}), -1);
  const Tensor from_b = gather(sort(b), index_tensor(steps.b, {count}), -1);
  return sum(power_of_distance(from_a - from_b, p) * widths_tensor(steps, {count}, a.dtype()), {-1});
}

// The masses of one row in its order, and where its positions begin among those of all rows.
std::vector<double> sorted_masses(const std::vector<double>& masses, const std::int64_t* order) {
  std::vector<double> sorted;
  for (std::size_t i = 0; i < masses.size(); ++i) sorted.push_back(masses[static_cast<std::size_t>(order[i])]);
  return sorted;
}

// Rows a [rows, n], b [rows, m], each with its own order.
Tensor with_weights(const Tensor& a, const Tensor& b, double p, const Tensor& a_weights, const Tensor& b_weights) {
  const auto n = static_cast<std::size_t>(a.dim(1)), m = static_cast<std::size_t>(b.dim(1));
  const std::vector<double> a_masses = masses_of("a", a_weights, a.dim(1)),
                            b_masses = masses_of("b", b_weights, b.dim(1));
  const std::vector<std::int64_t> a_order = argsort(a.detached()).to_vector<std::int64_t>();
  const std::vector<std::int64_t> b_order = argsort(b.detached()).to_vector<std::int64_t>();
  QuantileSteps steps;
  for (std::size_t row = 0; row < static_cast<std::size_t>(a.dim(0)); ++row) {
    const std::int64_t *a_row = a_order.data() + row * n, *b_row = b_order.data() + row * m;
    const std::size_t begin = steps.a.size();
    merge_quantiles(sorted_masses(a_masses, a_row), sorted_masses(b_masses, b_row), steps);
    for (std::size_t k = begin; k < steps.a.size(); ++k) {
      steps.a[k] = a_row[steps.a[k]];
      steps.b[k] = b_row[steps.b[k]];
    }
  }
  const Shape shape{a.dim(0), a.dim(1) + b.dim(1) - 1};
  const Tensor from_a = take_along_axis(a, index_tensor(steps.a, shape), -1);
  const Tensor from_b = take_along_axis(b, index_tensor(steps.b, shape), -1);
  return sum(power_of_distance(from_a - from_b, p) * widths_tensor(steps, shape, a.dtype()), {-1});
}

void check_samples(const Tensor& a, const Tensor& b) {
  const bool fit = a.defined() && b.defined() && a.rank() >= 1 && a.rank() == b.rank() && a.dim(-1) > 0 &&
                   b.dim(-1) > 0 && a.shape().part(0, a.rank() - 1) == b.shape().part(0, b.rank() - 1);
  if (!fit)
    throw std::invalid_argument(
        str("[wasserstein_1d] expects samples [..., n] and [..., m], got ", a.shape(), " and ", b.shape()));
  if (a.dtype() != b.dtype() || !a.is_floating())
    throw std::invalid_argument(
        str("[wasserstein_1d] dtypes differ or are not floating: ", a.dtype(), " and ", b.dtype()));
}

void check_clouds(const char* op, const Tensor& x, const Tensor& y) {
  if (!x.defined() || !y.defined() || x.rank() != 2 || y.rank() != 2 || x.dim(1) != y.dim(1) || x.dim(0) == 0 ||
      y.dim(0) == 0)
    throw std::invalid_argument(
        str("[", op, "] expects points [n, d] and [m, d], got ", x.shape(), " and ", y.shape()));
}

}  // namespace

double wasserstein_exact(const Tensor& x, const Tensor& y, double p) {
  check_power("wasserstein_exact", p);
  check_clouds("wasserstein_exact", x, y);
  if (x.dim(0) != y.dim(0))
    throw std::invalid_argument(
        str("[wasserstein_exact] needs equally many points, got ", x.shape(), " and ", y.shape()));
  const Tensor points = cast(x.detached(), DType::Float64), others = cast(y.detached(), DType::Float64);
  const Tensor centre = mean(points, {0}), from = points - centre, to = others - centre;
  const Tensor squares = sum(square(from), {1}, true) + sum(square(to), {1}) - 2.0 * matmul(from, transpose(to));
  const std::vector<std::int64_t> columns = optimal_assignment(pow(maximum(squares, 0.0), p / 2));
  // The chosen distances from differences, free of the cancellation above.
  const Tensor assigned = gather(others, index_tensor(columns, {x.dim(0)}), 0);
  const Tensor distances = sqrt(sum(square(points - assigned), {1}));
  return std::pow(mean(pow(distances, p)).item(), 1 / p);
}

Tensor wasserstein_1d(const Tensor& a, const Tensor& b, double p, const Tensor& a_weights, const Tensor& b_weights) {
  check_power("wasserstein_1d", p);
  check_samples(a, b);
  if (!a_weights.defined() && !b_weights.defined()) {
    if (a.dim(-1) != b.dim(-1)) return with_equal_weights(a, b, p);
    return mean(power_of_distance(sort(a) - sort(b), p), {-1});
  }
  const Tensor rows = with_weights(reshape(a, {-1, a.dim(-1)}), reshape(b, {-1, b.dim(-1)}), p, a_weights, b_weights);
  return reshape(rows, a.shape().part(0, a.rank() - 1));
}

Tensor sliced_wasserstein(const Tensor& x, const Tensor& y, const Tensor& directions, double p, const Tensor& x_weights,
                          const Tensor& y_weights) {
  check_clouds("sliced_wasserstein", x, y);
  if (!directions.defined() || directions.rank() != 2 || directions.dim(1) != x.dim(1) || directions.dim(0) == 0)
    throw std::invalid_argument(
        str("[sliced_wasserstein] expects directions [k, ", x.dim(1), "], got ", directions.shape()));
  return mean(
      wasserstein_1d(matmul(directions, transpose(x)), matmul(directions, transpose(y)), p, x_weights, y_weights));
}

Tensor random_directions(const RandomKey& key, std::int64_t k, std::int64_t d, DType dtype) {
  const Tensor normal = random_normal(key, {k, d}, dtype);
  return normal / sqrt(sum(square(normal), {1}, true));
}

}  // namespace brenier

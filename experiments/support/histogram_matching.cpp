#include "experiments/support/histogram_matching.h"

#include <algorithm>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::experiments {
namespace {

std::vector<double> sorted_column(const Tensor& points, std::int64_t column) {
  std::vector<double> values = slice(points, 1, column, column + 1).to_vector<double>();
  std::sort(values.begin(), values.end());
  return values;
}

// The value below which the fraction p of the sorted values lies.
double quantile(const std::vector<double>& sorted, double p) {
  const double position = p * static_cast<double>(sorted.size()) - 0.5;
  const double clamped = std::clamp(position, 0.0, static_cast<double>(sorted.size() - 1));
  const auto below = static_cast<std::size_t>(clamped);
  const double above = sorted[std::min(below + 1, sorted.size() - 1)];
  return sorted[below] + (clamped - static_cast<double>(below)) * (above - sorted[below]);
}

double interpolated(const std::vector<double>& from, const std::vector<double>& to, double x) {
  const auto after = std::upper_bound(from.begin(), from.end(), x) - from.begin();
  if (after == 0) return to.front();
  if (after == std::ssize(from)) return to.back();
  const auto i = static_cast<std::size_t>(after) - 1;
  return to[i] + (x - from[i]) / (from[i + 1] - from[i]) * (to[i + 1] - to[i]);
}

}  // namespace

HistogramMatching::HistogramMatching(const Tensor& source, const Tensor& target) {
  if (source.rank() != 2 || target.rank() != 2 || source.dim(1) != target.dim(1) || source.size() == 0 ||
      target.size() == 0)
    throw std::invalid_argument(
        str("[HistogramMatching] rows of equal length, got shapes ", source.shape(), " and ", target.shape()));
  for (std::int64_t channel = 0; channel < source.dim(1); ++channel) {
    const std::vector<double> a = sorted_column(source, channel), b = sorted_column(target, channel);
    Column column;
    // Equal values share the middle of their ranks.
    for (std::size_t begin = 0, end = 0; begin < a.size(); begin = end) {
      while (end < a.size() && a[end] == a[begin]) ++end;
      column.from.push_back(a[begin]);
      column.to.push_back(quantile(b, 0.5 * static_cast<double>(begin + end) / static_cast<double>(a.size())));
    }
    columns_.push_back(std::move(column));
  }
}

Tensor HistogramMatching::operator()(const Tensor& x) const {
  const auto channels = columns_.size();
  if (x.rank() != 2 || x.dim(1) != static_cast<std::int64_t>(channels))
    throw std::invalid_argument(str("[HistogramMatching] rows of ", channels, " channels, got shape ", x.shape()));
  std::vector<double> values = x.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = interpolated(columns_[i % channels].from, columns_[i % channels].to, values[i]);
  return tensor(values, x.shape(), x.dtype());
}

}  // namespace brenier::experiments

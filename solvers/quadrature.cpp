// The Legendre polynomials are evaluated by their three-term recurrence, and their zeros found by Newton's method from
// Tricomi's estimate cos(π (i + 3/4) / (n + 1/2)), which is close enough for quadratic convergence from the first step
// (Davis & Rabinowitz 1984, section 2.7).
#include "solvers/quadrature.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "engine/str.h"

namespace brenier {
namespace {

void require_count(const char* name, bool valid, std::int64_t count, const char* hint) {
  if (!valid) throw std::invalid_argument(str("[", name, "] cannot make a rule of ", count, " nodes; ", hint));
}

Tensor equal_weights(std::int64_t count, DType dtype) { return full({count}, 1.0 / static_cast<double>(count), dtype); }

struct LegendreValue {
  double value;
  double slope;
};

// P_n and its derivative at -1 < x < 1, by k P_k = (2k - 1) x P_{k-1} - (k - 1) P_{k-2}.
LegendreValue legendre(std::int64_t n, double x) {
  double previous = 1, current = x;
  for (std::int64_t k = 2; k <= n; ++k) {
    const auto degree = static_cast<double>(k);
    const double next = ((2 * degree - 1) * x * current - (degree - 1) * previous) / degree;
    previous = current;
    current = next;
  }
  return {current, static_cast<double>(n) * (previous - x * current) / (1 - x * x)};
}

double legendre_zero(std::int64_t n, std::int64_t i) {
  double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (static_cast<double>(n) + 0.5));
  for (int step = 0; step < 20; ++step) {
    const LegendreValue p = legendre(n, x);
    const double correction = p.value / p.slope;
    x -= correction;
    if (std::abs(correction) < 1e-15) break;
  }
  return x;
}

}  // namespace

QuadratureRule uniform_random(std::int64_t count, const RandomKey& key, DType dtype) {
  require_count("uniform_random", count >= 1, count, "at least one is needed");
  return {random_uniform(key, {count}, dtype), equal_weights(count, dtype)};
}

QuadratureRule stratified(std::int64_t count, const RandomKey& key, DType dtype) {
  require_count("stratified", count >= 1, count, "at least one is needed");
  const Tensor nodes = (arange(count, dtype) + random_uniform(key, {count}, dtype)) / static_cast<double>(count);
  return {nodes, equal_weights(count, dtype)};
}

QuadratureRule antithetic(std::int64_t count, const RandomKey& key, DType dtype) {
  require_count("antithetic", count >= 2 && count % 2 == 0, count, "nodes come in pairs");
  const Tensor half = random_uniform(key, {count / 2}, dtype);
  return {concat({half, 1.0 - half}, 0), equal_weights(count, dtype)};
}

QuadratureRule gauss_legendre(std::int64_t count, DType dtype) {
  require_count("gauss_legendre", count >= 1, count, "at least one is needed");
  std::vector<double> nodes(static_cast<std::size_t>(count)), weights(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const double x = legendre_zero(count, i);
    const double slope = legendre(count, x).slope;
    // From [-1, 1], where the zeros run from the largest down, to [0, 1] in ascending order.
    nodes[static_cast<std::size_t>(count - 1 - i)] = 0.5 * (1 + x);
    weights[static_cast<std::size_t>(count - 1 - i)] = 1 / ((1 - x * x) * slope * slope);
  }
  return {tensor(nodes, {count}, dtype), tensor(weights, {count}, dtype)};
}

QuadratureRule trapezoid(std::int64_t count, DType dtype) {
  require_count("trapezoid", count >= 2, count, "both ends are nodes");
  const double spacing = 1.0 / static_cast<double>(count - 1);
  std::vector<double> weights(static_cast<std::size_t>(count), spacing);
  weights.front() = weights.back() = 0.5 * spacing;
  return {linspace(0, 1, count, dtype), tensor(weights, {count}, dtype)};
}

}  // namespace brenier

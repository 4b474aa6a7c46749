#include <cmath>

#include "engine/ops.h"
#include "tests/support/more_garbow_hillstrom.h"

namespace brenier::testing {
namespace {

using Values = std::vector<double>;

Tensor count_to(std::int64_t n) { return arange(n) + 1.0; }
Tensor total(const Tensor& x) { return sum(x, {-1}, true); }  // [rows, n] -> [rows, 1]
Tensor join(const std::vector<Tensor>& columns) { return concat(columns, -1); }

Values from_formula(int n, const std::function<double(double j)>& start) {
  Values values;
  for (int j = 1; j <= n; ++j) values.push_back(start(j));
  return values;
}
// A matrix [n, n] with entry(i, j), counted from 1.
Tensor matrix(std::int64_t n, const std::function<double(double i, double j)>& entry) {
  Values values;
  for (int i = 1; i <= n; ++i)
    for (int j = 1; j <= n; ++j) values.push_back(entry(i, j));
  return tensor(values, {n, n});
}
// x_j with zeros before the first and after the last: x_{j + shift}.
Tensor shifted(const Tensor& x, std::int64_t shift) {
  const std::int64_t n = x.dim(-1);
  return shift < 0 ? pad(slice(x, -1, 0, n - 1), {0, 1}, {0, 0}) : pad(slice(x, -1, 1, n), {0, 0}, {0, 1});
}
// Every k-th column, from `first` on.
Tensor every(const Tensor& x, std::int64_t first, std::int64_t step) { return slice(x, -1, first, x.dim(-1), step); }

Tensor watson(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  const Tensor t = expand_axis(count_to(29) / 29.0, -1);  // [29, 1]
  const Tensor powers = pow(t, arange(n)), j = arange(n);
  const Tensor slopes = concat({zeros({29, 1}), slice(j, 0, 1, n) * slice(powers, 1, 0, n - 1)}, 1);
  const Tensor x1 = slice(x, -1, 0, 1), x2 = slice(x, -1, 1, 2);
  return join({matmul(x, transpose(slopes)) - square(matmul(x, transpose(powers))) - 1.0, x1, x2 - square(x1) - 1.0});
}

Tensor rosenbrocks(const Tensor& x) {
  return join({10.0 * (every(x, 1, 2) - square(every(x, 0, 2))), 1.0 - every(x, 0, 2)});
}

Tensor powell_singulars(const Tensor& x) {
  const Tensor a = every(x, 0, 4), b = every(x, 1, 4), c = every(x, 2, 4), d = every(x, 3, 4);
  return join({a + 10.0 * b, std::sqrt(5.0) * (c - d), square(b - 2.0 * c), std::sqrt(10.0) * square(a - d)});
}

Tensor penalty_1(const Tensor& x) { return join({std::sqrt(1e-5) * (x - 1.0), total(square(x)) - 0.25}); }

Tensor penalty_2(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  const double root = std::sqrt(1e-5);
  const Tensor i = arange(n - 1) + 2.0, y = exp(0.1 * i) + exp(0.1 * (i - 1.0));
  const Tensor later = exp(0.1 * slice(x, -1, 1, n)), earlier = exp(0.1 * slice(x, -1, 0, n - 1));
  const Tensor weights = static_cast<double>(n) - arange(n);
  return join({slice(x, -1, 0, 1) - 0.2, root * (later + earlier - y), root * (later - std::exp(-0.1)),
               total(weights * square(x)) - 1.0});
}

Tensor variably_dimensioned(const Tensor& x) {
  const Tensor weighted = total(count_to(x.dim(-1)) * (x - 1.0));
  return join({x - 1.0, weighted, square(weighted)});
}

Tensor trigonometric(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  return static_cast<double>(n) - total(cos(x)) + count_to(n) * (1.0 - cos(x)) - sin(x);
}

Tensor brown_almost_linear(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  return join({slice(x, -1, 0, n - 1) + total(x) - static_cast<double>(n + 1), prod(x, {-1}, true) - 1.0});
}

Tensor boundary_value(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  const double h = 1.0 / static_cast<double>(n + 1);
  const Tensor cubed = pow(x + h * count_to(n) + 1.0, 3.0);
  return 2.0 * x - shifted(x, -1) - shifted(x, 1) + 0.5 * h * h * cubed;
}

Tensor integral_equation(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  const double h = 1.0 / static_cast<double>(n + 1);
  const Tensor kernel =
      matrix(n, [h](double i, double j) { return 0.5 * h * (j <= i ? (1 - h * i) * h * j : h * i * (1 - h * j)); });
  return x + matmul(pow(x + h * count_to(n) + 1.0, 3.0), transpose(kernel));
}

Tensor broyden_tridiagonal(const Tensor& x) { return (3.0 - 2.0 * x) * x - shifted(x, -1) - 2.0 * shifted(x, 1) + 1.0; }

Tensor broyden_banded(const Tensor& x) {
  const Tensor band = matrix(x.dim(-1), [](double i, double j) { return j != i && i - 5 <= j && j <= i + 1; });
  return x * (2.0 + 5.0 * square(x)) + 1.0 - matmul(x * (1.0 + x), transpose(band));
}

constexpr std::int64_t kResiduals = 20;  // of the three linear problems

Tensor linear_full_rank(const Tensor& x) {
  const Tensor mean = (2.0 / kResiduals) * total(x) + 1.0;
  return join({x - mean, broadcast_to(-mean, {x.dim(0), kResiduals - x.dim(-1)})});
}

Tensor linear_rank_1(const Tensor& x) { return count_to(kResiduals) * total(count_to(x.dim(-1)) * x) - 1.0; }

// Rank 1 with zero columns and rows.
Tensor linear_with_zeros(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  const Tensor j = count_to(n), inner = total(slice(j * x, -1, 1, n - 1));
  const Tensor i = pad(count_to(kResiduals - 2), {1}, {1});  // 0, 1 … m-2, 0
  return i * inner - 1.0;
}

Tensor chebyquad(const Tensor& x) {
  const std::int64_t n = x.dim(-1);
  const Tensor z = 2.0 * x - 1.0;  // shifted to [0, 1]
  Tensor before = ones({1, 1}), polynomial = z;
  std::vector<Tensor> residuals;
  for (std::int64_t i = 1; i <= n; ++i) {
    const double integral = i % 2 == 0 ? -1.0 / static_cast<double>(i * i - 1) : 0.0;
    residuals.push_back(mean(polynomial, {-1}, true) - integral);
    const Tensor next = 2.0 * z * polynomial - before;
    before = polynomial;
    polynomial = next;
  }
  return join(residuals);
}

Values alternating(int n) {
  return from_formula(n, [](double j) { return static_cast<int>(j) % 2 == 1 ? -1.2 : 1.0; });
}

}  // namespace

std::vector<LeastSquares> large_more_garbow_hillstrom() {
  const auto all = [](double value) { return Values(10, value); };
  const auto grid = from_formula(10, [](double j) { return j / 11 * (j / 11 - 1); });
  Values singular;
  for (int block = 0; block < 5; ++block) singular.insert(singular.end(), {3, -1, 0, 1});
  const double m = static_cast<double>(kResiduals);
  return {
      {20, "Watson", Values(6, 0.0), watson, {2.28767e-3}},
      {21, "extended Rosenbrock", alternating(20), rosenbrocks, {0}},
      {22, "extended Powell singular", singular, powell_singulars, {0}},
      {23, "penalty I", from_formula(10, [](double j) { return j; }), penalty_1, {7.08765e-5}},
      {24, "penalty II", all(0.5), penalty_2, {2.93660e-4}},
      {25, "variably dimensioned", from_formula(10, [](double j) { return 1 - j / 10; }), variably_dimensioned, {0}},
      {26, "trigonometric", all(0.1), trigonometric, {0, 2.79506e-5}},
      {27, "Brown almost-linear", all(0.5), brown_almost_linear, {0, 1}},
      {28, "discrete boundary value", grid, boundary_value, {0}},
      {29, "discrete integral equation", grid, integral_equation, {0}},
      {30, "Broyden tridiagonal", all(-1), broyden_tridiagonal, {0}},
      {31, "Broyden banded", all(-1), broyden_banded, {0}},
      {32, "linear, full rank", all(1), linear_full_rank, {m - 10}},
      {33, "linear, rank 1", all(1), linear_rank_1, {m * (m - 1) / (2 * (2 * m + 1))}},
      {34, "linear, rank 1 with zeros", all(1), linear_with_zeros, {(m * m + 3 * m - 6) / (2 * (2 * m - 3))}},
      {35, "Chebyquad", from_formula(8, [](double j) { return j / 9; }), chebyquad, {3.51687e-3}}};
}

std::vector<LeastSquares> more_garbow_hillstrom() {
  std::vector<LeastSquares> all = small_more_garbow_hillstrom();
  for (LeastSquares& problem : large_more_garbow_hillstrom()) all.push_back(std::move(problem));
  return all;
}

Tensor LeastSquares::value(const Tensor& x) const { return sum(square(residuals(x)), {-1}); }

Tensor LeastSquares::start_row() const { return tensor(start, {1, static_cast<std::int64_t>(start.size())}); }

}  // namespace brenier::testing

// Each rotation annihilates one off-diagonal pair; a sweep visits all of them. Convergence is quadratic once the
// off-diagonal part is small, so a handful of sweeps does it; the limit is only a guard.
#include "solvers/symmetric_eigenvalues.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

struct SquareMatrix {
  std::vector<double> values;
  std::size_t n;
  double& operator()(std::size_t i, std::size_t j) { return values[i * n + j]; }
};

void symmetrize(SquareMatrix& a) {
  for (std::size_t i = 0; i < a.n; ++i)
    for (std::size_t j = 0; j < i; ++j) a(i, j) = a(j, i) = 0.5 * (a(i, j) + a(j, i));
}

// The rotation in the plane (p, q) that makes a(p, q) vanish, with the smaller of the two possible angles.
void rotate(SquareMatrix& a, std::size_t p, std::size_t q) {
  if (a(p, q) == 0) return;
  const double theta = (a(q, q) - a(p, p)) / (2 * a(p, q));
  const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
  const double c = 1 / std::hypot(t, 1.0), s = t * c;
  for (std::size_t k = 0; k < a.n; ++k) {
    const double kp = a(k, p), kq = a(k, q);
    a(k, p) = c * kp - s * kq;
    a(k, q) = s * kp + c * kq;
  }
  for (std::size_t k = 0; k < a.n; ++k) {
    const double pk = a(p, k), qk = a(q, k);
    a(p, k) = c * pk - s * qk;
    a(q, k) = s * pk + c * qk;
  }
}

double off_diagonal_norm(SquareMatrix& a) {
  double total = 0;
  for (std::size_t i = 0; i < a.n; ++i)
    for (std::size_t j = 0; j < a.n; ++j) total += i == j ? 0 : a(i, j) * a(i, j);
  return std::sqrt(total);
}

double frobenius_norm(const SquareMatrix& a) {
  double total = 0;
  for (double value : a.values) total += value * value;
  return std::sqrt(total);
}

}  // namespace

std::vector<double> symmetric_eigenvalues(std::vector<double> matrix, std::int64_t n) {
  if (n < 0 || matrix.size() != static_cast<std::size_t>(n) * static_cast<std::size_t>(n))
    throw std::invalid_argument(
        str("[symmetric_eigenvalues] ", matrix.size(), " numbers are not a matrix of order ", n));
  SquareMatrix a{std::move(matrix), static_cast<std::size_t>(n)};
  symmetrize(a);
  const double norm = frobenius_norm(a);
  if (!std::isfinite(norm)) return std::vector<double>(a.n, std::numeric_limits<double>::quiet_NaN());
  const double negligible = norm * std::numeric_limits<double>::epsilon();
  for (int sweep = 0; sweep < 30 && off_diagonal_norm(a) > negligible; ++sweep)
    for (std::size_t p = 0; p + 1 < a.n; ++p)
      for (std::size_t q = p + 1; q < a.n; ++q) rotate(a, p, q);
  std::vector<double> eigenvalues(a.n);
  for (std::size_t i = 0; i < a.n; ++i) eigenvalues[i] = a(i, i);
  std::sort(eigenvalues.begin(), eigenvalues.end());
  return eigenvalues;
}

}  // namespace brenier

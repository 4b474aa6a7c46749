// Rows for linear algebra: one matrix, batches, batches that broadcast, vectors, orders 0 and 1, other layouts.
// Matrices have prescribed spectra. Eigenvectors are compared with a fixed sign, for it is not theirs to keep.
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Arguments = std::vector<Tensor>;

void add_unary(std::vector<OpCase>& cases, const char* name, Tensor (*f)(const Tensor&), Argument a, int order = 2) {
  cases.push_back({.name = name,
                   .function = [f](const Arguments& x) { return f(x[0]); },
                   .arguments = {std::move(a)},
                   .order = order});
}

void add_solve(std::vector<OpCase>& cases, const char* name, Tensor (*f)(const Tensor&, const Tensor&), Argument a,
               Argument b) {
  cases.push_back({.name = name,
                   .function = [f](const Arguments& x) { return f(x[0], x[1]); },
                   .arguments = {std::move(a), std::move(b)}});
}

Tensor solve_lower(const Tensor& t, const Tensor& b) { return triangular_solve(t, b, Triangle::Lower); }
Tensor solve_upper(const Tensor& t, const Tensor& b) { return triangular_solve(t, b, Triangle::Upper); }

// Far from symmetric: only its symmetric part is to count.
Tensor skewed(const Tensor& a) {
  const std::int64_t n = a.dim(-1);
  std::vector<double> skew;
  for (std::int64_t i = 0; i < n * n; ++i) skew.push_back(0.5 * static_cast<double>(i % n - i / n));
  return a + tensor(skew, {n, n}, a.dtype());
}

void add_positive_definite(std::vector<OpCase>& cases) {
  add_unary(cases, "cholesky", cholesky, spd({3, 3}));
  add_unary(cases, "cholesky of a batch", cholesky, spd({2, 2, 2}));
  add_unary(cases, "cholesky of a number", cholesky, uniform({1, 1}, 0.5, 2));
  add_unary(cases, "cholesky of nothing", cholesky, uniform({2, 0, 0}));
  add_unary(
      cases, "cholesky of a symmetric part", [](const Tensor& a) { return cholesky(skewed(a)); }, spd({3, 3}));
  add_unary(cases, "cholesky of a flipped view", cholesky, spd({2, 5, 5}).in(Layout::Flipped), 1);
  add_unary(cases, "spd_inverse", spd_inverse, spd({3, 3}));
  add_unary(
      cases, "spd_inverse of a batch", [](const Tensor& a) { return spd_inverse(skewed(a)); }, spd({2, 2, 2}));
  add_unary(cases, "spd_inverse of a strided view", spd_inverse, spd({5, 5}).in(Layout::Strided), 1);
  add_unary(cases, "spd_logdet", spd_logdet, spd({3, 3}));
  add_unary(
      cases, "spd_logdet of a batch", [](const Tensor& a) { return spd_logdet(skewed(a)); }, spd({2, 2, 2}));
  add_unary(cases, "spd_logdet of nothing", spd_logdet, uniform({2, 0, 0}));
  add_unary(cases, "symmetric_sqrt", symmetric_sqrt, spd({3, 3}));
  add_unary(cases, "symmetric_sqrt of a batch", symmetric_sqrt, spd({2, 2, 2}));
  add_unary(cases, "symmetric_sqrt at repeated eigenvalues", symmetric_sqrt,
            given({3, 3}, {2, 0, 0, 0, 2, 0, 0, 0, 5}));
}

void add_systems(std::vector<OpCase>& cases) {
  add_solve(cases, "triangular_solve", solve_lower, spd({3, 3}), uniform({3, 2}));
  add_solve(cases, "triangular_solve with an upper triangle", solve_upper, spd({3, 3}), uniform({3, 2}));
  add_solve(cases, "triangular_solve of batches", solve_upper, spd({2, 2, 2}), uniform({2, 2, 1}));
  add_solve(cases, "triangular_solve of a transposed view", solve_lower, spd({5, 5}).in(Layout::Transposed),
            uniform({5, 2}).in(Layout::Transposed));
  add_solve(cases, "triangular_solve of a vector", solve_lower, spd({3, 3}), uniform({3}));
  add_solve(cases, "spd_solve", spd_solve, spd({3, 3}), uniform({3, 2}));
  add_solve(cases, "spd_solve of batches", spd_solve, spd({2, 2, 2}), uniform({2, 2, 1}));
  add_solve(cases, "spd_solve with one matrix for a batch", spd_solve, spd({2, 2}), uniform({3, 2, 1}));
  add_solve(cases, "spd_solve with one right-hand side for a batch", spd_solve, spd({3, 2, 2}), uniform({2, 2}));
  add_solve(cases, "spd_solve of crossed batches", spd_solve, spd({2, 1, 2, 2}), uniform({3, 2, 1}));
  add_solve(cases, "spd_solve of a vector", spd_solve, spd({3, 3}), uniform({3}));
  add_solve(cases, "spd_solve of nothing", spd_solve, uniform({2, 0, 0}), uniform({2, 0, 3}));
  add_solve(cases, "solve", solve, invertible({3, 3}), uniform({3, 2}));
  add_solve(cases, "solve of batches", solve, invertible({2, 2, 2}), uniform({2, 2, 1}));
  add_solve(cases, "solve with one matrix for a batch", solve, invertible({2, 2}), uniform({3, 2, 1}));
  add_solve(cases, "solve of crossed batches", solve, invertible({2, 1, 2, 2}), uniform({3, 2, 1}));
  add_solve(cases, "solve of a transposed view", solve, invertible({5, 5}).in(Layout::Transposed), uniform({5, 2}));
}

void add_general(std::vector<OpCase>& cases) {
  add_unary(cases, "inverse", inverse, invertible({3, 3}));
  add_unary(cases, "inverse of a batch", inverse, invertible({2, 2, 2}));
  add_unary(cases, "inverse of a number", inverse, uniform({1, 1}, 0.5, 2));
  add_unary(
      cases, "slogdet", [](const Tensor& a) { return slogdet(a).logabs; }, invertible({3, 3}));
  add_unary(
      cases, "the sign of slogdet", [](const Tensor& a) { return sum(a) * slogdet(a).sign; }, invertible({3, 3}));
  add_unary(
      cases, "logdet of a batch", [](const Tensor& a) { return logdet(a); }, invertible({2, 4, 4}), 1);
  add_unary(
      cases, "logdet of nothing", [](const Tensor& a) { return logdet(a); }, uniform({2, 0, 0}));
}

Tensor with_fixed_sign(const Tensor& vectors) {
  const Tensor first = stop_gradient(slice(vectors, -2, 0, 1));
  return vectors * where(less(first, 0.0), -1.0, ones_like(first));
}

void add_eigen(std::vector<OpCase>& cases) {
  const auto values = [](const Tensor& a) { return symmetric_eigen(a).values; };
  const auto vectors = [](const Tensor& a) { return with_fixed_sign(symmetric_eigen(a).vectors); };
  add_unary(cases, "values of symmetric_eigen", values, spd({3, 3}));
  add_unary(cases, "vectors of symmetric_eigen", vectors, spd({3, 3}));
  add_unary(cases, "values of symmetric_eigen of a batch", values, spd({2, 2, 2}, -1, 1));
  add_unary(
      cases, "vectors of symmetric_eigen of a symmetric part",
      [](const Tensor& a) { return with_fixed_sign(symmetric_eigen(skewed(a)).vectors); }, spd({2, 2}));
  add_unary(cases, "symmetric_eigen of a number", values, uniform({1, 1}));
  add_unary(cases, "symmetric_eigen of nothing", values, uniform({2, 0, 0}));
  const auto nodes = [](const Tensor& d, const Tensor& e) { return tridiagonal_eigen(d, e).values; };
  const auto weights = [](const Tensor& d, const Tensor& e) {
    return square(tridiagonal_eigen(d, e).first_components);
  };
  add_solve(cases, "values of tridiagonal_eigen", nodes, uniform({3}), uniform({2}, 0.5, 1));
  add_solve(cases, "weights of tridiagonal_eigen", weights, uniform({3}), uniform({2}, 0.5, 1));
  add_solve(cases, "weights of tridiagonal_eigen of a batch", weights, uniform({2, 2}), uniform({2, 1}, 0.5, 1));
  add_solve(cases, "tridiagonal_eigen of a number", nodes, uniform({2, 1}), uniform({2, 0}));
}

}  // namespace

void add_linalg_cases(std::vector<OpCase>& cases) {
  add_positive_definite(cases);
  add_systems(cases);
  add_general(cases);
  add_eigen(cases);
}

}  // namespace brenier::testing

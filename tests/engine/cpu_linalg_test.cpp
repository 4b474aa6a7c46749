// The kernels of linear algebra by what their results have to satisfy: L L^T = A, A X = B, A V = V diag(λ), V^T V =
// I, for orders around the blocks, strips and limits of every instruction set, and batches around the lanes of a
// pack. Matrices have condition number 4, so residuals are some n eps of the largest entry (Higham 2002, chapters 9,
// 10).
//
// And what depends on nothing else: each matrix by itself, in a batch, in another layout, and for every number of
// threads, bit for bit.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/str.h"
#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"
#include "tests/support/sampler.h"
#include "tests/support/with_threads.h"

namespace brenier::testing {
namespace {

const DType kFloating[] = {DType::Float32, DType::Float64};
const std::int64_t kOrders[] = {1, 2, 3, 4, 5, 6, 8, 9, 16, 17, 31, 43, 64, 65, 80, 129};

// A square or rectangular matrix of a batch in double.
struct Matrix {
  std::int64_t rows, cols;
  std::vector<double> entries;
  double operator()(std::int64_t i, std::int64_t j) const { return entries[static_cast<std::size_t>(i * cols + j)]; }
};

Matrix matrix_at(const std::vector<double>& all, const Tensor& x, std::int64_t index) {
  const std::int64_t size = x.dim(-1) * x.dim(-2);
  return {x.dim(-2), x.dim(-1), {all.begin() + index * size, all.begin() + (index + 1) * size}};
}

double residual(const Matrix& a, const Matrix& x, const Matrix& b) {
  double largest = 0;
  std::vector<double> row(static_cast<std::size_t>(x.cols));
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) row[static_cast<std::size_t>(j)] = -b(i, j);
    for (std::int64_t k = 0; k < a.cols; ++k)
      for (std::int64_t j = 0; j < x.cols; ++j) row[static_cast<std::size_t>(j)] += a(i, k) * x(k, j);
    for (double r : row) largest = std::abs(r) <= largest ? largest : std::abs(r);
  }
  return largest;
}

// Empty if A X = B up to rounding, for every matrix of equal batches.
std::string product_error(const Tensor& a, const Tensor& x, const Tensor& b) {
  const auto as = a.to_vector<double>(), xs = x.to_vector<double>(), bs = b.to_vector<double>();
  const std::int64_t n = a.dim(-1), count = a.size() / (n * n);
  const double tolerance = 4 * rounding_tolerance(a.dtype(), 3 * (1 + max_abs(x)), n);
  for (std::int64_t index = 0; index < count; ++index) {
    const double error = residual(matrix_at(as, a, index), matrix_at(xs, x, index), matrix_at(bs, b, index));
    if (!(error <= tolerance)) return str("residual ", error, " > ", tolerance, " in matrix ", index);
  }
  return {};
}

Tensor identities(const Tensor& a) { return broadcast_to(eye(a.dim(-1), a.dtype()), a.shape()); }

struct Problem {
  Tensor a, general, b;
  Problem(std::int64_t count, std::int64_t n, std::int64_t k, DType dtype, std::uint64_t seed = 5) {
    Sampler sampler(seed);
    a = sampler.spd({count, n, n}, 0.5, 2, dtype);
    std::vector<std::int64_t> order = sampler.permutation(n);
    general = gather(a, index_tensor(order, {n}), 1);
    b = sampler.uniform({count, n, k}, -1, 1, dtype);
  }
};

std::string spd_errors(const Problem& p) {
  const Tensor l = cholesky(p.a);
  std::string wrong = product_error(l, transpose(l), p.a);
  if (wrong.empty()) wrong = product_error(p.a, spd_solve(p.a, p.b), p.b);
  if (wrong.empty()) wrong = product_error(p.a, spd_inverse(p.a), identities(p.a));
  const Tensor x = triangular_solve(l, p.b, Triangle::Lower);
  if (wrong.empty()) wrong = product_error(l, x, p.b);
  const Tensor y = triangular_solve(transpose(l), p.b, Triangle::Upper);
  return wrong.empty() ? product_error(transpose(l), y, p.b) : wrong;
}

std::string general_errors(const Problem& p) {
  const std::string wrong = product_error(p.general, solve(p.general, p.b), p.b);
  return wrong.empty() ? product_error(p.general, inverse(p.general), identities(p.a)) : wrong;
}

// All results for one problem.
std::vector<Tensor> all_results(const Tensor& a, const Tensor& general, const Tensor& b) {
  const auto [sign, logabs] = slogdet(general);
  const auto [values, vectors] = symmetric_eigen(a);
  const Tensor l = cholesky(a);
  return {l,
          triangular_solve(l, b, Triangle::Lower),
          triangular_solve(l, b, Triangle::Upper),
          sign,
          spd_solve(a, b),
          spd_inverse(a),
          logabs,
          spd_logdet(a),
          solve(general, b),
          inverse(general),
          values,
          vectors};
}

std::string differences(const std::vector<Tensor>& got, const std::vector<Tensor>& expected) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    const std::string wrong = mismatch(got[i], expected[i], 0);
    if (!wrong.empty()) return str("result ", i, ": ", wrong);
  }
  return {};
}

Tensor part(const Tensor& x, std::int64_t index) { return slice(x, 0, index, index + 1); }

}  // namespace

TEST_CASE("factors, solutions and inverses satisfy their equations, for orders around every block and strip") {
  for (DType dtype : kFloating)
    for (std::int64_t n : kOrders)
      for (std::int64_t k : {1, 3, 20}) {
        INFO(name_of(dtype), " n = ", n, " k = ", k);
        const Problem p(n < 20 ? 3 : 2, n, k, dtype);
        CHECK(spd_errors(p) == "");
        CHECK(general_errors(p) == "");
      }
}

TEST_CASE("factors, solutions and inverses satisfy their equations, for batches around the lanes of a pack") {
  for (DType dtype : kFloating)
    for (std::int64_t count : {1, 2, 7, 8, 9, 15, 16, 17, 33}) {
      INFO(name_of(dtype), " count = ", count);
      const Problem p(count, 6, 2, dtype);
      CHECK(spd_errors(p) == "");
      CHECK(general_errors(p) == "");
    }
}

TEST_CASE("results for a matrix do not depend on the batch it is in, bit for bit") {
  for (DType dtype : kFloating)
    for (std::int64_t n : {1, 2, 3, 7, 17, 66}) {
      const std::int64_t count = n > 20 ? 3 : 19;
      const Problem p(count, n, 2, dtype);
      const std::vector<Tensor> together = all_results(p.a, p.general, p.b);
      for (std::int64_t index : {std::int64_t{0}, count / 2, count - 1}) {
        INFO(name_of(dtype), " n = ", n, " index = ", index);
        std::vector<Tensor> expected;
        for (const Tensor& x : together) expected.push_back(part(x, index));
        CHECK(differences(all_results(part(p.a, index), part(p.general, index), part(p.b, index)), expected) == "");
      }
    }
}

TEST_CASE("results do not depend on the layout of the arguments, bit for bit") {
  for (DType dtype : kFloating)
    for (std::int64_t n : {1, 2, 5, 18, 67}) {
      const Problem p(2, n, 3, dtype);
      const std::vector<Tensor> expected = all_results(p.a, p.general, p.b);
      for (const Layout& layout : layouts()) {
        INFO(name_of(dtype), " n = ", n, " ", layout.name);
        CHECK(differences(all_results(layout.of(p.a), layout.of(p.general), layout.of(p.b)), expected) == "");
      }
    }
}

TEST_CASE("results are the same for every number of threads, bit for bit") {
  for (std::int64_t n : {8, 43, 70}) {
    const Problem p(n == 8 ? 500 : 37, n, 5, DType::Float32);
    std::vector<std::vector<Tensor>> results;
    for (int count : {1, 2, 3}) {
      const WithThreads with(count);
      results.push_back(all_results(p.a, p.general, p.b));
    }
    CHECK(differences(results[1], results[0]) == "");
    CHECK(differences(results[2], results[0]) == "");
  }
}

TEST_CASE("log-determinants agree with the spectrum, also where the determinant overflows") {
  Sampler sampler(9);
  for (DType dtype : kFloating) {
    const double large = dtype == DType::Float32 ? 1e30 : 1e250, small = 1 / large;
    for (std::int64_t n : {1, 2, 7, 40, 70})
      for (double factor : {1.0, large, small}) {
        std::vector<double> spectrum;
        double expected = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          spectrum.push_back(factor * (1 + static_cast<double>(i)));
          expected += std::log(spectrum.back());
        }
        const Tensor a = sampler.with_spectrum(spectrum, dtype);
        // A relative change of all eigenvalues by n eps condition, and the rounding of the result.
        const double tolerance = rounding_tolerance(dtype, static_cast<double>(n * n) + std::abs(expected), n);
        INFO(name_of(dtype), " n = ", n, " factor = ", factor);
        CHECK(std::abs(spd_logdet(a).item() - expected) <= tolerance);
        CHECK(std::abs(logdet(a).item() - expected) <= tolerance);
        CHECK(slogdet(flip(a, {0})).sign.item() == (n / 2 % 2 == 0 ? 1 : -1));
      }
  }
}

TEST_CASE("eigenvalues and eigenvectors satisfy their equations") {
  for (DType dtype : kFloating)
    for (std::int64_t n : {1, 2, 3, 8, 33, 100}) {
      INFO(name_of(dtype), " n = ", n);
      const Tensor a = Sampler(11).spd({2, n, n}, -1, 1, dtype);
      const auto [values, vectors] = symmetric_eigen(a);
      CHECK(product_error(a, vectors, vectors * expand_axis(values, -2)) == "");
      CHECK(product_error(transpose(vectors), vectors, identities(a)) == "");
      for (std::int64_t i = 0; i < n; ++i) {
        const double exact = n == 1 ? -1 : -1 + 2 * static_cast<double>(i) / static_cast<double>(n - 1);
        CHECK(std::abs(values.at({1, i}) - exact) <= rounding_tolerance(dtype, 1, n));
      }
    }
}

TEST_CASE("pivots are the largest of their columns, so that graded matrices are solved accurately") {
  // Without interchanges the first step would destroy the second equation.
  for (DType dtype : kFloating) {
    const double tiny = epsilon(dtype) / 16;
    const Tensor a = tensor({{tiny, 1}, {1, 1}}, dtype), b = tensor({1, 2}, dtype);
    CHECK(mismatch(solve(a, b), tensor({1, 1}, dtype), 2 * epsilon(dtype)) == "");
    CHECK(slogdet(a).sign.item() == -1);
  }
}

}  // namespace brenier::testing

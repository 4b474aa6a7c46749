// Eigen-decompositions against spectra that are known, identities of functions of matrices, and derivatives where
// eigenvalues repeat.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

const DType kFloating[] = {DType::Float32, DType::Float64};

// The second-difference matrix has the eigenvalues 2 - 2 cos(k π/(n + 1)) and eigenvectors of components
// √(2/(n + 1)) sin(j k π/(n + 1)).
Tensor second_differences(std::int64_t n, DType dtype = DType::Float64) {
  std::vector<double> a(static_cast<std::size_t>(n * n), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    a[static_cast<std::size_t>(i * n + i)] = 2;
    if (i > 0) a[static_cast<std::size_t>(i * n + i - 1)] = a[static_cast<std::size_t>((i - 1) * n + i)] = -1;
  }
  return tensor(a, {n, n}, dtype);
}
double second_difference_angle(std::int64_t k, std::int64_t n) {
  return static_cast<double>(k) * std::numbers::pi / static_cast<double>(n + 1);
}

Tensor sum_of_logs(const Tensor& a) { return sum(log(symmetric_eigen(a).values)); }

}  // namespace

TEST_CASE("eigenvalues and eigenvectors of the second-difference matrix are those of its closed form") {
  for (DType dtype : kFloating)
    for (std::int64_t n : {1, 2, 5, 16}) {
      const auto [values, vectors] = symmetric_eigen(second_differences(n, dtype));
      for (std::int64_t k = 1; k <= n; ++k) {
        const double angle = second_difference_angle(k, n);
        CHECK(std::abs(values.at({k - 1}) - (2 - 2 * std::cos(angle))) <= rounding_tolerance(dtype, 4, n));
        const double sign = vectors.at({0, k - 1}) < 0 ? -1 : 1;
        for (std::int64_t j = 1; j <= n; ++j) {
          const double exact = std::sqrt(2.0 / static_cast<double>(n + 1)) * std::sin(static_cast<double>(j) * angle);
          // The smallest gap divides the error.
          CHECK(std::abs(sign * vectors.at({j - 1, k - 1}) - exact) <= rounding_tolerance(dtype, 100, n));
        }
      }
    }
}

// Most of their eigenvalues are 0, and what stands for them is rounding of the others.
TEST_CASE("matrices of low rank have their eigenvalues, with orthonormal eigenvectors") {
  constexpr std::int64_t n = 120, rank = 30;
  for (DType dtype : kFloating)
    for (const double decay : {1.0, 0.7, 0.5}) {
      const Tensor factor = random_normal({52, 0}, {n, rank}, DType::Float64) * pow(decay, arange(rank));
      const Tensor a = cast(pad(matmul(factor, transpose(factor)), {20, 20}, {0, 0}), dtype);
      const auto [values, vectors] = symmetric_eigen(a);
      const double tolerance = rounding_tolerance(dtype, 20, n) * values.at({n + 19});
      CHECK(mismatch(matmul(transpose(vectors), vectors), eye(n + 20, dtype), rounding_tolerance(dtype, 20, n)) == "");
      CHECK(mismatch(matmul(vectors * values, transpose(vectors)), a, tolerance) == "");
      CHECK(max(abs(slice(values, 0, 0, n + 20 - rank))).item() <= tolerance);
    }
}

TEST_CASE("repeated, zero and negative eigenvalues come out sorted, with orthonormal eigenvectors") {
  Sampler sampler(51);
  CHECK(mismatch(symmetric_eigen(tensor({{3, 0, 0}, {0, -1, 0}, {0, 0, 3}})).values, tensor({-1, 3, 3}), 0) == "");
  CHECK(mismatch(symmetric_eigen(zeros({2, 2})).values, zeros({2}), 0) == "");
  CHECK(mismatch(symmetric_eigen(tensor({{1, 5}, {-5, 2}})).values, tensor({1, 2}), 0) == "");
  CHECK(mismatch(symmetric_eigen(zeros({2, 2})).vectors, eye(2), 0) == "");
  for (DType dtype : kFloating) {
    const std::vector<double> spectrum{-2, 0, 0, 1, 1, 1, 1, 5};
    const Tensor a = sampler.with_spectrum(spectrum, dtype);
    const auto [values, vectors] = symmetric_eigen(a);
    CHECK(mismatch(values, tensor(spectrum, {8}, dtype), rounding_tolerance(dtype, 5, 8)) == "");
    CHECK(mismatch(matmul(transpose(vectors), vectors), eye(8, dtype), rounding_tolerance(dtype, 2, 8)) == "");
    const Tensor again = matmul(vectors * expand_axis(values, 0), transpose(vectors));
    CHECK(mismatch(again, a, rounding_tolerance(dtype, 10, 8)) == "");
  }
}

TEST_CASE("eigenvectors stay orthonormal where parts of a matrix differ by many powers of ten") {
  for (DType dtype : kFloating)
    for (double small : {1e-6, 1e-12, 1e-20, 1e-30}) {
      Tensor a = pad(Sampler(52).spd({3, 3}, 1, 2), {0, 0}, {3, 3}) +
                 pad(small * Sampler(53).spd({3, 3}, 1, 2), {3, 3}, {0, 0});
      a = cast(a, dtype);
      for (double scale : {1.0, 1e30, 1e-30}) {
        const auto [values, vectors] = symmetric_eigen(a * scale);
        CHECK(mismatch(matmul(transpose(vectors), vectors), eye(6, dtype), rounding_tolerance(dtype, 2, 6)) == "");
        CHECK(mismatch(values / scale, tensor({small, 1.5 * small, 2 * small, 1, 1.5, 2}, dtype),
                       rounding_tolerance(dtype, 2, 6)) == "");
      }
    }
}

TEST_CASE("the sum of a function of the eigenvalues has the right derivative where they repeat") {
  // d ln det A = tr(A^-1 dA).
  const Tensor value = Sampler(54).with_spectrum({2, 2, 2, 3}), t = Sampler(55).uniform({4, 4});
  Tape tape;
  const Tensor a = tape.watch(value), y = sum_of_logs(a);
  const Tensor exact = inverse(value);
  CHECK(mismatch(grad(y, a), exact, rounding_tolerance(DType::Float64, 1, 40)) == "");
  CHECK(std::abs(jvp(y, a, t).item() - sum(exact * t).item()) <= rounding_tolerance(DType::Float64, 4, 40));
  const Tensor second = grad(sum(grad(y, a) * t), a);
  for (double entry : second.to_vector<double>()) CHECK(std::isfinite(entry));
}

TEST_CASE("where eigenvalues do not repeat the second derivative of their sum of logarithms is that of ln det") {
  const Tensor value = Sampler(56).with_spectrum({1, 2, 2.5, 4}), t = Sampler(57).uniform({4, 4});
  Tape tape;
  const Tensor a = tape.watch(value);
  const Tensor got = hvp(sum_of_logs(a), a, t), expected = hvp(spd_logdet(a), a, t);
  CHECK(mismatch(got, expected, rounding_tolerance(DType::Float64, 10, 100)) == "");
}

TEST_CASE("the square root times itself is the matrix, also for repeated and zero eigenvalues") {
  Sampler sampler(58);
  for (DType dtype : kFloating)
    for (const std::vector<double>& spectrum :
         {std::vector<double>{1, 2, 3}, {2, 2, 2, 2}, {0, 0, 1}, {0}, {1e-4, 1, 100}}) {
      const Tensor a = sampler.with_spectrum(spectrum, dtype), s = symmetric_sqrt(a);
      CHECK(mismatch(matmul(s, s), a, rounding_tolerance(dtype, max_abs(a), 20)) == "");
      CHECK(mismatch(s, transpose(s), rounding_tolerance(dtype, max_abs(s), 20)) == "");
    }
}

TEST_CASE("derivatives of the square root satisfy its equation to third order, at repeated eigenvalues too") {
  // S S = A along A = A0 + e t: S' S + S S' = t, S'' S + 2 S' S' + S S'' = 0, S''' S + 3 S'' S' + 3 S' S'' + S S''' =
  // 0.
  for (const std::vector<double>& spectrum : {std::vector<double>{2, 2, 2}, {1, 2, 2}, {1, 2, 4}}) {
    const Tensor value = Sampler(59).with_spectrum(spectrum), t = Sampler(60).spd({3, 3}, -1, 1);
    Tape tape;
    const Tensor a = tape.watch(value), s = symmetric_sqrt(a);
    const Tensor s1 = jvp(s, a, t), s2 = jvp(s1, a, t), s3 = jvp(s2, a, t);
    const double tolerance = rounding_tolerance(DType::Float64, 10, 100);
    CHECK(mismatch(matmul(s1, s) + matmul(s, s1), t, tolerance) == "");
    CHECK(max_abs(matmul(s2, s) + 2.0 * matmul(s1, s1) + matmul(s, s2)) <= tolerance);
    CHECK(max_abs(matmul(s3, s) + 3.0 * (matmul(s2, s1) + matmul(s1, s2)) + matmul(s, s3)) <= tolerance);
    // Reverse mode: the gradient of tr S is S^-1 / 2.
    CHECK(mismatch(grad(sum(s * eye(3)), a), 0.5 * inverse(s), tolerance) == "");
  }
}

TEST_CASE("a tridiagonal matrix gives the nodes and weights of its Gauss rule") {
  // Legendre: d = 0, e_k = k/√(4k² - 1); the weights are 2 w², and the rule is exact up to degree 2m - 1.
  for (DType dtype : kFloating)
    for (std::int64_t m : {1, 2, 5, 12}) {
      std::vector<double> off;
      for (double k = 1; k < static_cast<double>(m); ++k) off.push_back(k / std::sqrt(4 * k * k - 1));
      const auto [nodes, first] = tridiagonal_eigen(zeros({m}, dtype), tensor(off, {m - 1}, dtype));
      const auto x = nodes.to_vector<double>(), w = first.to_vector<double>();
      for (int degree = 0; degree < 2 * m; ++degree) {
        double integral = 0;
        for (std::size_t i = 0; i < x.size(); ++i) integral += 2 * w[i] * w[i] * std::pow(x[i], degree);
        CHECK(std::abs(integral - (degree % 2 ? 0 : 2.0 / (degree + 1))) <= rounding_tolerance(dtype, 2, 2 * m));
      }
      for (double component : w) CHECK(component >= 0);
    }
}

TEST_CASE("the tridiagonal decomposition is that of the assembled matrix, sign and order included") {
  Sampler sampler(61);
  for (std::int64_t m : {2, 3, 9}) {
    const Tensor d = sampler.uniform({3, m}), e = sampler.both_signs({3, m - 1}, 0.1, 1);
    std::vector<double> dense(static_cast<std::size_t>(3 * m * m), 0);
    for (std::int64_t k = 0; k < 3; ++k)
      for (std::int64_t i = 0; i < m; ++i) {
        const auto at = [&](std::int64_t row, std::int64_t col) -> double& {
          return dense[static_cast<std::size_t>((k * m + row) * m + col)];
        };
        at(i, i) = d.at({k, i});
        if (i > 0) at(i, i - 1) = at(i - 1, i) = e.at({k, i - 1});
      }
    const auto [values, vectors] = symmetric_eigen(tensor(dense, {3, m, m}));
    const auto [nodes, first] = tridiagonal_eigen(d, e);
    CHECK(rounding_mismatch(nodes, values, 10 * m) == "");
    CHECK(mismatch(first, abs(select(vectors, -2, 0)), rounding_tolerance(DType::Float64, 10, 10 * m)) == "");
  }
}

TEST_CASE("a tridiagonal matrix that falls apart, or is not finite") {
  const auto [values, first] = tridiagonal_eigen(tensor({3, 1, 2}), tensor({0, 0}));
  CHECK(mismatch(values, tensor({1, 2, 3}), 0) == "");
  CHECK(mismatch(first, tensor({0, 0, 1}), 0) == "");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto spoiled = tridiagonal_eigen(tensor({{1, 2}, {1, 2}}), reshape(tensor({nan, 0}), {2, 1}));
  CHECK(std::isnan(spoiled.values.at({0, 0})));
  CHECK(std::isnan(spoiled.first_components.at({0, 1})));
  CHECK(spoiled.values.at({1, 1}) == 2);
}

}  // namespace brenier::testing

// The Jacobi eigenvalue iteration against matrices whose spectrum is known exactly.
#include "solvers/symmetric_eigenvalues.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::rounding_tolerance;

namespace {

// The second-difference matrix has the eigenvalues 2 - 2 cos(k π/(n + 1)).
std::vector<double> second_differences(int n) {
  std::vector<double> a(static_cast<std::size_t>(n * n), 0);
  for (int i = 0; i < n; ++i) {
    a[static_cast<std::size_t>(i * n + i)] = 2;
    if (i > 0) a[static_cast<std::size_t>(i * n + i - 1)] = a[static_cast<std::size_t>((i - 1) * n + i)] = -1;
  }
  return a;
}

}  // namespace

TEST_CASE("eigenvalues of the second-difference matrix are 2 - 2 cos(k pi/(n+1))") {
  for (int n : {1, 2, 5, 16}) {
    const auto eigenvalues = symmetric_eigenvalues(second_differences(n), n);
    for (int k = 1; k <= n; ++k) {
      const double exact = 2 - 2 * std::cos(k * std::numbers::pi / (n + 1));
      CHECK(std::abs(eigenvalues[static_cast<std::size_t>(k - 1)] - exact) <=
            rounding_tolerance(DType::Float64, 4, n * n));
    }
  }
}

TEST_CASE("repeated, zero and negative eigenvalues come out sorted") {
  CHECK(symmetric_eigenvalues({3, 0, 0, 0, -1, 0, 0, 0, 3}, 3) == std::vector<double>{-1, 3, 3});
  CHECK(symmetric_eigenvalues(std::vector<double>(4, 0.0), 2) == std::vector<double>{0, 0});
  const auto ones = symmetric_eigenvalues(std::vector<double>(9, 1.0), 3);
  CHECK(std::abs(ones[0]) <= rounding_tolerance(DType::Float64, 3, 9));
  CHECK(std::abs(ones[1]) <= rounding_tolerance(DType::Float64, 3, 9));
  CHECK(std::abs(ones[2] - 3) <= rounding_tolerance(DType::Float64, 3, 9));
  CHECK(symmetric_eigenvalues({}, 0).empty());
}

TEST_CASE("only the symmetric part of a matrix counts") {
  const auto eigenvalues = symmetric_eigenvalues({1, 5, -5, 2}, 2);
  CHECK(eigenvalues == std::vector<double>{1, 2});
}

TEST_CASE("matrices that are not finite give NaN and wrong sizes are refused") {
  for (double eigenvalue : symmetric_eigenvalues({1, std::numeric_limits<double>::quiet_NaN(), 0, 1}, 2))
    CHECK(std::isnan(eigenvalue));
  CHECK(testing::lacks(testing::message_of([] {
                         symmetric_eigenvalues({1, 2, 3}, 2);
                       }),
                       {"[symmetric_eigenvalues]", "3", "2"}) == "");
}

// log_matvec against the sum of its terms in long double, at sizes around packs and tiles, in every layout, and where
// exponents are huge, infinite or NaN.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/autodiff.h"
#include "engine/backend.h"
#include "engine/ops.h"
#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// In long double, relative to the largest exponent.
Tensor oracle(const Tensor& a, const Tensor& v, double scale) {
  const std::vector<double> entries = a.to_vector<double>(), terms = v.to_vector<double>();
  const std::size_t columns = terms.size(), rows = entries.size() / columns;
  std::vector<double> result;
  for (std::size_t i = 0; i < rows; ++i) {
    long double largest = -kInfinity, sum = 0;
    const auto exponent = [&](std::size_t j) { return scale * (long double)(entries[i * columns + j]) + terms[j]; };
    for (std::size_t j = 0; j < columns; ++j) largest = std::max(largest, exponent(j));
    for (std::size_t j = 0; j < columns; ++j) sum += std::exp(exponent(j) - largest);
    result.push_back(static_cast<double>(largest + std::log(sum)));
  }
  return tensor(result, {a.dim(0)}, a.dtype());
}

}  // namespace

TEST_CASE("log_matvec is the logarithm of a product, for rows of any length and in every layout") {
  Sampler sampler(5);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (std::int64_t n : {1, 2, 7, 16, 17, 33, 64, 100, 1023, 1024, 1025, 2500}) {
      const Tensor a = sampler.uniform({3, n}, -5, 5, dtype), v = sampler.uniform({n}, -5, 5, dtype);
      const Tensor expected = oracle(a, v, -1.5);
      const double tolerance = 4 * epsilon(dtype) * 20;
      CHECK(mismatch(log_matvec(a, v, -1.5), expected, tolerance) == "");
      if (!default_backend().host_readable()) continue;  // layouts are made on the CPU
      for (const Layout& layout : layouts()) {
        INFO(name_of(dtype), " ", n, " ", layout.name);
        CHECK(mismatch(log_matvec(layout.of(a), layout.of(v), -1.5), expected, tolerance) == "");
      }
    }
  }
}

TEST_CASE("rows in lanes: any number of them, of a matrix that is stored by columns") {
  if (!default_backend().host_readable()) return;
  Sampler sampler(6);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (std::int64_t rows : {1, 2, 7, 16, 31, 32, 63, 64, 65, 130}) {
      for (std::int64_t n : {1, 5, 63, 64, 65, 200}) {
        const Tensor columns = sampler.uniform({n, rows}, -5, 5, dtype), v = sampler.uniform({n}, -5, 5, dtype);
        const Tensor a = transpose(columns), expected = oracle(a, v, 1.5);
        INFO(name_of(dtype), " ", rows, " rows of ", n);
        CHECK(mismatch(log_matvec(a, v, 1.5), expected, 4 * epsilon(dtype) * 20) == "");
      }
    }
    // The exponents of one row rise and those of the next fall: sums of tiles before the largest vanish, and after it.
    const Tensor rising = reshape(arange(300, dtype), {300, 1});
    const Tensor both = transpose(concat({rising, -rising}, 1));
    const double tail = -std::log1p(-std::exp(-2));  // of the terms e^-2j
    CHECK(mismatch(log_matvec(both, zeros({300}, dtype), 2.0), tensor({598 + tail, tail}, dtype),
                   598 * 4 * epsilon(dtype)) == "");
  }
}

TEST_CASE("log_matvec neither overflows nor loses the largest terms") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor a = tensor({{3e4, -3e4, 0}, {-3e4, -3e4, -3e4}, {0, 0, 3e4}}, dtype), v = tensor({1, 2, 3}, dtype);
    const Tensor expected = tensor({3e4 + 1, -3e4 + 3 + std::log1p(std::exp(-1) + std::exp(-2)), 3e4 + 3}, dtype);
    CHECK(mismatch(log_matvec(a, v), expected, 3e4 * epsilon(dtype)) == "");
    // The largest exponent comes in a later tile, far above the first.
    const Tensor rising = reshape(arange(3000, dtype), {1, 3000});
    CHECK(log_matvec(rising, zeros({3000}, dtype)).item() ==
          doctest::Approx(2999 - std::log1p(-std::exp(-1))).epsilon(4 * epsilon(dtype)));
  }
}

TEST_CASE("infinite and NaN exponents are what a sum of exponentials makes of them") {
  for (std::int64_t n : {3, 40, 1100}) {
    // The same row twice, contiguous or in lanes.
    const auto row = [&](double first, double last) {
      std::vector<double> values(static_cast<std::size_t>(n), 0.0);
      values.front() = first, values.back() = last;
      const Tensor one = tensor(values, {1, n});
      const double result = log_matvec(one, zeros({n})).item();
      const Tensor lanes = log_matvec(transpose(concat({transpose(one), transpose(one)}, 1)), zeros({n}));
      const double other = lanes.to_vector<double>()[1];
      CHECK((other == doctest::Approx(result).epsilon(1e-14) || (std::isnan(result) && std::isnan(other)) ||
             result == other));
      return result;
    };
    CHECK(row(-kInfinity, 0) == doctest::Approx(std::log(static_cast<double>(n - 1))).epsilon(1e-14));
    CHECK(row(kInfinity, 0) == kInfinity);
    CHECK(row(0, kInfinity) == kInfinity);
    CHECK(std::isnan(row(NAN, 0)));
    CHECK(std::isnan(row(0, NAN)));
    CHECK(log_matvec(zeros({1, n}), full({n}, -kInfinity)).item() == -kInfinity);
  }
}

TEST_CASE("a row without terms has derivative zero") {
  Tape tape;
  const Tensor v = tape.watch(full({3}, -kInfinity)), a = tape.watch(tensor({{1, 2, 3}}));
  const Tensor y = sum(log_matvec(a, v));
  CHECK(mismatch(grad(y, a), zeros({1, 3}), 0) == "");
  CHECK(mismatch(grad(y, v), zeros({3}), 0) == "");
}

TEST_CASE("log_matvec refuses shapes that do not fit") {
  const auto of = [](const Shape& a, const Shape& v) { return message_of([&] { log_matvec(zeros(a), zeros(v)); }); };
  CHECK(lacks(of({2, 3}, {4}), {"[log_matvec] inner dimensions differ", "[2, 3]", "[4]"}) == "");
  CHECK(lacks(of({3}, {3}), {"[log_matvec]", "[3]"}) == "");
  CHECK(lacks(of({2, 0}, {0}), {"[log_matvec] an axis of length 0"}) == "");
  CHECK(lacks(of({2, 3, 4}, {3, 4}), {"[log_matvec]"}) == "");
  CHECK(lacks(message_of([] {
                log_matvec(zeros({2, 3}), zeros({3}), zeros({3}));
              }),
              {"[log_matvec] the scale is one number"}) == "");
}

}  // namespace brenier::testing

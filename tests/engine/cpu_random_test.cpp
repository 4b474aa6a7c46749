// The random number generator: published vectors, what a stream depends on, and the moments of the distributions.
// A mean over n independent numbers of standard deviation s may be off by five s / sqrt(n). The streams are fixed, so
// a case passes always or never.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/philox.h"
#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"

namespace brenier::testing {
namespace {

constexpr std::int64_t kCount = 200001;

std::vector<double> draw(OpCode code, std::int64_t n, std::uint64_t seed, std::int64_t counter,
                         DType dtype = DType::Float64) {
  Attributes attributes;
  attributes.seed = seed;
  const Tensor number = index_tensor(std::vector<std::int64_t>{counter}, {});
  return run_kernel(code, {number}, {n}, dtype, attributes).to_vector<double>();
}

template <class F>
double mean_of(const std::vector<double>& x, F f) {
  double sum = 0;
  for (double value : x) sum += f(value);
  return sum / static_cast<double>(x.size());
}

// The mean of f(x) is `expected` up to five of its standard deviations.
template <class F>
void check_mean(const std::vector<double>& x, F f, double expected, double variance) {
  CHECK(std::abs(mean_of(x, f) - expected) <= 5 * std::sqrt(variance / static_cast<double>(x.size())));
}

double neighbour_product(const std::vector<double>& x, std::size_t distance) {
  double sum = 0;
  for (std::size_t i = 0; i + distance < x.size(); ++i) sum += x[i] * x[i + distance];
  return sum / static_cast<double>(x.size() - distance);
}

}  // namespace

TEST_CASE("philox gives the published known answers") {
  // Random123 1.09, kat_vectors, philox4x32 with 10 rounds.
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32_10({ones, ones, ones, ones}, {ones, ones}) ==
        PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the first numbers are the documented functions of the known answer") {
  // Seed 0, counter 0: block 0 is the first known answer; two words make 64 bits, the top 53 make a number.
  constexpr std::uint64_t v0 = 0xe169c58d6627e8d5, v1 = 0x9b00dbd8bc57ac4c;
  const double u0 = std::ldexp(static_cast<double>(v0 >> 11), -53), u1 = std::ldexp(static_cast<double>(v1 >> 11), -53);
  CHECK(draw(OpCode::RandomUniform, 2, 0, 0) == std::vector<double>{u0, u1});
  const double radius = std::sqrt(-2 * std::log(u0 + std::ldexp(1.0, -53))), angle = 2 * std::acos(-1.0) * u1;
  const Tensor normals = tensor({radius * std::cos(angle), radius * std::sin(angle)});
  CHECK(rounding_mismatch(tensor(draw(OpCode::RandomNormal, 2, 0, 0), {2}), normals) == "");
  const std::vector<double> signs = draw(OpCode::RandomRademacher, 128, 0, 0);
  for (std::size_t i = 0; i < 128; ++i) {
    const std::uint64_t bit = (i < 64 ? v0 >> i : v1 >> (i - 64)) & 1u;
    CHECK(signs[i] == (bit ? 1 : -1));
  }
}

TEST_CASE("element i of a stream does not depend on how many are drawn") {
  for (OpCode code : {OpCode::RandomUniform, OpCode::RandomNormal, OpCode::RandomRademacher}) {
    const std::vector<double> all = draw(code, 301, 5, 9);
    for (std::int64_t n : {0, 1, 2, 127, 128, 129, 300}) {
      CHECK(draw(code, n, 5, 9) == std::vector<double>(all.begin(), all.begin() + n));
    }
  }
}

TEST_CASE("seed and counter choose different streams, in all their bits") {
  std::set<double> firsts;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 32, ~0ull}) {
    for (std::int64_t counter : {0ll, 1ll, 1ll << 32, -1ll}) {
      firsts.insert(draw(OpCode::RandomUniform, 1, seed, counter)[0]);
    }
  }
  CHECK(firsts.size() == 16);
}

TEST_CASE("float32 sees the float64 stream, rounded") {
  for (OpCode code : {OpCode::RandomUniform, OpCode::RandomNormal, OpCode::RandomRademacher}) {
    const std::vector<double> exact = draw(code, 1000, 3, 4), rounded = draw(code, 1000, 3, 4, DType::Float32);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      CHECK(std::abs(rounded[i] - exact[i]) <= epsilon(DType::Float32) * std::abs(exact[i]));
    }
  }
}

TEST_CASE("uniform numbers lie in [0, 1) and have the right moments") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const std::vector<double> x = draw(OpCode::RandomUniform, kCount, 1, 2, dtype);
    CHECK(*std::min_element(x.begin(), x.end()) >= 0);
    CHECK(*std::max_element(x.begin(), x.end()) < 1);
    check_mean(
        x, [](double u) { return u; }, 1. / 2, 1. / 12);
    check_mean(
        x, [](double u) { return u * u; }, 1. / 3, 1. / 5 - 1. / 9);
    check_mean(
        x, [](double u) { return u < 0.1; }, 0.1, 0.09);
  }
}

TEST_CASE("normal numbers have the right moments and tails, and neighbours are uncorrelated") {
  const std::vector<double> x = draw(OpCode::RandomNormal, kCount, 1, 2);
  check_mean(
      x, [](double z) { return z; }, 0, 1);
  check_mean(
      x, [](double z) { return z * z; }, 1, 3 - 1);
  check_mean(
      x, [](double z) { return z * z * z; }, 0, 15);
  check_mean(
      x, [](double z) { return z * z * z * z; }, 3, 105 - 9);
  const double beyond_two = std::erfc(2 / std::sqrt(2.0)) / 2;
  check_mean(
      x, [](double z) { return z > 2; }, beyond_two, beyond_two);
  for (std::size_t distance : {1, 2, 3}) {
    CHECK(std::abs(neighbour_product(x, distance)) <= 5 / std::sqrt(static_cast<double>(kCount)));
  }
}

TEST_CASE("rademacher numbers are fair signs") {
  const std::vector<double> x = draw(OpCode::RandomRademacher, kCount, 1, 2);
  CHECK(std::all_of(x.begin(), x.end(), [](double s) { return s == 1 || s == -1; }));
  check_mean(
      x, [](double s) { return s; }, 0, 1);
  for (std::size_t distance : {1, 32, 128}) {
    CHECK(std::abs(neighbour_product(x, distance)) <= 5 / std::sqrt(static_cast<double>(kCount)));
  }
}

TEST_CASE("a random permutation holds every number once, each equally likely in front") {
  constexpr std::int64_t n = 5, draws = 20000;
  std::vector<double> front;
  for (std::int64_t counter = 0; counter < draws; ++counter) {
    std::vector<double> p = draw(OpCode::RandomPermutation, n, 1, counter, DType::Int64);
    front.push_back(p[0]);
    std::sort(p.begin(), p.end());
    REQUIRE(p == std::vector<double>{0, 1, 2, 3, 4});
  }
  for (int value = 0; value < n; ++value) {
    check_mean(
        front, [&](double f) { return f == value; }, 1. / n, (1. / n) * (1 - 1. / n));
  }
  CHECK(draw(OpCode::RandomPermutation, 0, 1, 0, DType::Int64).empty());
}

}  // namespace brenier::testing

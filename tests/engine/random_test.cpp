// Random numbers: a stream is a function of seed, counter and index only; different streams are unrelated; moments are
// those of the distributions. Bounds of statistics are six standard deviations: a right generator fails once in 10^9.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace brenier::testing {
namespace {

using Draw = Tensor (*)(const RandomKey&, const Shape&, DType);

struct Distribution {
  const char* name;
  Draw draw;
  double mean, variance, fourth;  // fourth: the central moment E (x - mean)^4
};

const Distribution kDistributions[] = {{"uniform", random_uniform, 0.5, 1.0 / 12, 1.0 / 80},
                                       {"normal", random_normal, 0, 1, 3},
                                       {"Rademacher", random_rademacher, 0, 1, 1}};

std::vector<double> values(Draw draw, std::uint64_t seed, std::uint64_t counter, std::int64_t n) {
  return draw(RandomKey(seed, counter), {n}, DType::Float64).to_vector<double>();
}

double correlation(const std::vector<double>& a, const std::vector<double>& b, const Distribution& d) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - d.mean) * (b[i] - d.mean);
  return sum / (d.variance * static_cast<double>(a.size()));
}

TEST_SUITE("random numbers") {
  TEST_CASE("a shorter draw is the beginning of a longer one, whatever the shape") {
    for (const Distribution& d : kDistributions) {
      const std::vector<double> longest = values(d.draw, 3, 7, 1001);
      for (std::int64_t n : {0, 1, 2, 3, 4, 5, 127, 128, 129, 1000}) {
        INFO(d.name, " ", n);
        const std::vector<double> shorter = values(d.draw, 3, 7, n);
        CHECK(std::equal(shorter.begin(), shorter.end(), longest.begin()));
      }
      const std::vector<double> matrix = d.draw(RandomKey(3, 7), {7, 11, 13}, DType::Float64).to_vector<double>();
      CHECK(matrix == longest);
    }
  }

  TEST_CASE("float32 numbers are the float64 ones, rounded") {
    for (const Distribution& d : kDistributions) {
      INFO(d.name);
      const std::vector<double> wide = values(d.draw, 5, 1, 4096);
      const std::vector<float> narrow = d.draw(RandomKey(5, 1), {4096}, DType::Float32).to_vector<float>();
      std::size_t different = 0;
      for (std::size_t i = 0; i < wide.size(); ++i) different += static_cast<float>(wide[i]) != narrow[i];
      CHECK(different == 0);
    }
  }

  TEST_CASE("the same key repeats, another seed or counter does not") {
    for (const Distribution& d : kDistributions) {
      INFO(d.name);
      const std::vector<double> reference = values(d.draw, 1, 2, 256);
      CHECK(values(d.draw, 1, 2, 256) == reference);
      CHECK(values(d.draw, 2, 2, 256) != reference);
      CHECK(values(d.draw, 1, 3, 256) != reference);
      // Seed and counter must not be interchangeable, and their upper halves must count.
      CHECK(values(d.draw, 2, 1, 256) != reference);
      CHECK(values(d.draw, 1 + (1ull << 32), 2, 256) != reference);
      CHECK(values(d.draw, 1, 2 + (1ull << 32), 256) != reference);
    }
  }

  TEST_CASE("a recorded counter draws the same numbers, and they are constants") {
    Tape tape;
    const std::int64_t number = 2;
    const Tensor counter = tape.watch(index_tensor(std::span(&number, 1), {}));
    const Tensor recorded = random_normal(RandomKey(1, counter), {5});
    CHECK(recorded.recorded());
    CHECK(mismatch(recorded, random_normal(RandomKey(1, 2), {5}), 0) == "");
    const Tensor x = tape.watch(ones({5}));
    CHECK(mismatch(grad(sum(x * recorded), x), recorded, 0) == "");
  }

  TEST_CASE("mean, variance and fourth moment are those of the distribution") {
    constexpr std::int64_t n = 200000;
    for (const Distribution& d : kDistributions) {
      double sums[3] = {};
      for (double x : values(d.draw, 11, 0, n)) {
        const double c = x - d.mean;
        sums[0] += c;
        sums[1] += c * c;
        sums[2] += c * c * c * c;
      }
      INFO(d.name, " seed 11");
      // The standard deviation of a mean of f is sqrt(Var f / n); Var c^4 is at most E c^8, 105 for the normal.
      const double deviation = 6 / std::sqrt(static_cast<double>(n));
      CHECK(std::abs(sums[0] / n) <= deviation * std::sqrt(d.variance));
      CHECK(std::abs(sums[1] / n - d.variance) <= deviation * std::sqrt(d.fourth - d.variance * d.variance));
      CHECK(std::abs(sums[2] / n - d.fourth) <= deviation * std::sqrt(105.0) * d.variance * d.variance);
    }
  }

  TEST_CASE("neighbours, counters and seeds are uncorrelated") {
    constexpr std::int64_t n = 50000;
    const double bound = 6 / std::sqrt(static_cast<double>(n));
    for (const Distribution& d : kDistributions) {
      INFO(d.name);
      const std::vector<double> a = values(d.draw, 21, 0, n + 2);
      CHECK(std::abs(correlation(std::vector(a.begin(), a.end() - 1), std::vector(a.begin() + 1, a.end()), d)) < bound);
      CHECK(std::abs(correlation(std::vector(a.begin(), a.end() - 2), std::vector(a.begin() + 2, a.end()), d)) < bound);
      for (const auto& b :
           {values(d.draw, 21, 1, n + 2), values(d.draw, 22, 0, n + 2), values(d.draw, 21, 1ull << 40, n + 2)}) {
        CHECK(std::abs(correlation(a, b, d)) < bound);
      }
    }
  }

  TEST_CASE("uniform numbers fill every tenth of [0, 1) alike, also in float32") {
    constexpr std::int64_t n = 100000;
    for (DType dtype : {DType::Float32, DType::Float64}) {
      int counts[10] = {};
      for (double x : random_uniform(RandomKey(31, 4), {n}, dtype).to_vector<double>()) {
        REQUIRE(x >= 0);
        REQUIRE(x < 1);
        ++counts[static_cast<int>(x * 10)];
      }
      for (int count : counts) CHECK(std::abs(count - n / 10) <= 6 * std::sqrt(0.09 * n));
    }
  }

  TEST_CASE("normal numbers have the quantiles of the normal distribution") {
    constexpr std::int64_t n = 100000;
    const std::vector<double> xs = values(random_normal, 41, 0, n);
    for (double quantile : {-3.0, -2.0, -1.0, -0.25, 0.0, 0.5, 1.5, 2.5}) {
      const double p = 0.5 * std::erfc(-quantile / std::sqrt(2.0));
      const auto below = std::count_if(xs.begin(), xs.end(), [&](double x) { return x < quantile; });
      CHECK(std::abs(static_cast<double>(below) / n - p) <= 6 * std::sqrt(p * (1 - p) / n));
    }
  }

  TEST_CASE("a Rademacher number is -1 or 1") {
    for (double x : values(random_rademacher, 1, 1, 1000)) CHECK(std::abs(x) == 1);
  }

  TEST_CASE("a permutation has every index once, and every place is equally likely") {
    for (std::int64_t n : {0, 1, 2, 3, 100, 1001}) {
      std::vector<std::int64_t> order = random_permutation(RandomKey(51, 9), n).to_vector<std::int64_t>();
      if (n >= 100) CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
      std::sort(order.begin(), order.end());
      for (std::int64_t i = 0; i < n; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
    }
    constexpr int draws = 20000;
    int first[4] = {};
    for (int counter = 0; counter < draws; ++counter) {
      ++first[static_cast<int>(random_permutation(RandomKey(52, static_cast<std::uint64_t>(counter)), 4).at({0}))];
    }
    for (int count : first) CHECK(std::abs(count - draws / 4) <= 6 * std::sqrt(draws * 3.0 / 16));
  }

  TEST_CASE("keys and types that do not fit are refused") {
    CHECK(lacks(message_of([] { random_uniform(RandomKey(1, tensor(2.0)), {3}); }),
                {"[random_uniform]", "int64", "float64"}) == "");
    CHECK(lacks(message_of([] {
                  random_normal(RandomKey(1, index_tensor({1, 2})), {3});
                }),
                {"[random_normal]", "[2]"}) == "");
    CHECK(lacks(message_of([] { random_rademacher(RandomKey(1, 2), {3}, DType::Int64); }),
                {"[random_rademacher]", "int64"}) == "");
    CHECK(lacks(message_of([] { random_uniform(RandomKey(1, 2), {-1}); }), {"["}) == "");
    CHECK(lacks(message_of([] { random_permutation(RandomKey(1, 2), -1); }), {"[random_permutation]", "-1"}) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

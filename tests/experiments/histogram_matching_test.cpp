// Histogram matching: the identity onto itself, quantiles where they are known, and increasing everywhere.
#include "experiments/support/histogram_matching.h"

#include <doctest/doctest.h>

#include "engine/ops.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using doctest::Approx;

TEST_CASE("onto itself it is the identity on the values of the source") {
  const Tensor x = random_uniform({1, 0}, {500, 3});
  CHECK(max(square(HistogramMatching(x, x)(x) - x)).item() < 1e-24);
}

TEST_CASE("an increasing map of each channel is recovered") {
  const Tensor x = random_uniform({2, 0}, {500, 2}), y = concat({3.0 * x, exp(x)}, 1);
  const Tensor both = concat({x, x}, 1);
  CHECK(max(square(HistogramMatching(both, y)(both) - y)).item() < 1e-24);
}

TEST_CASE("equal values share the middle of their ranks") {
  // Half of the source is 0, half is 1; they go to the medians of the halves of 0 … 9.
  const Tensor source = concat({zeros({5, 1}), ones({5, 1})}, 0), target = reshape(arange(10), {10, 1});
  const std::vector<double> values =
      HistogramMatching(source, target)(reshape(tensor({0.0, 1.0, 0.5, 2.0}), {4, 1})).to_vector<double>();
  CHECK(values == std::vector<double>{2, 7, 4.5, 7});
}

TEST_CASE("it increases, and carries a sample onto the distribution of the other") {
  const Tensor source = random_normal({3, 0}, {4000, 1}), target = random_uniform({3, 1}, {3000, 1});
  const HistogramMatching map(source, target);
  const std::vector<double> image = map(reshape(linspace(-5, 5, 1001), {1001, 1})).to_vector<double>();
  for (std::size_t i = 1; i < image.size(); ++i) CHECK(image[i] >= image[i - 1]);
  const Tensor fresh = map(random_normal({3, 2}, {20000, 1}));
  CHECK(mean(fresh).item() == Approx(0.5).epsilon(0.03));
  CHECK(mean(square(fresh)).item() == Approx(1.0 / 3).epsilon(0.03));
}

TEST_CASE("shapes must fit") {
  const Tensor x = full({4, 2}, 1.0);
  CHECK(lacks(message_of([&] {
                HistogramMatching(x, full({4, 3}, 1.0));
              }),
              {"[HistogramMatching]", "[4, 2] and [4, 3]"}) == "");
  CHECK(lacks(message_of([&] {
                HistogramMatching(x, x)(full({4, 3}, 1.0));
              }),
              {"[HistogramMatching]", "[4, 3]"}) == "");
}

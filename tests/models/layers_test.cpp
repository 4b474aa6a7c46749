// Layers against their defining sums, and the data-dependent start of the norms (paper facts: oracle 11).
#include "models/layers.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::epsilon;
using brenier::testing::rounding_tolerance;

TEST_CASE("Linear multiplies rows by the transposed weight and adds the bias") {
  const Linear layer{tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}), tensor({0.5, 0.0, -0.5})};
  CHECK(layer(tensor({{1.0, -1.0}})).to_vector<double>() == std::vector<double>{-0.5, -1, -1.5});
  const Linear plain{layer.weight, std::nullopt};
  CHECK(plain(tensor({{1.0, -1.0}})).to_vector<double>() == std::vector<double>{-1, -1, -1});
  CHECK(count_parameters(layer) == 9);
  CHECK(count_parameters(plain) == 6);
}

TEST_CASE("Linear starts uniformly within one over the square root of its inputs, and depends on its key alone") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Linear layer = Linear::random({3, 0}, 100, 40, dtype);
    CHECK(layer.weight.shape() == Shape{40, 100});
    CHECK(layer.bias->shape() == Shape{40});
    CHECK(layer.weight.dtype() == dtype);
    double largest = 0, total = 0;
    for (double w : layer.weight.to_vector<double>()) {
      largest = std::max(largest, std::abs(w));
      total += w * w;
    }
    CHECK(largest <= 0.1);
    CHECK(largest > 0.099);
    // The variance of a uniform number in ±0.1 is 0.01/3, that of its square 0.01²·(1/5 - 1/9): 4000 of them.
    CHECK(std::abs(total / 4000 - 0.01 / 3) < 5 * 0.01 * std::sqrt(4.0 / 45 / 4000));
    CHECK(Linear::random({3, 0}, 100, 40, dtype).weight.to_vector<double>() == layer.weight.to_vector<double>());
    CHECK(Linear::random({3, 1}, 100, 40, dtype).weight.to_vector<double>() != layer.weight.to_vector<double>());
  }
}

TEST_CASE("NonNegativeLinear divides positive weights and the bias by its inputs") {
  const NonNegativeLinear layer{{tensor({{0.0, -50.0, 50.0}}), tensor({6.0})}};
  const double ln2 = std::log(2.0);
  const double expected = (ln2 * 3 + std::log1p(std::exp(-50.0)) * 5 + (50 + std::log1p(std::exp(-50.0))) * 7 + 6) / 3;
  CHECK(layer(tensor({{3.0, 5.0, 7.0}})).item() == doctest::Approx(expected).epsilon(1e-15));
  for (double weight : NonNegativeLinear::random({1, 0}, 5, 4).weight().to_vector<double>()) CHECK(weight > 0);
  CHECK_FALSE(NonNegativeLinear::without_bias({1, 0}, 5, 4).raw.bias.has_value());
}

TEST_CASE("ActNorm gives its initial batch mean 0 and standard deviation 1 + 0.001 of the original") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor scales = tensor({0.1, 1.0, 100.0}, dtype);
    const Tensor batch = random_normal({4, 0}, {200, 3}, dtype) * scales + tensor({5.0, -1.0, 30.0}, dtype);
    ActNorm norm = ActNorm::identity(3, dtype);
    norm.initialize_from(batch);
    const Tensor out = norm(batch);
    CHECK(out.dtype() == dtype);
    const auto means = mean(out, {0}).to_vector<double>();
    const auto deviations = sqrt(variance(out, {0})).to_vector<double>();
    const auto original = sqrt(variance(batch, {0})).to_vector<double>();
    for (std::size_t i = 0; i < 3; ++i) {
      // Centring numbers around 5 with a spread of 0.1 magnifies rounding by 50.
      CHECK(std::abs(means[i]) <= rounding_tolerance(dtype, 50, 200));
      const double expected = original[i] / (original[i] + 1e-6) + 0.001 * original[i];
      CHECK(std::abs(deviations[i] - expected) <= rounding_tolerance(dtype, 50, 200));
    }
  }
}

TEST_CASE("ActNorm gives a channel of unit deviation the deviation 1.001") {
  ActNorm norm = ActNorm::identity(1);
  const Tensor batch = reshape(tensor({4.0, 6.0}), {2, 1});
  norm.initialize_from(batch);
  const auto out = norm(batch).to_vector<double>();
  CHECK(out[1] == doctest::Approx(1.001 - 1e-6).epsilon(1e-11));
  CHECK(out[0] == -out[1]);
}

TEST_CASE("norms start as the identity up to their floor and have positive factors") {
  const Tensor x = tensor({{1.0, -2.0}});
  CHECK(testing::mismatch(ActNorm::identity(2)(x), 1.001 * x, 4 * epsilon(DType::Float64)) == "");
  CHECK(testing::mismatch(ScaleNorm::identity(2)(x), 1.001 * x, 4 * epsilon(DType::Float64)) == "");
  CHECK(NoNorm::identity(2)(x).to_vector<double>() == x.to_vector<double>());
  const ScaleNorm smallest{tensor({-1e3, -1e3})};
  CHECK(smallest(ones({1, 2})).to_vector<double>() == std::vector<double>{0.001, 0.001});
  CHECK(count_parameters(ActNorm::identity(7)) == 14);
  CHECK(count_parameters(ScaleNorm::identity(7)) == 7);
  CHECK(count_parameters(NoNorm::identity(7)) == 0);
}

TEST_CASE("a key sequence continues from its first counter") {
  KeySequence keys({8, 5});
  const RandomKey first = keys.next(), second = keys.next();
  CHECK(first.seed == 8);
  CHECK(first.counter.to_vector<std::int64_t>() == std::vector<std::int64_t>{5});
  CHECK(second.counter.to_vector<std::int64_t>() == std::vector<std::int64_t>{6});
}

TEST_CASE("empty layers and unusable batches are refused") {
  CHECK(testing::lacks(testing::message_of([] { Linear::random({1, 0}, 0, 3); }), {"[Linear]", "0", "3"}) == "");
  ActNorm norm = ActNorm::identity(3);
  CHECK(testing::lacks(testing::message_of([&] {
                         norm.initialize_from(zeros({0, 3}));
                       }),
                       {"[ScaleNorm]", "[0, 3]"}) == "");
}

// Masked networks: which output sees which input, exactly.
#include "models/masked.h"

#include <doctest/doctest.h>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;

namespace {

// |∂ output_i / ∂ x_j| summed over rows and blocks, [d, d].
template <class Network>
std::vector<double> sensitivity(const Network& network, const Tensor& x) {
  Tape tape;
  const Tensor input = tape.watch(x), output = network(input);
  Tensor total = zeros({x.dim(1), x.dim(1)}, x.dtype());
  for (std::int64_t k = 0; k < output.dim(1); ++k)
    total = total + sum(abs(batch_jacobian(select(output, 1, k), input)), {0});
  return total.to_vector<double>();
}

}  // namespace

TEST_CASE_TEMPLATE("the Jacobian of a masked network is strictly triangular in its order", A, Relu, Identity, Tanh) {
  constexpr std::int64_t kDim = 5;
  for (const Order order : {Order::Natural, Order::Reversed}) {
    for (const std::int64_t hidden_layers : {0, 1, 3}) {
      for (const DType dtype : {DType::Float32, DType::Float64}) {
        const auto made = Made<A>::random({3, 0}, {kDim, 40, hidden_layers, 3, order}, dtype);
        const auto slopes = sensitivity(made, random_normal({4, 0}, {6, kDim}, dtype));
        CAPTURE(hidden_layers);
        for (std::int64_t i = 0; i < kDim; ++i) {
          for (std::int64_t j = 0; j < kDim; ++j) {
            const bool comes_before = order == Order::Natural ? j < i : j > i;
            CHECK((slopes[static_cast<std::size_t>(i * kDim + j)] > 0) == comes_before);
          }
        }
      }
    }
  }
}

TEST_CASE("in two dimensions all hidden units see the first coordinate, and no other") {
  const auto made = Made<Relu>::random({5, 0}, {2, 7, 2, 1});
  CHECK(made.layers.size() == 3);
  for (std::int64_t unit = 0; unit < 7; ++unit) {
    CHECK(made.layers[0].mask.at({unit, 0}) == 1);
    CHECK(made.layers[0].mask.at({unit, 1}) == 0);
  }
  CHECK(min(made.layers[1].mask).item() == 1);
  const auto reversed = Made<Relu>::random({5, 0}, {2, 7, 2, 1, Order::Reversed});
  CHECK(reversed.layers[0].mask.at({0, 0}) == 0);
  CHECK(reversed.layers[0].mask.at({0, 1}) == 1);
  CHECK(reversed.coordinate(0) == 1);
}

TEST_CASE("hidden degrees take all values and follow from the key") {
  // The first hidden layer's mask has as many ones in a row as the degree of the unit.
  const auto ones_of = [](const RandomKey& key) {
    return sum(Made<Relu>::random(key, {6, 200, 2, 1}).layers[0].mask, {1}).to_vector<double>();
  };
  std::vector<int> counts(7);
  for (const double degree : ones_of({8, 0})) ++counts[static_cast<std::size_t>(degree)];
  CHECK(counts[0] == 0);
  CHECK(counts[6] == 0);
  for (std::size_t degree = 1; degree <= 5; ++degree) CHECK(counts[degree] > 20);  // 40 each, give or take 6
  CHECK(ones_of({8, 0}) == ones_of({8, 0}));
  CHECK(ones_of({8, 0}) != ones_of({8, 1}));
}

TEST_CASE("masked weights are parameters with gradient zero, masks are none") {
  const auto made = Made<Tanh>::random({6, 0}, {3, 8, 2, 2});
  CHECK(count_parameters(made) == (3 * 8 + 8) + (8 * 8 + 8) + (8 * 6 + 6));
  Tape tape;
  const auto recorded = tape.watch(made);
  const auto slopes = grad(sum(square(recorded(random_normal({7, 0}, {9, 3})))), recorded);
  for (std::size_t k = 0; k < 3; ++k) {
    const Tensor& slope = slopes.layers[k].linear.weight;
    CHECK(testing::max_abs(slope * (1.0 - made.layers[k].mask)) == 0);
    CHECK(testing::max_abs(slope * made.layers[k].mask) > 0);
  }
}

TEST_CASE("the conditioner of a single coordinate is constant") {
  const auto made = Made<Relu>::random({9, 0}, {1, 4, 2, 2});
  const auto out = made(reshape(tensor({-3.0, 5.0}), {2, 1})).to_vector<double>();
  CHECK(out[0] == out[2]);
  CHECK(out[1] == out[3]);
}

TEST_CASE("outputs start within 0.001 of zero for inputs of no size") {
  const auto made = Made<Relu>::random({10, 0}, {4, 30, 1, 5});
  const Linear& output = made.layers.back().linear;
  CHECK(testing::max_abs(output.weight) <= 0.001);
  CHECK(testing::max_abs(output.weight) > 0.0009);
  CHECK(testing::max_abs(*output.bias) <= 0.001);
  CHECK(testing::max_abs(*output.bias) > 0.0005);
}

TEST_CASE("networks of no size are refused") {
  const auto refusal = [](const MadeSizes& sizes) {
    return testing::message_of([&] { masked_layers({1, 0}, sizes, DType::Float64); });
  };
  CHECK(testing::lacks(refusal({0, 4, 1, 2}), {"[Made]", "from 0 inputs"}) == "");
  CHECK(testing::lacks(refusal({2, 0, 1, 2}), {"[Made]", "0 units"}) == "");
  CHECK(testing::lacks(refusal({2, 4, -1, 2}), {"[Made]", "-1 hidden layers"}) == "");
  CHECK(testing::lacks(refusal({2, 4, 1, 0}), {"[Made]", "to 0 outputs"}) == "");
  CHECK(refusal({2, 0, 0, 2}).empty());
}

// The couplings in the plane: their distributions have the moments that they should, the start fits means and spreads,
// and scores are what they are for clouds that are moved.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "experiments/support/coupling_scores.h"
#include "experiments/support/coupling_targets.h"
#include "experiments/support/fitted_start.h"
#include "models/gradnet.h"
#include "models/mgn.h"
#include "tests/support/compare.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

// Largest difference of entries.
double distance(const Tensor& a, const Tensor& b) { return max(abs(a - b)).item(); }

}  // namespace

TEST_CASE("source and targets have their means and covariances") {
  constexpr std::int64_t kCount = 200'000;
  const GaussianMoments source = gaussian_fit(coupling_source({1, 0}, kCount));
  CHECK(distance(source.mean, tensor({-6.0, 4.0})) < 0.01);
  CHECK(distance(source.covariance, eye(2)) < 0.02);
  const GaussianMoments gaussian = gaussian_fit(gaussian_target().draw({2, 0}, kCount));
  CHECK(distance(gaussian.mean, tensor({2.0, -3.0})) < 0.01);
  CHECK(distance(gaussian.covariance, tensor({{1.0, 0.5}, {0.5, 1.0}})) < 0.02);
  // (X, Y + X² - 1/2) has mean (0, 1/2) and covariance diag(1, 3); turned by π/5.
  const GaussianMoments banana = gaussian_fit(banana_target().draw({3, 0}, kCount));
  const double s = std::sin(std::numbers::pi / 5), c = std::cos(std::numbers::pi / 5);
  CHECK(distance(banana.mean, tensor({-0.5 * s, 0.5 * c})) < 0.02);
  const Tensor turned = tensor({{c * c + 3 * s * s, -2 * s * c}, {-2 * s * c, s * s + 3 * c * c}});
  CHECK(distance(banana.covariance, turned) < 0.08);
}

TEST_CASE("the optimal map between the Gaussians is the known one") {
  const AffineMap map = optimal_gaussian_map();
  const double on = std::sqrt(2 + std::sqrt(3.0)) / 2, off = std::sqrt(2 - std::sqrt(3.0)) / 2;
  CHECK(distance(map.matrix, tensor({{on, off}, {off, on}})) < 1e-12);
  CHECK(distance(map(coupling_source_mean()), tensor({2.0, -3.0})) < 1e-12);
}

TEST_CASE("scores of a moved cloud") {
  const Tensor x = gaussian_target().draw({4, 0}, 300), y = x + tensor({1.0, -3.0});
  CHECK(marginal_w1(x, x) == 0);
  CHECK(marginal_w1(x, y) == doctest::Approx(2));
  CHECK(judged_sinkhorn(x, y) == doctest::Approx(5).epsilon(0.01));  // half of 1 + 9
}

TEST_CASE("the start fits the means and spreads of two batches, for every family") {
  const Tensor x = coupling_source({5, 0}, 256), y = banana_target().draw({6, 0}, 256);
  const auto check = [&](const auto& network) {
    const auto start = fitted_start(network, x, y);
    const GaussianMoments image = gaussian_fit(start(x)), target = gaussian_fit(y);
    CHECK(distance(image.mean, target.mean) < 1e-9);
    CHECK(sum(image.covariance * eye(2)).item() ==
          doctest::Approx(sum(target.covariance * eye(2)).item()).epsilon(1e-6));
    CHECK(count_parameters(start) == count_parameters(network));
  };
  const RandomKey key(7, 0);
  check(CascadedMgn<Tanh>::random(key, 2, 8, 3, 2));
  check(ModularMgn<LogCosh>::random(key, 2, 8, 3, 2));
  check(MonotoneCascadedGradNet<Tanh>::random(key, 2, 8, 3));
  check(MonotoneModularGradNet<Softmax>::random(key, 2, 8, 3));
}

TEST_CASE("a centred network is the network with other biases and another offset") {
  const CascadedMgn<Tanh> network = CascadedMgn<Tanh>::random({8, 0}, 2, 8, 3, 2);
  const Centred<CascadedMgn<Tanh>> centred{network, tensor({-6.0, 4.0})};
  CascadedMgn<Tanh> folded = network;
  const Tensor shift = matmul(network.weight, centred.centre);
  for (Tensor& bias : folded.biases) bias = bias - shift;
  folded.offset = folded.offset - matmul(network.linear.gram(), centred.centre);
  const Tensor x = coupling_source({9, 0}, 50);
  CHECK(distance(centred(x), folded(x)) < 1e-12);
}

TEST_CASE("medians over seeds") {
  const std::vector<Row> rows{{{"seed", 0}, {"parameters", 46}, {"w2", 3.0}, {"l2_uvp", nullptr}, {"certified", true}},
                              {{"seed", 1}, {"parameters", 46}, {"w2", 1.0}, {"l2_uvp", nullptr}, {"certified", false}},
                              {{"seed", 2}, {"parameters", 46}, {"w2", 2.0}, {"l2_uvp", nullptr}, {"certified", true}}};
  CHECK(to_json(median_of_seeds(rows)) ==
        R"({"seed":"median","parameters":46,"w2":2.0,"l2_uvp":null,"certified":false})");
}

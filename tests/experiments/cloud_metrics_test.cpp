// Scores of clouds against what is known of them: equal distributions, shifts, neighbours found one by one.
#include "experiments/support/cloud_metrics.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace brenier::experiments {
namespace {

using brenier::testing::message_of;
using brenier::testing::mismatch;

Tensor normal(std::uint64_t counter, std::int64_t n, std::int64_t d) { return random_normal({7, counter}, {n, d}); }

}  // namespace

TEST_CASE("the energy of one distribution is about 0 where its Sinkhorn divergence is not") {
  const Tensor x = normal(0, 200, 30), y = normal(1, 200, 30);
  const double divergence = sinkhorn_divergence(x, y, {.blur = 0.05}).item();
  const double energy = sinkhorn_energy(x, y, {.blur = 0.05}).item();
  CHECK(divergence > 5);
  CHECK(std::abs(energy) < 0.05 * divergence);
  // A cloud of averages is nearer to the sample by the divergence, and farther by the energy.
  const Tensor shrunk = 0.3 * x;
  CHECK(sinkhorn_divergence(shrunk, y, {.blur = 0.05}).item() < divergence);
  CHECK(sinkhorn_energy(shrunk, y, {.blur = 0.05}).item() > 0.3 * divergence);
}

TEST_CASE("the energy of a shift of equal halves is its squared length") {
  // Both halves of each cloud are the same, so that S(x, x') = 0 and S(x, x + c) = |c|²/2.
  const Tensor half = normal(2, 20, 3), x = concat({half, half}, 0), shift = tensor({1, -2, 2});
  CHECK(mismatch(sinkhorn_energy(x, x + shift, {.blur = 0.01, .scaling = 0.9}), tensor(9.0), 1e-6) == "");
  CHECK(message_of([&] { (void)sinkhorn_energy(slice(x, 0, 0, 39), x); }) ==
        "[sinkhorn_energy] clouds are halved, got 39 and 40 rows");
}

TEST_CASE("the nearest row is the one that a search over all pairs finds") {
  const Tensor points = normal(3, 300, 4), reference = normal(4, 50, 4);
  const auto [index, distance] = nearest_rows(points, reference);
  const Tensor pairs = expand_axis(points, 1) - expand_axis(reference, 0);
  const Tensor all = sqrt(sum(square(pairs), {2}));
  CHECK(mismatch(distance, min(all, {1}), 1e-12) == "");
  CHECK(index.to_vector<std::int64_t>() == argmax(-all, 1).to_vector<std::int64_t>());
  CHECK(max(nearest_rows(reference, reference).distance).item() == 0);
}

TEST_CASE("the judge of clouds knows a copy and refuses another number of points") {
  const Tensor held_out = normal(5, 40, 6), training = normal(6, 60, 6);
  const CloudJudge judge{held_out, training, 0.05, 1};
  const CloudScores same = judge(held_out);
  CHECK(std::abs(same.sinkhorn) < 1e-9);
  CHECK(std::abs(same.wide) < 1e-9);
  CHECK(same.sliced_w2 == 0);
  CHECK(same.nearest_neighbour > 0);
  CHECK(judge(slice(training, 0, 0, 40)).nearest_neighbour == 0);
  const CloudScores shifted = judge(held_out + 1.0);
  CHECK(shifted.sinkhorn == doctest::Approx(3).epsilon(1e-6));  // |1|²/2 in 6 dimensions
  CHECK(shifted.sliced_w2 == doctest::Approx(1).epsilon(0.1));  // √(|1|²/6) on average over directions
  CHECK(message_of([&] { (void)judge(training); }).find("as many points as held out") != std::string::npos);
}

TEST_CASE("a Gram factor gives back the matrix, or the nearest one of its rank") {
  const Tensor b = normal(7, 5, 3), matrix = matmul(b, transpose(b));
  const Tensor full = gram_factor(matrix, 5), exact = gram_factor(matrix, 3), one = gram_factor(matrix, 1);
  CHECK(mismatch(matmul(transpose(full), full), matrix, 1e-12) == "");
  CHECK(mismatch(matmul(transpose(exact), exact), matrix, 1e-12) == "");
  const Tensor values = symmetric_eigen(matrix).values;
  const double missing = std::hypot(values.at({3}), values.at({2}));
  CHECK(std::sqrt(sum(square(matmul(transpose(one), one) - matrix)).item()) == doctest::Approx(missing));
  CHECK(message_of([&] { (void)gram_factor(matrix, 6); }) == "[gram_factor] rank 6 of a matrix with 5 rows");
}

}  // namespace brenier::experiments

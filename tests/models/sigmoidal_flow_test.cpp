// Mixtures of sigmoids: the start, the tails in both precisions, and the inverse with every way that it can end.
#include "models/sigmoidal_flow.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "models/sigmoid_mixture.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

const double kUnitSlope = std::log(std::exp(1.0) - 1);
// The largest |z|.
const double kRange = std::log(2 / kSigmoidFloor - 1);

// Slopes 0.05, 1, 20, shifts -30, 0, 4 and uneven weights: flat and steep parts far apart.
const std::array<double, 9> kUneven{std::log(std::expm1(0.05)), kUnitSlope, 20, -30, 0, 4, -2, 0, 1};

// The same mixture whatever comes before, from output biases for two coordinates.
SigmoidalAutoregressive<Relu> with_output(const std::vector<double>& biases) {
  const auto sigmoids = static_cast<std::int64_t>(biases.size()) / 6;
  auto flow = SigmoidalAutoregressive<Relu>::random({1, 0}, 2, 0, 0, DType::Float64, Order::Natural, sigmoids);
  Linear& output = flow.conditioner.layers.back().linear;
  output = {zeros_like(output.weight), tensor(biases, {static_cast<std::int64_t>(biases.size())})};
  return flow;
}

}  // namespace

TEST_CASE("a sigmoidal flow starts near the identity: all slopes are 1") {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    const auto flow = SigmoidalAutoregressive<Relu>::random({2, 0}, 3, 16, 2, dtype);
    CHECK(flow.conditioner.sizes.blocks == 48);
    const Tensor x = 2.0 * random_normal({3, 0}, {60, 3}, dtype);
    const Tensor parameters = flow.conditioner(x);
    CHECK(mismatch(softplus(slice(parameters, 1, 0, 16)), ones({60, 16, 3}, dtype), 0.02) == "");
    CHECK(testing::max_abs(flow(x) - x) < 0.05);
    CHECK(testing::max_abs(flow.forward(x).logdet) < 0.05);
  }
}

TEST_CASE("one sigmoid is an affine map as far as the floor lets it") {
  // σ(3x - 1) by a raw slope of softplus⁻¹(3): z = 3x - 1 where |z| is well below 16.8.
  const auto flow = with_output({std::log(std::expm1(3.0)), kUnitSlope, -1, 0, 0, 0});
  const Transformed z = flow.forward(tensor({{1.0, 0.5}}));
  CHECK(z.value.at({0, 0}) == doctest::Approx(2).epsilon(1e-6));
  CHECK(z.logdet.item() == doctest::Approx(std::log(3.0)).epsilon(1e-6));
}

TEST_CASE("values and slopes in the tails are as good in float32 as in float64") {
  // Next to 1, float32 cannot tell 1 - δ/2 from 1; the sum of the complements can.
  for (const double reach : {1.0, 8.0, 14.0, 40.0}) {
    const Tensor parameters = reshape(tensor({kUnitSlope, kUnitSlope, 0.5, -0.5, 0.0, 1.0}), {1, 6, 1});
    for (const double x : {-reach, reach}) {
      CAPTURE(x);
      const Transformed fine = transform_by_sigmoids(parameters, full({1, 1}, x));
      const Transformed coarse =
          transform_by_sigmoids(cast(parameters, DType::Float32), full({1, 1}, x, DType::Float32));
      CHECK(std::abs(fine.value.item()) < kRange);
      CHECK(coarse.value.item() == doctest::Approx(fine.value.item()).epsilon(1e-6));
      CHECK(coarse.logdet.item() == doctest::Approx(fine.logdet.item()).epsilon(1e-5));
    }
  }
}

TEST_CASE("the root of a mixture is found to rounding, in few iterations, also where it is uneven") {
  const SigmoidMixture mixture(kUneven);
  std::int64_t most = 0;
  for (double z = -12; z <= 12; z += 0.37) {
    const auto root = mixture.solve(z, 200);
    CAPTURE(z);
    CHECK(root.status == SolveStatus::Converged);
    // A unit in the last place of x, or of ln p and ln q.
    const double slope = mixture.log_odds(root.x).slope, eps = testing::epsilon(DType::Float64);
    CHECK(std::abs(mixture.image(root.x) - z) <= 4 * eps * (slope * std::abs(root.x) + 16 + 4 * std::abs(z)));
    most = std::max(most, root.iterations);
  }
  CHECK(most <= 40);
  // Equal sigmoids are one, and linear.
  const std::array<double, 6> equal{kUnitSlope, kUnitSlope, 0, 0, 0, 0};
  CHECK(SigmoidMixture(equal).solve(3, 200).iterations <= 3);
}

TEST_CASE("an image beyond the range ends where the flow does, and says so") {
  const auto flow = SigmoidalAutoregressive<Relu>::random({4, 0}, 2, 8, 1);
  const Preimage x = flow.inverse(tensor({{1.0, 1.0}, {20.0, 1.0}, {1.0, -17.5}}));
  CHECK(x.report.status == SolveStatus::Stagnated);
  CHECK(x.report.rows.at(0).status == SolveStatus::Converged);
  CHECK(x.report.rows.at(2).status == SolveStatus::Stagnated);
  CHECK(x.report.residual_norm == doctest::Approx(20 - kRange).epsilon(1e-6));
  CHECK(x.report.message.find("2 of 3 rows did not converge; row 1: z = 20 is outside ±16.8112") != std::string::npos);
  CHECK(flow(x.solution).at({1, 0}) == doctest::Approx(kRange).epsilon(1e-6));
}

TEST_CASE("too few iterations are reported with the option to change") {
  std::vector<double> biases;
  for (std::size_t k = 0; k < 9; ++k) biases.insert(biases.end(), {kUneven[k], kUneven[k]});
  const auto flow = with_output(biases);
  const Preimage x = flow.inverse(tensor({{-5.0, 3.0}}), 2);
  CHECK(x.report.status == SolveStatus::IterationLimit);
  CHECK(x.report.message.find("row 0: stopped after 2 iterations for z = -5, residual") != std::string::npos);
  CHECK(x.report.message.find("see max_iterations") != std::string::npos);
  const Preimage better = flow.inverse(tensor({{-5.0, 3.0}}));
  CHECK(better.report.converged());
  CHECK(better.report.residual_norm < x.report.residual_norm);
  CHECK(better.report.residual_norm < 1e-11);
  CHECK(better.report.message.find("all 1 rows converged") != std::string::npos);
  CHECK(better.report.row_evaluations == better.report.iterations);
}

TEST_CASE("rows and parameters that are not finite are named") {
  const auto flow = SigmoidalAutoregressive<Relu>::random({5, 0}, 2, 8, 1);
  const Preimage x = flow.inverse(tensor({{1.0, 2.0}, {std::nan(""), 0.0}}));
  CHECK(x.report.status == SolveStatus::NotFinite);
  CHECK(x.report.message.find("row 1: z = nan or a parameter") != std::string::npos);
  CHECK(std::isnan(x.report.rows.at(1).residual_norm));
  CHECK(std::isnan(x.report.residual_norm));
  CHECK(x.report.rows.at(0).residual_norm < 1e-14);
}

// Values of the Sinkhorn divergence: closed forms, symmetry, sign, the limit of large clouds, other people's numbers, and
// every way to end.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/backend.h"
#include "engine/memory.h"
#include "solvers/sinkhorn.h"
#include "solvers/wasserstein.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

using namespace brenier;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::mismatch;
using brenier::testing::Sampler;

namespace {

double value_of(const Tensor& x, const Tensor& y, const SinkhornOptions& options = {}) {
  return sinkhorn_divergence(x, y, options).item();
}

// The term OT(β, β) of the two points 0 and `length` on a line, each of weight 1/2: the plan has s/2 on the diagonal and
// t/2 beside it, t = 1 - s.
double two_point_self_term(double length, double epsilon) {
  const double cost = length * length / 2, t = 1 / (1 + std::exp(cost / epsilon)), s = 1 - t;
  return t * cost + epsilon * (s * std::log(2 * s) + t * std::log(2 * t));
}

}  // namespace

TEST_CASE("a cloud has divergence zero from itself, bit for bit, in both precisions") {
  Sampler sampler(1);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor x = sampler.uniform({30, 3}, -4, 9, dtype);
    for (double blur : {0.01, 0.3, 5.0}) CHECK(value_of(x, x, {.blur = blur}) == 0);
  }
}

TEST_CASE("the divergence is symmetric and positive") {
  Sampler sampler(2);
  for (int trial = 0; trial < 5; ++trial) {
    const Tensor x = sampler.uniform({20, 2}), y = sampler.uniform({15, 2}, -1.5, 1);
    const double forward = value_of(x, y, {.blur = 0.2, .tolerance = 1e-10});
    CHECK(forward > 0);
    CHECK(value_of(y, x, {.blur = 0.2, .tolerance = 1e-10}) == doctest::Approx(forward).epsilon(1e-9));
    CHECK(value_of(y, x, {.blur = 0.2}) == doctest::Approx(value_of(x, y, {.blur = 0.2})).epsilon(1e-13));
  }
}

TEST_CASE("Dirac masses are half their squared distance apart, for every blur") {
  const Tensor x = tensor({{1, 2, -1}}), y = tensor({{-1, 3, 1}});
  for (double blur : {1e-3, 0.05, 10.0}) CHECK(value_of(x, y, {.blur = blur}) == doctest::Approx(4.5).epsilon(1e-13));
  CHECK(value_of(cast(x, DType::Float32), cast(y, DType::Float32)) == 4.5);
}

TEST_CASE("one point against two has a closed form") {
  for (double blur : {0.3, 1.0, 4.0}) {
    const double expected = (1 + 9) / 4.0 - two_point_self_term(4, blur * blur) / 2;
    const SinkhornOptions options{.blur = blur, .tolerance = 1e-13};
    CHECK(value_of(zeros({1, 1}), reshape(tensor({-1.0, 3.0}), {2, 1}), options) ==
          doctest::Approx(expected).epsilon(1e-11));
  }
}

TEST_CASE("a translation costs half its square, whatever the blur") {
  // The plan between a cloud and its translate is that of the cloud and itself.
  Sampler sampler(3);
  const Tensor x = sampler.uniform({25, 2}), shift = tensor({3.0, -4.0});
  for (double blur : {0.1, 1.0})
    CHECK(value_of(x, x + shift, {.blur = blur, .tolerance = 1e-11}) == doctest::Approx(12.5).epsilon(1e-9));
}

TEST_CASE("a position far from the origin costs no accuracy") {
  Sampler sampler(4);
  const Tensor x = sampler.uniform({40, 2}), y = sampler.uniform({40, 2}) + tensor({0.5, 0.25});
  const SinkhornOptions options{.blur = 0.1, .diameter = 4};
  const double exact = value_of(x, y, options);
  const Tensor far = tensor({512.0, -256.0});
  const double single = value_of(cast(x + far, DType::Float32), cast(y + far, DType::Float32), options);
  // Rounding to float32 moves the points by 3e-5 at most; the divergence has slope 0.6.
  CHECK(std::abs(single - exact) < 4e-5);
}

TEST_CASE("a point of weight two is two points") {
  Sampler sampler(5);
  const Tensor x = sampler.uniform({4, 2}), y = sampler.uniform({5, 2});
  const Tensor doubled = concat({x, slice(x, 0, 0, 1)}, 0);
  const SinkhornOptions plain{.blur = 0.5, .tolerance = 1e-12};
  SinkhornOptions weighted = plain;
  weighted.x_weights = tensor({0.4, 0.2, 0.2, 0.2});
  CHECK(value_of(x, y, weighted) == doctest::Approx(value_of(doubled, y, plain)).epsilon(1e-10));
  // Points without weight are not there.
  weighted.x_weights = tensor({0.2, 0.2, 0.2, 0.2, 0.2, 0.0});
  const Tensor more = concat({doubled, tensor({{50.0, 50.0}})}, 0);
  weighted.diameter = 4;
  CHECK(value_of(more, y, weighted) == doctest::Approx(value_of(doubled, y, plain)).epsilon(1e-10));
}

TEST_CASE("a small blur gives half the squared Wasserstein distance") {
  Sampler sampler(6);
  const Tensor x = sampler.uniform({12, 2}), y = sampler.uniform({12, 2}, 0, 3);
  const double exact = std::pow(wasserstein_exact(x, y), 2) / 2;
  CHECK(value_of(x, y, {.blur = 0.02, .tolerance = 1e-6, .max_iterations = 5000}) ==
        doctest::Approx(exact).epsilon(1e-3));
}

TEST_CASE("Gaussian clouds of one covariance tend to half the squared distance of their means") {
  const auto error = [](std::int64_t n) {
    double total = 0;
    for (std::uint64_t trial = 0; trial < 4; ++trial) {
      const Tensor x = random_normal({11, 2 * trial}, {n, 2});
      const Tensor y = random_normal({11, 2 * trial + 1}, {n, 2}) + tensor({1.0, 2.0});
      total += std::abs(value_of(x, y, {.blur = 0.5}) - 2.5) / 4;
    }
    return total;
  };
  // The means of n points are off by 1/√n, so the error is about |m1 - m2| √(2/n).
  const bool fast = default_backend().host_readable();
  const double small = error(30), large = error(fast ? 1000 : 200);
  CHECK(large < (fast ? 0.12 : 0.3));
  CHECK(large < 0.7 * small);
}

TEST_CASE("blocks of rows give what kept products give, in little memory") {
  Sampler sampler(7);
  const Tensor x = sampler.uniform({50, 3}), y = sampler.uniform({41, 3});
  CHECK(value_of(x, y, {.matrix_bytes = 0}) == doctest::Approx(value_of(x, y)).epsilon(1e-13));
  if (!default_backend().host_readable()) return;
  const Tensor many = random_uniform({8, 0}, {3000, 2}, DType::Float32);
  const Tensor more = random_uniform({8, 1}, {3000, 2}, DType::Float32);
  reset_peak_memory();
  value_of(many, more, {.blur = 0.5, .diameter = 1, .matrix_bytes = 0});
  CHECK(memory_stats().peak_bytes < std::size_t{32} << 20);  // one matrix of products has 34 MiB
}

TEST_CASE("potentials make a plan with the right marginals, and their mean is the transport cost") {
  Sampler sampler(8);
  const Tensor x = sampler.uniform({9, 2}), y = sampler.uniform({7, 2}, 1, 3);
  const double epsilon = 0.25;
  const auto [value, potentials, report] = solve_sinkhorn(x, y, {.blur = 0.5, .tolerance = 1e-12});
  const Tensor cost = 0.5 * (sum(square(x), {1}, true) + sum(square(y), {1}) - 2.0 * matmul(x, transpose(y)));
  const Tensor exponents = (expand_axis(potentials.x, 1) + potentials.y - cost) / epsilon;
  const Tensor plan = exp(exponents) / 63.0;
  CHECK(mismatch(sum(plan, {1}), full({9}, 1.0 / 9), 1e-11) == "");
  CHECK(mismatch(sum(plan, {0}), full({7}, 1.0 / 7), 1e-11) == "");
  const double primal = (sum(plan * cost) + epsilon * sum(plan * exponents)).item();
  CHECK((mean(potentials.x) + mean(potentials.y)).item() == doctest::Approx(primal).epsilon(1e-10));
  const double self = (mean(potentials.x_self) + mean(potentials.y_self)).item();
  CHECK(value.item() == doctest::Approx(primal - self).epsilon(1e-10));
  CHECK(report.converged());
}

// Of geomloss 0.3.1, SamplesLoss("sinkhorn", p=2, blur=…, scaling=…, backend="tensorized"), and of POT 0.9.7,
// ot.bregman.sinkhorn_log(a, b, ot.dist(x, y)/2, blur², stopThr=1e-14) as <P, C> + ε KL for each of the three terms, in
// float64. `./run compare --only sinkhorn` compares larger clouds.
TEST_CASE("finite schedules give GeomLoss's numbers, and converged ones POT's") {
  std::vector<double> points, others;
  for (int i = 0; i < 6; ++i) points.insert(points.end(), {0.1 * i + 0.3 * std::sin(i), std::cos(i)});
  for (int j = 0; j < 5; ++j) others.insert(others.end(), {0.2 * j, std::sin(2 * j) + 0.5});
  const Tensor x = tensor(points, {6, 2}), y = tensor(others, {5, 2});
  CHECK(value_of(x, y, {.blur = 0.05}) == doctest::Approx(0.3234965244418402).epsilon(1e-12));
  CHECK(value_of(x, y, {.blur = 0.3}) == doctest::Approx(0.30419089756266704).epsilon(1e-12));
  CHECK(value_of(x, y, {.blur = 0.1, .scaling = 0.9}) == doctest::Approx(0.325555522716951).epsilon(1e-12));
  CHECK(value_of(x, y, {.blur = 0.3, .tolerance = 1e-12}) == doctest::Approx(0.3030015265267694).epsilon(1e-10));
  CHECK(value_of(x, y, {.blur = 0.5, .tolerance = 1e-12}) == doctest::Approx(0.2817741196921003).epsilon(1e-10));
}

TEST_CASE("a schedule alone says what error it left and how to go on") {
  Sampler sampler(9);
  const auto [value, potentials, report] = solve_sinkhorn(sampler.uniform({8, 2}), sampler.uniform({8, 2}));
  CHECK(report.status == SolveStatus::IterationLimit);
  CHECK(report.iterations > 5);
  CHECK(report.residual_norm > 1e-3);
  CHECK(lacks(report.message, {"sinkhorn: ", "the schedule of", "marginal error", "set tolerance"}) == "");
}

TEST_CASE("an iteration that is cut short says so") {
  Sampler sampler(10);
  const Tensor x = sampler.uniform({10, 2}), y = sampler.uniform({10, 2});
  const SinkhornOptions options{.blur = 0.02, .tolerance = 1e-9, .max_iterations = 3};
  const SolveReport report = solve_sinkhorn(x, y, options).report;
  CHECK(report.status == SolveStatus::IterationLimit);
  CHECK(report.residual_norm > 1e-9);
  CHECK(lacks(report.message, {"sinkhorn: ", "> tolerance 1e-09", "raise max_iterations = 3", "blur = 0.02"}) == "");
}

TEST_CASE("a converged iteration meets its tolerance") {
  Sampler sampler(11);
  const Tensor x = sampler.uniform({10, 2}), y = sampler.uniform({12, 2});
  for (double tolerance : {1e-3, 1e-6, 1e-10}) {
    const SolveReport report = solve_sinkhorn(x, y, {.blur = 0.2, .tolerance = tolerance}).report;
    CHECK(report.converged());
    CHECK(report.residual_norm <= tolerance);
    CHECK(lacks(report.message, {"sinkhorn: ", "marginal error", "iterations"}) == "");
  }
}

TEST_CASE("points that are not finite are reported, not thrown") {
  const Tensor y = tensor({{0.0, 1.0}, {2.0, 1.0}});
  for (double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (double tolerance : {0.0, 1e-6}) {
      const SolveReport report = solve_sinkhorn(tensor({{bad, 1.0}}), y, {.tolerance = tolerance}).report;
      CHECK(report.status == SolveStatus::NotFinite);
      CHECK(report.iterations < 20);
      CHECK(lacks(report.message, {"sinkhorn: ", "not finite", "blur = 0.05"}) == "");
    }
  }
}

TEST_CASE("arguments that make no sense are refused") {
  const Tensor x = zeros({3, 2});
  const auto of = [&](const Tensor& y, const SinkhornOptions& options = {}) {
    return message_of([&] { sinkhorn_divergence(x, y, options); });
  };
  CHECK(lacks(of(zeros({3, 3})), {"[sinkhorn]", "[3, 2]", "[3, 3]"}) == "");
  CHECK(lacks(of(zeros({0, 2})), {"[sinkhorn]", "[0, 2]"}) == "");
  CHECK(lacks(of(zeros({3, 2}, DType::Float32)), {"[sinkhorn]", "float64", "float32"}) == "");
  CHECK(lacks(of(x, {.blur = 0}), {"[sinkhorn]", "blur > 0"}) == "");
  CHECK(lacks(of(x, {.scaling = 1}), {"[sinkhorn]", "scaling in (0, 1)"}) == "");
  CHECK(lacks(of(x, {.x_weights = ones({4})}), {"[sinkhorn]", "x_weights", "[3]", "[4]"}) == "");
  CHECK(lacks(of(x, {.y_weights = tensor({1.0, -1.0, 1.0})}), {"[sinkhorn]", "negative"}) == "");
  CHECK(lacks(of(x, {.y_weights = ones({3})}), {"[sinkhorn]", "sum to 1", "3"}) == "");
}

// Derivatives of the Sinkhorn divergence: against differences at convergence, where the envelope theorem holds, against
// GeomLoss where it does not, and what the recorded formula promises of both modes, blocks and programs.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/autodiff.h"
#include "engine/backend.h"
#include "solvers/sinkhorn.h"
#include "tests/support/compare.h"
#include "tests/support/difference_quotient.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

using namespace brenier;
using brenier::testing::difference_quotient;
using brenier::testing::DifferenceQuotient;
using brenier::testing::inner;
using brenier::testing::lacks;
using brenier::testing::max_abs;
using brenier::testing::message_of;
using brenier::testing::mismatch;
using brenier::testing::Sampler;

namespace {

using Function = std::function<Tensor(const Tensor&)>;

// How far <grad f(x), t> is from a difference quotient along t.
double gradient_error(const Function& f, const Tensor& x, const Tensor& t) {
  Tape tape;
  const Tensor watched = tape.watch(x);
  const double slope = inner({grad(f(watched), watched)}, {t});
  const DifferenceQuotient quotient =
      difference_quotient([&](double h) { return std::vector<double>{f(x + h * t).item()}; }, DType::Float64);
  CHECK(std::abs(slope) > 1e-3);  // else there is nothing to see
  return std::abs(slope - quotient.values[0]);
}

Tensor gradient(const Function& f, const Tensor& x) {
  Tape tape;
  const Tensor watched = tape.watch(x);
  return grad(f(watched), watched).detached();
}

const SinkhornOptions kConverged{.blur = 0.6, .diameter = 4, .tolerance = 1e-14, .max_iterations = 2000};

}  // namespace

TEST_CASE("at convergence the gradient is that of differences, for points and weights of both sides") {
  Sampler sampler(1);
  const Tensor x = sampler.uniform({6, 2}), y = sampler.uniform({5, 2}, 0, 2);
  const Tensor a = tensor({0.1, 0.2, 0.15, 0.25, 0.1, 0.2});
  SinkhornOptions options = kConverged;
  options.x_weights = a;
  const auto of_x = [&](const Tensor& p) { return sinkhorn_divergence(p, y, options); };
  const auto of_y = [&](const Tensor& p) { return sinkhorn_divergence(x, p, options); };
  CHECK(gradient_error(of_x, x, sampler.direction({6, 2})) < 1e-8);
  CHECK(gradient_error(of_y, y, sampler.direction({5, 2})) < 1e-8);
  const auto of_weights = [&](const Tensor& w) {
    SinkhornOptions other = kConverged;
    other.x_weights = w;
    return sinkhorn_divergence(x, y, other);
  };
  // Weights keep their sum.
  CHECK(gradient_error(of_weights, a, tensor({0.5, -0.2, 0.1, -0.3, 0.2, -0.3})) < 1e-8);
}

TEST_CASE("the gradient is the difference of two entropic means") {
  Sampler sampler(2);
  const Tensor x = sampler.uniform({7, 2}), y = sampler.uniform({7, 2}, 0, 2);
  const double epsilon = kConverged.blur * kConverged.blur;
  const SinkhornPotentials p = solve_sinkhorn(x, y, kConverged).potentials;
  const auto sent_to = [&](const Tensor& f, const Tensor& g, const Tensor& targets) {
    const Tensor cost = 0.5 * sum(square(expand_axis(x, 1) - targets), {2});
    return matmul(exp((expand_axis(f, 1) + g - cost) / epsilon) / 7.0, targets);
  };
  const Tensor expected = (sent_to(p.x_self, p.x_self, x) - sent_to(p.x, p.y, y)) / 7.0;
  CHECK(mismatch(gradient([&](const Tensor& q) { return sinkhorn_divergence(q, y, kConverged); }, x), expected,
                 1e-10) == "");
}

TEST_CASE("a cloud does not want to leave itself") {
  Sampler sampler(3);
  const Tensor x = sampler.uniform({12, 2});
  CHECK(max_abs(gradient([&](const Tensor& p) { return sinkhorn_divergence(p, x, kConverged); }, x)) < 1e-13);
}

// geomloss 0.3.1 as in sinkhorn_test.cpp, the third row of the gradient and its norm.
TEST_CASE("after a finite schedule the gradient is GeomLoss's") {
  std::vector<double> points, others;
  for (int i = 0; i < 6; ++i) points.insert(points.end(), {0.1 * i + 0.3 * std::sin(i), std::cos(i)});
  for (int j = 0; j < 5; ++j) others.insert(others.end(), {0.2 * j, std::sin(2 * j) + 0.5});
  const Tensor x = tensor(points, {6, 2}), y = tensor(others, {5, 2});
  const Tensor g = gradient([&](const Tensor& p) { return sinkhorn_divergence(p, y, {.blur = 0.05}); }, x);
  CHECK(mismatch(select(g, 0, 2), tensor({-0.021201795325370018, -0.10612188972472039}), 1e-13) == "");
  CHECK(std::sqrt(sum(square(g)).item()) == doctest::Approx(0.3216163419808527).epsilon(1e-12));
}

TEST_CASE("forward and reverse mode agree, and so do the orders of a second derivative") {
  Sampler sampler(4);
  const Tensor x0 = sampler.uniform({5, 2}), y = sampler.uniform({4, 2}), v = sampler.direction({5, 2}),
               w = sampler.direction({5, 2});
  for (std::size_t bytes : {std::size_t{0}, std::size_t{1} << 20}) {
    Tape tape;
    const Tensor x = tape.watch(x0);
    const Tensor value = sinkhorn_divergence(x, y, {.blur = 0.5, .matrix_bytes = bytes});
    const Tensor g = grad(value, x);
    CHECK(jvp(value, x, v).item() == doctest::Approx(inner({g}, {v})).epsilon(1e-12));
    const Tensor forward = jvp(g, x, v), reverse = grad(sum(g * v), x);
    CHECK(mismatch(forward, reverse, 1e-12 * max_abs(reverse)) == "");
    CHECK(inner({forward}, {w}) == doctest::Approx(inner({jvp(g, x, w)}, {v})).epsilon(1e-10));
  }
}

TEST_CASE("the second derivative is that of the last update with its potentials held") {
  Sampler sampler(5);
  const Tensor x = sampler.uniform({4, 2}), y = sampler.uniform({4, 2}, 0, 2), t = sampler.direction({4, 2});
  const double epsilon = kConverged.blur * kConverged.blur;
  const SinkhornPotentials p = solve_sinkhorn(x, y, kConverged).potentials;
  // The gradient as a function of x, with the potentials of the columns as numbers.
  const auto held_gradient = [&](const Tensor& q) {
    const auto mean_of = [&](const Tensor& g, const Tensor& targets) {
      const Tensor cost = 0.5 * sum(square(expand_axis(q, 1) - targets), {2});
      return matmul(softmax((g - cost) / epsilon), targets);
    };
    return (mean_of(p.x_self, x) - mean_of(p.y, y)) / 4.0;
  };
  Tape tape;
  const Tensor watched = tape.watch(x);
  const Tensor got = jvp(grad(sinkhorn_divergence(watched, y, kConverged), watched), watched, t);
  const DifferenceQuotient expected =
      difference_quotient([&](double h) { return held_gradient(x + h * t).to_vector<double>(); }, DType::Float64);
  CHECK(mismatch(got, tensor(expected.values, {4, 2}), 1e-8) == "");
}

TEST_CASE("blocks of rows give the gradient of one block") {
  // Blocks have at least 16 rows, and 4 MiB: 2,100 x 1,000 doubles make five.
  if (!default_backend().host_readable()) return;
  const Tensor x = random_uniform({6, 0}, {2100, 2}), y = random_uniform({6, 1}, {1000, 2});
  const SinkhornOptions whole{.blur = 0.5, .diameter = 1};
  SinkhornOptions blocks = whole;
  blocks.matrix_bytes = 0;
  const auto with = [&](const SinkhornOptions& options) {
    return gradient([&](const Tensor& p) { return sinkhorn_divergence(p, y, options); }, x);
  };
  const Tensor g = with(blocks);
  CHECK(mismatch(g, with(whole), 1e-13 * max_abs(g)) == "");
  // Row 1234 alone, from its definition: the same potentials serve a cloud of which only that point is watched.
  Tape tape;
  const Tensor row = tape.watch(slice(x, 0, 1234, 1235));
  const Tensor joined = concat({slice(x, 0, 0, 1234), row, slice(x, 0, 1235, 2100)}, 0);
  CHECK(mismatch(grad(sinkhorn_divergence(joined, y, whole), row), slice(g, 0, 1234, 1235), 1e-13 * max_abs(g)) == "");
}

TEST_CASE("a training step through the divergence can be a program") {
  Sampler sampler(7);
  const Tensor y = sampler.uniform({5, 2});
  const SinkhornOptions options{.blur = 0.3, .diameter = 3};
  Tape tape({.recording_program = true});
  const Tensor x = tape.watch(zeros({6, 2}));
  const Tensor value = sinkhorn_divergence(x, y, options);
  const Program program = compile({x}, {value, grad(value, x)});
  for (int trial = 0; trial < 2; ++trial) {
    const Tensor points = sampler.uniform({6, 2});
    const std::vector<Tensor> got = program(std::vector<Tensor>{points});
    const auto f = [&](const Tensor& p) { return sinkhorn_divergence(p, y, options); };
    CHECK(got[0].item() == doctest::Approx(f(points).item()).epsilon(1e-12));
    CHECK(mismatch(got[1], gradient(f, points), 1e-12) == "");
  }
  CHECK(lacks(message_of([&] { sinkhorn_divergence(x, y); }), {"[sinkhorn]", "recorded", "diameter"}) == "");
  CHECK(lacks(message_of([&] { sinkhorn_divergence(x, y, kConverged); }), {"[sinkhorn]", "no tolerance"}) == "");
}

TEST_CASE("in a program clouds may have more points than a block") {
  // Blocks of products hold 4 MiB: 656 rows of 800 numbers.
  Sampler sampler(8);
  const Tensor points = sampler.uniform({800, 2}), y = sampler.uniform({800, 2});
  const SinkhornOptions options{.blur = 0.5, .diameter = 1};
  Tape tape({.recording_program = true});
  const Tensor scale = tape.watch(ones({1}));
  const Tensor value = sinkhorn_divergence(scale * points, y, options);
  const Program program = compile({scale}, {value, grad(value, scale)});
  const std::vector<Tensor> got = program(std::vector<Tensor>{full({1}, 1.5)});
  const auto f = [&](const Tensor& s) { return sinkhorn_divergence(s * points, y, options); };
  CHECK(got[0].item() == doctest::Approx(f(full({1}, 1.5)).item()).epsilon(1e-10));
  CHECK(mismatch(got[1], gradient(f, full({1}, 1.5)), 1e-10) == "");
}

// First-order optimisers against sequences computed by hand, and the bit-for-bit promise of their stored state.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "engine/autodiff.h"
#include "solvers/adam.h"
#include "solvers/schedules.h"
#include "solvers/sgd.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/point_model.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// Runs 7 steps at once, and 3 steps, a stored state, a fresh optimiser and 4 steps; both must agree exactly.
template <class Optimiser>
void check_resume(Optimiser whole, DType dtype) {
  Optimiser first = whole, second = whole;
  Point a = start(dtype), b = start(dtype);
  for (int i = 0; i < 7; ++i) whole.step(a, slope_at(a));
  for (int i = 0; i < 3; ++i) first.step(b, slope_at(b));
  second.load(first.state());
  for (int i = 0; i < 4; ++i) second.step(b, slope_at(b));
  CHECK(a.x.template to_vector<double>() == b.x.template to_vector<double>());
  CHECK(a.y.item() == b.y.item());
  CHECK(second.steps == 7);
}

}  // namespace

TEST_CASE("Adam's first three steps are the ones computed by hand") {
  // Gradients 1, 0.5, -2 of one parameter; α = 0.1, β₁ = 0.5, β₂ = 0.75, ε = 0.01.
  //   t = 1: m = 0.5,     v = 0.25,     m̂ = 1,        v̂ = 1
  //   t = 2: m = 0.5,     v = 0.25,     m̂ = 2/3,      v̂ = 4/7
  //   t = 3: m = -0.75,   v = 1.1875,   m̂ = -6/7,     v̂ = 76/37
  Adam adam{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.01};
  Point point{tensor({0.0}), tensor(0.0)};
  const double slopes[] = {1, 0.5, -2};
  const double ratios[] = {1 / 1.01, (2.0 / 3) / (std::sqrt(4.0 / 7) + 0.01),
                           (-6.0 / 7) / (std::sqrt(76.0 / 37) + 0.01)};
  double expected = 0;
  for (int i = 0; i < 3; ++i) {
    adam.step(point, Point{tensor({slopes[i]}), tensor(0.0)});
    expected -= 0.1 * ratios[i];
    CHECK(std::abs(point.x.item() - expected) <= rounding_tolerance(DType::Float64, 1, 10));
    CHECK(point.y.item() == 0);  // a parameter without slope stays
  }
}

TEST_CASE("Sgd with momentum follows the heavy ball") {
  // v: 1, 1.4, -1.3 with μ = 0.9 for gradients 1, 0.5, -2.56.
  Sgd sgd{.learning_rate = 0.5, .momentum = 0.9};
  Point point{tensor({0.0}), tensor(0.0)};
  const double slopes[] = {1, 0.5, -2.56}, positions[] = {-0.5, -1.2, -0.55};
  for (int i = 0; i < 3; ++i) {
    sgd.step(point, Point{tensor({slopes[i]}), tensor(0.0)});
    CHECK(std::abs(point.x.item() - positions[i]) <= rounding_tolerance(DType::Float64, 2, 6));
  }
}

TEST_CASE("Sgd without momentum on a quadratic contracts by exactly 1 - learning rate times curvature") {
  Sgd sgd{.learning_rate = 0.05};
  Point point = start();
  for (int i = 0; i < 10; ++i) sgd.step(point, slope_at(point));
  CHECK(point.x.at({0}) == doctest::Approx(std::pow(0.95, 10)).epsilon(1e-14));
  CHECK(point.x.at({1}) == doctest::Approx(-2 * std::pow(0.5, 10)).epsilon(1e-14));
}

TEST_CASE("an optimiser restored from its state continues bit for bit, in both precisions") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    check_resume(Adam{.learning_rate = 0.05}, dtype);
    check_resume(Sgd{.learning_rate = 0.01, .momentum = 0.9}, dtype);
  }
}

TEST_CASE("the stored state names every moment after its parameter") {
  Adam adam;
  Point point = start();
  adam.step(point, slope_at(point));
  std::vector<std::string> names;
  for (const NamedParameter& entry : adam.state()) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"steps", "mean.x", "mean.y", "mean_square.x", "mean_square.y"});
  CHECK(lacks(message_of([&] { adam.load({}); }), {"[Adam]", "steps"}) == "");
}

TEST_CASE("a step keeps shape and precision and records nothing") {
  Adam adam;
  Point point = start(DType::Float32);
  Tape tape;
  const Point recorded = tape.watch(point);
  const Point slopes = grad(sum(square(recorded.x)) + square(recorded.y), recorded);
  const std::int32_t nodes = tape.size();
  Point stepped = recorded;
  adam.step(stepped, slopes);
  CHECK(tape.size() == nodes);
  CHECK_FALSE(stepped.x.recorded());
  CHECK(stepped.x.dtype() == DType::Float32);
  CHECK(stepped.x.shape() == Shape{2});
}

TEST_CASE("a gradient of another shape is refused instead of broadcast") {
  Adam adam;
  Point point = start();
  const auto wrong = [&] { adam.step(point, Point{tensor({1.0}), tensor(0.0)}); };
  CHECK(lacks(message_of(wrong), {"[Adam] parameter x", "[2]", "[1]"}) == "");
}

TEST_CASE("schedules take their defining values") {
  CHECK(ConstantRate{0.3}(12345) == 0.3);

  const StepDecay steps{.initial = 0.8, .factor = 0.5, .period = 100};
  CHECK(steps(0) == 0.8);
  CHECK(steps(99) == 0.8);
  CHECK(steps(100) == 0.4);
  CHECK(steps(350) == 0.1);

  const CosineDecay cosine{.initial = 1.0, .last = 0.2, .steps = 300};
  CHECK(cosine(0) == 1.0);
  CHECK(cosine(150) == doctest::Approx(0.6).epsilon(1e-15));
  CHECK(cosine(100) == doctest::Approx(0.2 + 0.4 * (1 + 0.5)).epsilon(1e-15));
  CHECK(cosine(300) == 0.2);
  CHECK(cosine(1000) == 0.2);
}

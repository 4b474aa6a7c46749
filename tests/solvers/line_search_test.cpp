// The strong Wolfe search: its conditions are checked at what it accepts, on functions that need every branch of it.
#include "solvers/line_search.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace brenier;

namespace {

struct Curve {
  const char* name;
  double (*value)(double);
  double (*slope)(double);
};

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Moré & Thuente, Line search algorithms with guaranteed sufficient decrease (1994), functions 5.1 and 5.2 with their
// parameters, and walls.
const Curve kCurves[] = {
    {"parabola", [](double t) { return (t - 3) * (t - 3); }, [](double t) { return 2 * (t - 3); }},
    {"-t/(t^2 + 2)", [](double t) { return -t / (t * t + 2); },
     [](double t) { return (t * t - 2) / ((t * t + 2) * (t * t + 2)); }},
    {"(t + 0.004)^5 - 2 (t + 0.004)^4", [](double t) { return std::pow(t + 0.004, 5) - 2 * std::pow(t + 0.004, 4); },
     [](double t) { return 5 * std::pow(t + 0.004, 4) - 8 * std::pow(t + 0.004, 3); }},
    {"parabola with a wall of NaN at 1", [](double t) { return t < 1 ? (t - 0.9) * (t - 0.9) : kNan; },
     [](double t) { return t < 1 ? 2 * (t - 0.9) : kNan; }},
    {"parabola with a pit of -infinity at 1", [](double t) { return t < 1 ? (t - 0.9) * (t - 0.9) : -INFINITY; },
     [](double t) { return t < 1 ? 2 * (t - 0.9) : kNan; }},
    {"t - ln-barrier", [](double t) { return t < 2 ? -t - 0.1 * std::log(2 - t) : INFINITY; },
     [](double t) { return t < 2 ? -1 + 0.1 / (2 - t) : kNan; }},
    {"oscillating bowl", [](double t) { return 0.5 * (t - 2) * (t - 2) - std::sin(4 * t); },
     [](double t) { return t - 2 - 4 * std::cos(4 * t); }},
};

LinePoint at(const Curve& curve, double t) { return {.step = t, .value = curve.value(t), .slope = curve.slope(t)}; }

bool strong_wolfe_holds(const LinePoint& start, const LinePoint& point, const LineSearchOptions& options) {
  return point.value <= start.value + options.c1 * point.step * start.slope &&
         std::abs(point.slope) <= options.c2 * std::abs(start.slope);
}

}  // namespace

TEST_CASE("accepted steps satisfy the strong Wolfe conditions from any first step") {
  for (const Curve& curve : kCurves) {
    for (double first : {1e-3, 0.1, 1.0, 10.0, 1e3}) {
      for (double c2 : {0.9, 0.1}) {
        INFO(curve.name << ", first step " << first << ", c2 " << c2);
        const LinePoint start = at(curve, 0);
        REQUIRE(start.slope < 0);
        const LineSearchOptions options{.c2 = c2, .max_evaluations = 60};
        const auto result = strong_wolfe([&](double t) { return at(curve, t); }, start, first, options);
        CHECK(result.satisfied);
        CHECK(result.point.step > 0);
        CHECK(strong_wolfe_holds(start, result.point, options));
        CHECK(result.evaluations <= options.max_evaluations);
      }
    }
  }
}

TEST_CASE("a first step that is good is taken with one evaluation") {
  const auto result = strong_wolfe([](double t) { return at(kCurves[0], t); }, at(kCurves[0], 0), 3.0);
  CHECK(result.satisfied);
  CHECK(result.evaluations == 1);
  CHECK(result.point.step == 3.0);
}

TEST_CASE("a cubic is minimised exactly by one interpolation") {
  // φ(t) = t³ - 3t + 1 has its minimum at 1; the trial at 2 is too long, and the interpolating cubic is φ itself.
  const Curve cubic{"cubic", [](double t) { return t * t * t - 3 * t + 1; }, [](double t) { return 3 * t * t - 3; }};
  const auto result = strong_wolfe([&](double t) { return at(cubic, t); }, at(cubic, 0), 2.0, {.c2 = 0.01});
  CHECK(result.satisfied);
  CHECK(result.evaluations == 2);
  CHECK(result.point.step == doctest::Approx(1.0).epsilon(1e-14));
}

TEST_CASE("a function without lower bound ends with the best point and says that it is unsatisfied") {
  const Curve line{"line", [](double t) { return -t; }, [](double) { return -1.0; }};
  const auto result = strong_wolfe([&](double t) { return at(line, t); }, at(line, 0), 1.0, {.max_evaluations = 8});
  CHECK_FALSE(result.satisfied);
  CHECK(result.evaluations == 8);
  CHECK(result.point.step > 1e5);  // growth by at most 10 each time
  CHECK(result.point.step <= 1e7);
}

TEST_CASE("where nothing decreases the start is returned") {
  const auto walled = [](double) { return LinePoint{.value = kNan, .slope = kNan}; };
  const auto result = strong_wolfe(walled, {.value = 1, .slope = -1}, 1.0);
  CHECK_FALSE(result.satisfied);
  CHECK(result.point.step == 0);
  CHECK(result.point.value == 1);
  // An uphill direction is not searched at all.
  CHECK(strong_wolfe(walled, {.value = 1, .slope = 1}, 1.0).evaluations == 0);
}

TEST_CASE("where rounding hides the decrease, slopes stand for it if the noise is known") {
  // Near 1e8 doubles are 1.5e-8 apart: (t - 1)² 1e-9 is invisible, its slope is not.
  const auto phi = [](double t) { return LinePoint{.value = 1e8 + 1e-9 * (t - 1) * (t - 1), .slope = 2e-9 * (t - 1)}; };
  for (double first : {0.01, 1.0, 100.0}) {
    CAPTURE(first);
    const auto found = strong_wolfe(phi, phi(0), first, {.c2 = 0.5, .noise = 1e-7});
    CHECK(found.satisfied);
    CHECK(std::abs(found.point.slope) <= 0.5 * 2e-9);
    CHECK(std::abs(found.point.step - 1) <= 0.5);
  }
  const auto missed = strong_wolfe(phi, phi(0), 0.01, {.c2 = 0.5});
  CHECK_FALSE(missed.satisfied);
  CHECK(missed.point.step == 0);  // no step that does not decrease the value is taken for one
}

// L-BFGS on problems with known minima; each status is provoked, and a run cut into segments must not notice.
#include "solvers/lbfgs.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::rounding_tolerance;

namespace {

using Vector = std::vector<double>;

// ½ Σ λ_i (x_i - 1)², λ from 1 to `condition`, geometrically.
Objective quadratic(std::size_t n, double condition) {
  return [=](const Vector& x, Vector& gradient) {
    double value = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double lambda = std::pow(condition, n == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(n - 1));
      gradient[i] = lambda * (x[i] - 1);
      value += 0.5 * gradient[i] * (x[i] - 1);
    }
    return value;
  };
}

// Σ 100 (x_{i+1} - x_i²)² + (1 - x_i)², with its minimum 0 at (1, …, 1).
double rosenbrock(const Vector& x, Vector& gradient) {
  double value = 0;
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double valley = x[i + 1] - x[i] * x[i], rest = 1 - x[i];
    value += 100 * valley * valley + rest * rest;
    gradient[i] += -400 * x[i] * valley - 2 * rest;
    gradient[i + 1] += 200 * valley;
  }
  return value;
}

double distance_to_ones(const Vector& x) {
  double largest = 0;
  for (double component : x) largest = std::max(largest, std::abs(component - 1));
  return largest;
}

Vector rosenbrock_start(std::size_t n) {
  Vector x(n, 1.0);
  for (std::size_t i = 0; i < n; i += 2) x[i] = -1.2;
  return x;
}

}  // namespace

TEST_CASE("L-BFGS minimises quadratics to the tolerance it reports") {
  for (std::size_t n : {1U, 2U, 10U, 60U}) {
    CAPTURE(n);
    auto [x, report] =
        minimize(quadratic(n, 1e3), Vector(n, -3.0), {.max_iterations = 500, .gradient_tolerance = 1e-9});
    CHECK(report.converged());
    CHECK(report.residual_norm <= 1e-9);
    CHECK(distance_to_ones(x) <= 1e-9);  // the smallest curvature is 1
    CHECK(report.message.find("converged after") != std::string::npos);
  }
}

TEST_CASE("L-BFGS finds the minimum of Rosenbrock's function in 2 and in 20 dimensions") {
  for (std::size_t n : {2U, 20U}) {
    CAPTURE(n);
    const LbfgsOptions options{.max_iterations = 400, .gradient_tolerance = 1e-10};
    auto [x, report] = minimize(rosenbrock, rosenbrock_start(n), options);
    CHECK(report.converged());
    // The smallest curvature at the minimum is about 0.4.
    CHECK(distance_to_ones(x) <= 1e-9);
    CHECK(report.iterations < 200);
  }
}

TEST_CASE("every accepted step decreases the objective and satisfies the strong Wolfe conditions") {
  const LbfgsOptions options{.max_iterations = 1};
  LbfgsState state = lbfgs_start(rosenbrock, rosenbrock_start(6));
  for (int i = 0; i < 30; ++i) {
    const LbfgsState before = state;
    lbfgs_continue(rosenbrock, state, options);
    CHECK(state.value < before.value);
    // Along s = x₊ - x the conditions read as along the direction, both sides multiplied by the step.
    double slope_before = 0, slope_after = 0;
    for (std::size_t k = 0; k < 6; ++k) {
      slope_before += before.gradient[k] * (state.x[k] - before.x[k]);
      slope_after += state.gradient[k] * (state.x[k] - before.x[k]);
    }
    const double rounding = rounding_tolerance(DType::Float64, before.value, 6);
    CHECK(state.value <= before.value + options.line_search.c1 * slope_before + rounding);
    CHECK(std::abs(slope_after) <= options.line_search.c2 * std::abs(slope_before) + rounding);
    Vector gradient(6);
    CHECK(rosenbrock(state.x, gradient) == state.value);  // the state belongs to its iterate exactly
    CHECK(gradient == state.gradient);
  }
}

TEST_CASE("the two-loop recursion satisfies the secant equation and is positive definite") {
  LbfgsState state = lbfgs_start(rosenbrock, rosenbrock_start(6));
  lbfgs_continue(rosenbrock, state, {.max_iterations = 8});
  REQUIRE(state.pairs.size() >= 3);
  // H y = s for the newest pair; two_loop_recursion gives -H.
  const CurvaturePair& newest = state.pairs.back();
  const Vector image = two_loop_recursion(state.pairs, newest.y);
  double scale = 0;
  for (double component : newest.s) scale = std::max(scale, std::abs(component));
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(std::abs(image[i] + newest.s[i]) <= rounding_tolerance(DType::Float64, 100 * scale, 8 * 6));
  const Vector direction = two_loop_recursion(state.pairs, state.gradient);
  double slope = 0;
  for (std::size_t i = 0; i < 6; ++i) slope += direction[i] * state.gradient[i];
  CHECK(slope < 0);
}

TEST_CASE("walls of NaN shorten the step and do not stop the solver") {
  // -ln(x) - ln(1 - x) + (x - 0.9)² beyond whose domain everything is NaN.
  const Objective barrier = [](const Vector& x, Vector& gradient) {
    double value = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool inside = x[i] > 0 && x[i] < 1;
      const double nan = std::numeric_limits<double>::quiet_NaN();
      value += inside ? -1e-3 * std::log(x[i] * (1 - x[i])) + 50 * (x[i] - 0.999) * (x[i] - 0.999) : nan;
      gradient[i] = inside ? -1e-3 * (1 / x[i] - 1 / (1 - x[i])) + 100 * (x[i] - 0.999) : nan;
    }
    return value;
  };
  auto [x, report] = minimize(barrier, {0.01, 0.5, 0.2}, {.gradient_tolerance = 1e-8});
  CHECK(report.converged());
  Vector gradient(3);
  CHECK(std::isfinite(barrier(x, gradient)));
}

TEST_CASE("L-BFGS reports the iteration limit and returns the best iterate") {
  auto [x, report] = minimize(rosenbrock, rosenbrock_start(2), {.max_iterations = 5});
  CHECK(report.status == SolveStatus::IterationLimit);
  CHECK(report.iterations == 5);
  CHECK(report.message.find("max_iterations") != std::string::npos);
  Vector gradient(2);
  CHECK(rosenbrock(x, gradient) < rosenbrock(rosenbrock_start(2), gradient));
}

TEST_CASE("L-BFGS reports a failed line search and returns the best iterate") {
  // The gradient has the wrong sign: every step goes uphill.
  const Objective liar = [](const Vector& x, Vector& gradient) {
    gradient[0] = -2 * x[0];
    return x[0] * x[0];
  };
  auto [x, report] = minimize(liar, {2.0});
  CHECK(report.status == SolveStatus::LineSearchFailed);
  CHECK(x == Vector{2.0});
  CHECK(report.message.find("gradient_tolerance") != std::string::npos);
  // The same inside |x| < 1/2 only: pairs have been gathered by then, are forgotten, and do not help.
  const Objective late_liar = [](const Vector& z, Vector& gradient) {
    gradient[0] = std::abs(z[0]) < 0.5 ? -std::sinh(z[0]) : std::sinh(z[0]);
    return std::cosh(z[0]);
  };
  auto [y, late] = minimize(late_liar, {4.0});
  CHECK(late.status == SolveStatus::LineSearchFailed);
  CHECK(late.iterations > 1);
  CHECK(std::abs(y[0]) < 0.5);
}

TEST_CASE("L-BFGS reports a start that is not finite") {
  const Objective undefined = [](const Vector&, Vector& gradient) {
    gradient[0] = 0;
    return std::numeric_limits<double>::infinity();
  };
  auto [x, report] = minimize(undefined, {4.0});
  CHECK(report.status == SolveStatus::NotFinite);
  CHECK(report.iterations == 0);
  CHECK(x == Vector{4.0});
}

TEST_CASE("a run in segments with a stored state equals one run bit for bit") {
  LbfgsState whole = lbfgs_start(rosenbrock, rosenbrock_start(20)), part = whole;
  lbfgs_continue(rosenbrock, whole, {.max_iterations = 60});
  for (int segment : {1, 7, 0, 30, 22}) {
    lbfgs_continue(rosenbrock, part, {.max_iterations = segment});
    part = LbfgsState::from(part.state());
  }
  CHECK(part.iterations == 60);
  CHECK(part.evaluations == whole.evaluations);
  CHECK(part.x == whole.x);
  CHECK(part.gradient == whole.gradient);
  REQUIRE(part.pairs.size() == whole.pairs.size());
  for (std::size_t i = 0; i < part.pairs.size(); ++i) CHECK(part.pairs[i].y == whole.pairs[i].y);
}

TEST_CASE("a stored state with missing or unfitting entries is refused") {
  CHECK(testing::lacks(testing::message_of([] { LbfgsState::from({}); }), {"[LbfgsState]", "counts"}) == "");
  auto stored = lbfgs_start(rosenbrock, {0.0, 0.0}).state();
  for (auto& entry : stored)
    if (entry.name == "gradient") entry.value = tensor({1.0});
  CHECK(testing::lacks(testing::message_of([&] { LbfgsState::from(stored); }), {"[LbfgsState]", "gradient"}) == "");
}

TEST_CASE("without memory L-BFGS is steepest descent and keeps no pairs") {
  LbfgsState state = lbfgs_start(quadratic(3, 10), Vector(3, 0.0));
  lbfgs_continue(quadratic(3, 10), state, {.max_iterations = 5, .memory = 0});
  CHECK(state.pairs.empty());
  const Vector direction = two_loop_recursion(state.pairs, state.gradient);
  for (std::size_t i = 0; i < 3; ++i) CHECK(direction[i] == -state.gradient[i]);
}

namespace {

struct Plane {
  Tensor slope;  // [2]
  Tensor height;
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("slope", slope);
    visit("height", height);
  }
};

}  // namespace

TEST_CASE("L-BFGS fits a model through its parameters, in both precisions") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor x = random_normal({9, 0}, {50, 2}, dtype);
    const Tensor y = matmul(x, tensor({2.0, -3.0}, dtype)) + 0.5;
    const auto loss = [&](const Plane& plane) { return mean(square(matmul(x, plane.slope) + plane.height - y)); };
    const double tolerance = 100 * testing::epsilon(dtype);
    auto [fitted, report] =
        minimize(Plane{zeros({2}, dtype), zeros({}, dtype)}, with_gradient(loss), {.gradient_tolerance = tolerance});
    CHECK(report.converged());
    CHECK(fitted.slope.dtype() == dtype);
    // Twice the covariance of 50 standard normal samples is the Hessian: its smallest eigenvalue is above 1/2.
    CHECK(testing::mismatch(fitted.slope, tensor({2.0, -3.0}, dtype), 8 * tolerance) == "");
    CHECK(std::abs(fitted.height.item() - 0.5) <= 8 * tolerance);
  }
}

TEST_CASE("parameters survive flattening, and a wrong count is refused") {
  const Plane plane{tensor({1.0, 2.0}), tensor(3.0)};
  const Vector flat = flatten_parameters(plane);
  CHECK(flat == Vector{1, 2, 3});
  const Plane moved = with_flat_parameters(plane, {4, 5, 6});
  CHECK(moved.slope.to_vector<double>() == Vector{4, 5});
  CHECK(moved.height.item() == 6);
  CHECK(testing::lacks(testing::message_of([&] { with_flat_parameters(plane, {1.0}); }),
                       {"[with_flat_parameters]", "1", "3"}) == "");
}

// The search with parallel trials: the minima of lbfgs(), rows apart from each other, and every way to end.
#include "solvers/lbfgs_armijo.h"

#include <doctest/doctest.h>

#include <cmath>

#include "solvers/lbfgs.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;

namespace {

Tensor column(const Tensor& x, std::int64_t i) { return select(x, -1, i); }

BatchObjective rosenbrocks(const Tensor& conditioning) {
  return {{conditioning}, [](const Tensor& x, const std::vector<Tensor>& data) {
            const Tensor x0 = column(x, 0), valley = column(x, 1) - square(x0);
            return data[0] * square(valley) + square(1.0 - x0);
          }};
}

Tensor repeated(const Tensor& row, std::int64_t rows) { return broadcast_to(row, {rows, row.dim(0)}); }

}  // namespace

TEST_CASE("parallel trials lead to the minima in both precisions, and ended rows are left out") {
  const std::int64_t rows = 10;
  for (DType dtype : {DType::Float64, DType::Float32}) {
    CAPTURE(name_of(dtype));
    const Tensor conditioning = cast(exp(linspace(0, 5, rows)), dtype);
    const Tensor start = cast(repeated(tensor({-1.2, 1.0}), rows), dtype);
    const double tolerance = dtype == DType::Float32 ? 1e-3 : 1e-9;
    const LbfgsArmijoOptions options{.max_iterations = 150, .gradient_tolerance = tolerance, .memory = 5};
    const auto [x, report] = lbfgs_armijo(rosenbrocks(conditioning), start, options);
    CHECK_MESSAGE(report.converged(), report.message);
    CHECK(x.dtype() == dtype);
    CHECK(testing::mismatch(x, ones({rows, 2}, dtype), 10 * tolerance) == "");
    REQUIRE(report.rows.size() == rows);
    CHECK(report.row_evaluations < rows * (1 + (options.trials + 1) * (report.iterations + 4)));
    // A row's outcome is in the place of the row.
    const auto last = lbfgs_armijo(rosenbrocks(slice(conditioning, 0, 9, 10)), slice(start, 0, 9, 10), options);
    CHECK(last.report.rows[0].iterations == report.rows[9].iterations);
    CHECK(last.solution.to_vector<double>() == slice(x, 0, 9, 10).to_vector<double>());
  }
}

TEST_CASE("parallel trials need about as many iterations as the strong Wolfe search") {
  const Tensor lambda = exp(linspace(0, std::log(1e3), 20));
  const BatchObjective f = [lambda](const Tensor& x) { return sum(lambda * log_cosh(x - 1.0), {-1}); };
  const auto armijo = lbfgs_armijo(f, zeros({1, 20}), {.max_iterations = 300});
  const auto wolfe = lbfgs(f, zeros({1, 20}), {.max_iterations = 300, .memory = 10});
  CHECK(armijo.report.converged());
  CHECK(armijo.report.iterations <= 2 * wolfe.report.iterations);
  CHECK(testing::mismatch(armijo.solution, wolfe.solution, 1e-7) == "");
}

TEST_CASE("parallel trials report how each row ended") {
  // Row 0 has a minimum, row 1 starts outside of its domain, row 2 is finite at its start only, row 3 has no minimum.
  const Tensor kind = tensor({0.0, 0.0, 1.0, 2.0});
  const BatchObjective f{{kind}, [](const Tensor& x, const std::vector<Tensor>& data) {
                           const Tensor x0 = column(x, 0), is_wall = equal(data[0], 1.0), is_line = equal(data[0], 2.0);
                           const Tensor wall = where(equal(x0, 2.0), 0.0, log(-1.0 - square(x0)));
                           return where(is_line, -x0, x0 - log(x0) + where(is_wall, wall, 0.0));
                         }};
  const Tensor start = reshape(tensor({3.0, -1.0, 2.0, 1.0}), {4, 1});
  const auto [x, report] = lbfgs_armijo(f, start, {.max_iterations = 30, .memory = 3});
  CHECK(report.rows[0].status == SolveStatus::Converged);
  CHECK(report.rows[1].status == SolveStatus::NotFinite);
  CHECK(report.rows[2].status == SolveStatus::NotFinite);
  CHECK(report.rows[3].status == SolveStatus::IterationLimit);
  CHECK(report.status == SolveStatus::NotFinite);
  CHECK(std::abs(x.at({0, 0}) - 1) <= 1e-7);
  CHECK(x.at({2, 0}) == 2.0);
  CHECK(testing::lacks(report.message, {"lbfgs_armijo", "3 of 4 rows did not converge"}) == "");
  const auto line = lbfgs_armijo(f.with_data({slice(kind, 0, 3, 4)}), ones({1, 1}), {.max_iterations = 5, .memory = 3});
  CHECK(testing::lacks(line.report.message, {"lbfgs_armijo", "stopped after 5 iterations", "max_iterations"}) == "");
  // |x| + x²: no step from the kink decreases it, and its derivative there is said to be 1.
  const BatchObjective kink = [](const Tensor& z) {
    const Tensor z0 = column(z, 0);
    return maximum(z0, -z0) + square(z0) + z0 - stop_gradient(z0);
  };
  const auto stuck = lbfgs_armijo(kink, zeros({1, 1}), {.memory = 3}).report;
  CHECK(stuck.status == SolveStatus::LineSearchFailed);
  CHECK(testing::lacks(stuck.message, {"lbfgs_armijo", "no step decreases f", "gradient_tolerance"}) == "");
}

TEST_CASE("parallel trials refuse what does not fit, and an empty batch has nothing to do") {
  const BatchObjective f = [](const Tensor& x) { return sum(square(x), {-1}); };
  const BatchObjective by_hand([](const Tensor& z, const Tensor&) { return ValueAndGradient{sum(z, {-1}), z}; });
  const auto refusal = [](auto call) { return testing::message_of(call); };
  CHECK(testing::lacks(refusal([&] { lbfgs_armijo(by_hand, ones({1, 2})); }), {"[lbfgs_armijo]", "by hand"}) == "");
  CHECK(testing::lacks(refusal([&] { lbfgs_armijo(f, ones({2})); }), {"[lbfgs_armijo]", "[2]"}) == "");
  CHECK(testing::lacks(refusal([&] {
                         lbfgs_armijo(f, ones({1, 2}), {.base = 1});
                       }),
                       {"[lbfgs_armijo]", "base 1"}) == "");
  CHECK(testing::lacks(refusal([&] {
                         lbfgs_armijo(f, ones({1, 2}), {.trials = 0});
                       }),
                       {"[lbfgs_armijo]", "trials 0"}) == "");
  CHECK(lbfgs_armijo(f, ones({0, 2})).report.converged());
}

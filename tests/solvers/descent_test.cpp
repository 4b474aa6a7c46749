// Batches: every row goes its own way, bit for bit as if it were alone, and each way to end is provoked in one of them.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/backend.h"
#include "solvers/gradient_descent.h"
#include "solvers/lbfgs.h"
#include "solvers/newton_cg.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/with_threads.h"

using namespace brenier;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Solver = std::function<Minimum<Tensor>(const BatchObjective&, const Tensor&, std::int64_t max_iterations)>;
struct NamedSolver {
  const char* name;
  Solver solve;
};
const NamedSolver kSolvers[] = {
    {"lbfgs", [](const BatchObjective& f, const Tensor& x,
                 std::int64_t most) { return lbfgs(f, x, {.max_iterations = most, .gradient_tolerance = 1e-9}); }},
    {"newton_cg",
     [](const BatchObjective& f, const Tensor& x, std::int64_t most) {
       return newton_cg(f, x, {.max_iterations = most, .gradient_tolerance = 1e-9});
     }},
    {"gradient_descent",
     [](const BatchObjective& f, const Tensor& x, std::int64_t most) {
       return gradient_descent(f, x, {.max_iterations = most, .gradient_tolerance = 1e-9});
     }},
};

Tensor column(const Tensor& x, std::int64_t i) { return select(x, -1, i); }

// c (x₁ - x₀²)² + (1 - x₀)², with c of its own for every row.
BatchObjective rosenbrocks(const Tensor& conditioning) {
  return {{conditioning}, [](const Tensor& x, const std::vector<Tensor>& data) {
            const Tensor x0 = column(x, 0), valley = column(x, 1) - square(x0);
            return data[0] * square(valley) + square(1.0 - x0);
          }};
}

Tensor geometric(double first, double last, std::int64_t rows) {
  return first * exp(std::log(last / first) * linspace(0, 1, rows));
}

Tensor repeated(const Tensor& row, std::int64_t rows) { return broadcast_to(row, {rows, row.dim(0)}); }

// ½ Σ λ_k (x_k - 1)² in every row.
BatchObjective quadratics(const Tensor& lambda) {
  return [lambda](const Tensor& x) { return 0.5 * sum(lambda * square(x - 1.0), {-1}); };
}

Tensor row_of(const Tensor& x, std::int64_t i) { return slice(x, 0, i, i + 1); }

}  // namespace

TEST_CASE("rows of a batch reach the minima that they reach alone, bit for bit, for any number of threads") {
  const std::int64_t rows = 12;
  const Tensor conditioning = geometric(1, 1e4, rows), start = repeated(tensor({-1.2, 1.0}), rows);
  for (const auto& [name, solve] : kSolvers) {
    const std::int64_t most = std::string(name) == "gradient_descent" ? 60 : 300;
    CAPTURE(name);
    const auto [together, report] = solve(rosenbrocks(conditioning), start, most);
    REQUIRE(report.rows.size() == rows);
    std::int64_t evaluations = 0;
    for (std::int64_t i : {std::int64_t{0}, std::int64_t{5}, rows - 1}) {
      const auto [alone, own] = solve(rosenbrocks(row_of(conditioning, i)), row_of(start, i), most);
      CHECK(alone.to_vector<double>() == row_of(together, i).to_vector<double>());
      CHECK(own.rows[0].iterations == report.rows[static_cast<std::size_t>(i)].iterations);
      CHECK(own.rows[0].residual_norm == report.rows[static_cast<std::size_t>(i)].residual_norm);
      evaluations += own.row_evaluations;
    }
    CHECK(evaluations < report.row_evaluations);
    const testing::WithThreads two(2);
    CHECK(solve(rosenbrocks(conditioning), start, most).solution.to_vector<double>() == together.to_vector<double>());
  }
}

TEST_CASE("the count of evaluated rows is exact, and rows that are finished are not evaluated") {
  const std::int64_t rows = 12;
  const Tensor conditioning = geometric(1, 1e4, rows), start = repeated(tensor({-1.2, 1.0}), rows);
  std::int64_t asked = 0, calls = 0;
  const BatchObjective inner = rosenbrocks(conditioning);
  const BatchObjective counting([&](const Tensor& x, const Tensor& indices) {
    CHECK(x.dim(0) == indices.dim(0));
    asked += x.dim(0);
    ++calls;
    return inner(x, indices);
  });
  const auto [x, report] = lbfgs(counting, start, {.max_iterations = 300});
  CHECK(report.converged());
  CHECK(report.row_evaluations == asked);
  std::int64_t own = 0, most = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto alone = lbfgs(rosenbrocks(row_of(conditioning, i)), row_of(start, i), {.max_iterations = 300}).report;
    own += alone.row_evaluations;
    most = std::max(most, alone.row_evaluations);
  }
  CHECK(asked == own);
  CHECK(calls == most);  // no row waits for another
  CHECK(asked < rows * most);
}

TEST_CASE("the reported residual is the gradient of the objective at the solution returned, in both precisions") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const std::int64_t rows = 5;
    const BatchObjective f = rosenbrocks(cast(geometric(1, 100, rows), dtype));
    const Tensor start = cast(repeated(tensor({-1.2, 1.0}), rows), dtype);
    for (std::int64_t most : {3, 200}) {
      const auto [x, report] = lbfgs(f, start, {.max_iterations = most, .gradient_tolerance = 1e-3});
      CHECK(x.dtype() == dtype);
      const Tensor indices = index_tensor({0, 1, 2, 3, 4});
      const std::vector<double> norms = max(abs(f(x, indices).gradient), {-1}).to_vector<double>();
      for (std::size_t i = 0; i < norms.size(); ++i) CHECK(norms[i] == report.rows[i].residual_norm);
      CHECK(report.converged() == (most == 200));
    }
  }
}

TEST_CASE("512 Rosenbrock functions of different conditioning converge in one batch") {
  const std::int64_t rows = 512;
  const Tensor conditioning = geometric(1, 1e5, rows), start = repeated(tensor({-1.2, 1.0}), rows);
  const auto [x, report] =
      lbfgs(rosenbrocks(conditioning), start, {.max_iterations = 1000, .gradient_tolerance = 1e-8});
  CHECK_MESSAGE(report.converged(), report.message);
  CHECK(report.message.find("all 512 rows converged") != std::string::npos);
  // The smallest curvature at (1, 1) is above 0.3 for every conditioning.
  CHECK(testing::mismatch(x, ones({rows, 2}), 1e-7) == "");
  const std::int64_t stride = default_backend().host_readable() ? 1 : 128;
  for (std::int64_t i = 0; i < rows; i += stride) {
    const auto alone = lbfgs(rosenbrocks(row_of(conditioning, i)), row_of(start, i), {.max_iterations = 1000}).solution;
    CHECK(alone.to_vector<double>() == row_of(x, i).to_vector<double>());
  }
}

TEST_CASE("rows that are NaN at the start or become so end as not finite and disturb no other row") {
  // Row 1 starts outside of the domain of the logarithm. Row 2 is finite at its start only.
  const Tensor kind = tensor({0.0, 0.0, 1.0, 0.0});
  const BatchObjective f{{kind}, [](const Tensor& x, const std::vector<Tensor>& data) {
                           const Tensor x0 = column(x, 0),
                                        poison = where(equal(x0, full(x0.shape(), 2.0)), 0.0, log(-data[0]));
                           return x0 - log(x0) + where(data[0], poison, 0.0 * x0) + square(column(x, 1));
                         }};
  const Tensor start = tensor({{3.0, 1.0}, {-1.0, 1.0}, {2.0, 1.0}, {0.1, -2.0}});
  for (const auto& [name, solve] : kSolvers) {
    CAPTURE(name);
    const auto [x, report] = solve(f, start, 300);
    CHECK(report.status == SolveStatus::NotFinite);
    CHECK(report.rows[0].status == SolveStatus::Converged);
    CHECK(report.rows[1].status == SolveStatus::NotFinite);
    CHECK(report.rows[2].status == SolveStatus::NotFinite);
    CHECK(report.rows[3].status == SolveStatus::Converged);
    CHECK(std::isnan(report.residual_norm));
    CHECK(report.message.find("2 of 4 rows did not converge; row 1") != std::string::npos);
    CHECK(testing::mismatch(row_of(x, 0), tensor({{1.0, 0.0}}), 1e-8) == "");
    CHECK(testing::mismatch(row_of(x, 3), tensor({{1.0, 0.0}}), 1e-8) == "");
    CHECK(testing::mismatch(row_of(x, 2), row_of(start, 2), 0) == "");  // where it was
    const auto late = solve({{row_of(kind, 2)}, f.potential()}, row_of(start, 2), 300).report;
    CHECK(testing::lacks(late.message, {name, "not finite at any trial point", "line_search.max_evaluations"}) == "");
    const auto early = solve(f, row_of(start, 1), 300).report;
    CHECK(testing::lacks(early.message, {name, "not finite at the start", "nan"}) == "");
  }
}

TEST_CASE("the iteration limit is reported with the row that is worst and the option") {
  for (const auto& [name, solve] : kSolvers) {
    CAPTURE(name);
    const Tensor start = tensor({{-1.2, 1.0}, {1.0, 1.0}});
    const auto [x, report] = solve(rosenbrocks(tensor({100.0, 100.0})), start, 3);
    CHECK(report.status == SolveStatus::IterationLimit);
    CHECK(report.rows[0].iterations == 3);
    CHECK(report.rows[1].status == SolveStatus::Converged);
    CHECK(report.rows[1].iterations == 0);
    CHECK(testing::lacks(report.message, {name, "1 of 2 rows did not converge; row 0: stopped after 3 iterations",
                                          "max_iterations"}) == "");
  }
}

TEST_CASE("a line search that finds no step is reported with the tolerance it could not reach") {
  // The gradient has the wrong sign in row 1.
  const BatchObjective half_liar(
      [](const Tensor& x, const Tensor& rows) {
        const Tensor factor = expand_axis(2.0 - 4.0 * cast(rows, DType::Float64), -1);
        return ValueAndGradient{sum(square(x), {-1}), factor * x};
      },
      [](const Tensor&, const Tensor&) { return LinearOperator([](const Tensor& v) { return 2.0 * v; }); });
  for (const auto& [name, solve] : kSolvers) {
    CAPTURE(name);
    const auto [x, report] = solve(half_liar, full({2, 1}, 2.0), 50);
    CHECK(report.rows[0].status == SolveStatus::Converged);
    CHECK(report.rows[1].status == SolveStatus::LineSearchFailed);
    CHECK(report.status == SolveStatus::LineSearchFailed);
    CHECK(x.at({1, 0}) == 2.0);
    CHECK(testing::lacks(report.message, {name, "row 1: no step decreases f", "max |g| = 4", "gradient_tolerance"}) ==
          "");
  }
}

TEST_CASE("a tolerance below rounding ends a row soon, with the smallest gradient that rounding allows") {
  const BatchObjective f = [](const Tensor& x) { return 1e3 + sum(log_cosh(x - 0.3), {-1}); };
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor start = cast(tensor({{2.0, -1.0, 0.5}}), dtype);
    const auto [x, report] = lbfgs(f, start, {.max_iterations = 1000, .gradient_tolerance = 1e-30});
    // The value alone would stop at the square root of its rounding error.
    CHECK(report.residual_norm <= 10 * testing::epsilon(dtype));
    if (report.residual_norm > 0) {
      CHECK(report.status == SolveStatus::LineSearchFailed);
      CHECK(report.iterations < 60);
    }
  }
}

TEST_CASE("relative and value tolerances stop where they say") {
  const BatchObjective f = quadratics(geometric(1, 1e3, 20));
  const Tensor start = zeros({1, 20});
  const double first = 1e3;  // the largest component of the gradient at the start
  const auto relative = lbfgs(f, start, {.gradient_tolerance = 0, .relative_gradient_tolerance = 1e-4}).report;
  CHECK(relative.converged());
  CHECK(relative.residual_norm <= 1e-4 * first);
  CHECK(relative.residual_norm > 1e-7 * first);
  const auto by_value = lbfgs(f, start, {.gradient_tolerance = 0, .value_tolerance = 1e-3}).report;
  CHECK(by_value.converged());
  CHECK(testing::lacks(by_value.message, {"lbfgs", "value_tolerance 0.001"}) == "");
  CHECK(by_value.iterations < lbfgs(f, start, {.gradient_tolerance = 1e-8}).report.iterations);
}

TEST_CASE("steepest descent converges at the rate of theory on a quadratic") {
  // Exact steps lower f by at least ((κ-1)/(κ+1))²; the search here need not be exact, so twice the count is allowed.
  const double kappa = 20;
  const auto [x, report] =
      gradient_descent(quadratics(geometric(1, kappa, 8)), zeros({1, 8}), {.gradient_tolerance = 1e-8});
  CHECK(report.converged());
  const double rate = std::log((kappa + 1) / (kappa - 1));
  CHECK(static_cast<double>(report.iterations) <= 2 * std::log(kappa * 1e9) / rate);
  CHECK(testing::mismatch(x, ones({1, 8}), 1e-8) == "");
}

TEST_CASE("Newton-CG solves a quadratic in few directions and copes with negative curvature") {
  const auto quadratic = newton_cg(quadratics(geometric(1, 1e6, 20)), zeros({1, 20}), {.gradient_tolerance = 1e-8});
  CHECK(quadratic.report.converged());
  CHECK(quadratic.report.iterations <= 12);
  CHECK(testing::mismatch(quadratic.solution, ones({1, 20}), 1e-8) == "");
  // Σ (x² - 1)²/4 is concave for |x| < 1/√3; it has its minima at ±1.
  const BatchObjective wells = [](const Tensor& x) { return 0.25 * sum(square(square(x) - 1.0), {-1}); };
  const auto [x, report] = newton_cg(wells, tensor({{0.1, -0.2, 0.3}, {-0.01, 2.0, 0.5}}));
  CHECK(report.converged());
  CHECK(testing::mismatch(abs(x), ones({2, 3}), 1e-7) == "");
}

TEST_CASE("compiled objectives give what recorded ones give, and fill up rows without harm") {
  const std::int64_t rows = 11;
  const Tensor conditioning = geometric(1, 1e3, rows), start = repeated(tensor({-1.2, 1.0}), rows);
  const BatchObjective f = rosenbrocks(conditioning);
  const auto eager = lbfgs(f, start, {.max_iterations = 300}),
             programs = lbfgs(f.compiled(), start, {.max_iterations = 300});
  CHECK(programs.solution.to_vector<double>() == eager.solution.to_vector<double>());
  CHECK(programs.report.row_evaluations == eager.report.row_evaluations);
}

TEST_CASE("an empty batch has nothing to do, and misuse is refused") {
  const BatchObjective f = quadratics(ones({2}));
  const auto [x, report] = lbfgs(f, zeros({0, 2}));
  CHECK(report.converged());
  CHECK(x.shape() == Shape{0, 2});
  CHECK(testing::lacks(testing::message_of([&] { lbfgs(f, zeros({2})); }), {"[lbfgs]", "[2]"}) == "");
  CHECK(testing::lacks(testing::message_of([&] { newton_cg(f, zeros({2})); }), {"[newton_cg]", "[2]"}) == "");
  CHECK(testing::lacks(testing::message_of([&] {
                         lbfgs(f, zeros({3, 2}), {.gradient_tolerance = -1});
                       }),
                       {"[lbfgs]", "is -1"}) == "");
  CHECK(testing::lacks(testing::message_of([&] {
                         gradient_descent(f, zeros({3, 2}), {.line_search = {.c2 = 2}});
                       }),
                       {"[gradient_descent]", "c2 is 2"}) == "");
  const BatchObjective wrong = [](const Tensor& z) { return z; };
  CHECK(testing::lacks(testing::message_of([&] {
                         lbfgs(wrong, zeros({3, 2}));
                       }),
                       {"[BatchObjective]", "[3, 2]"}) == "");
  const BatchObjective by_hand([](const Tensor& z, const Tensor&) { return ValueAndGradient{sum(z, {-1}), z}; });
  CHECK(testing::lacks(testing::message_of([&] {
                         newton_cg(by_hand, zeros({3, 2}));
                       }),
                       {"[newton_cg]", "Hessian"}) == "");
  CHECK(testing::lacks(testing::message_of([&] { by_hand.compiled(); }), {"[BatchObjective]", "compiled"}) == "");
  CHECK(testing::lacks(testing::message_of([] {
                         BatchObjective({zeros({3}), zeros({4})}, {});
                       }),
                       {"[BatchObjective]", "[3]", "[4]"}) == "");
}

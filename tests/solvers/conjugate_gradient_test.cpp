// Conjugate gradients on prescribed spectra: theory as assertions, rows that do not notice each other, and every way to
// end.
#include "solvers/conjugate_gradient.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/small_icnn.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Spectrum one_row(const std::vector<double>& eigenvalues, Sampler& sampler) {
  const auto d = static_cast<std::int64_t>(eigenvalues.size());
  return {tensor(eigenvalues, {1, d}), sampler.uniform({1, d}, 0.2, 1)};
}

// Row i of n has log-uniform eigenvalues from 1 to a condition number that grows from 1 to 1e6.
Spectrum graded(std::int64_t n, std::int64_t d, Sampler& sampler) {
  std::vector<double> eigenvalues;
  for (std::int64_t i = 0; i < n; ++i)
    for (double lambda : log_uniform(d, 1, std::pow(1e6, static_cast<double>(i) / static_cast<double>(n - 1))))
      eigenvalues.push_back(lambda);
  return {tensor(eigenvalues, {n, d}), sampler.uniform({n, d}, 0.2, 1)};
}

double energy_norm(const Spectrum& a, const Tensor& v) { return std::sqrt(dot(v, a.matrix()(v)).item()); }

// [n, 1]
Tensor column(std::initializer_list<double> values) { return expand_axis(tensor(values), 1); }

}  // namespace

TEST_CASE("conjugate gradients ends after k steps where A has k distinct eigenvalues") {
  Sampler sampler(1);
  for (std::size_t k : {1U, 2U, 5U, 11U}) {
    CAPTURE(k);
    const std::vector<double> distinct = log_uniform(static_cast<std::int64_t>(k), 1, 100);
    std::vector<double> eigenvalues;
    for (std::size_t i = 0; i < 40; ++i) eigenvalues.push_back(distinct[i % k]);
    const Spectrum a = one_row(eigenvalues, sampler);
    const Tensor b = sampler.direction({1, 40});
    auto [z, report] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-8});
    CHECK_MESSAGE(report.converged(), report.message);
    CHECK(report.iterations <= static_cast<std::int64_t>(k) + 1);
    CHECK(mismatch(z, a.solve(b), 1e-7) == "");
  }
}

TEST_CASE("the error in the energy norm stays below the Chebyshev bound") {
  Sampler sampler(2);
  for (double condition : {4.0, 100.0, 1e4}) {
    const Spectrum a = one_row(log_uniform(48, 1, condition), sampler);
    const Tensor b = sampler.direction({1, 48}), exact = a.solve(b);
    const double gamma = (std::sqrt(condition) - 1) / (std::sqrt(condition) + 1);
    for (std::int64_t m : {1, 2, 5, 10, 20, 40}) {
      CAPTURE(condition);
      CAPTURE(m);
      auto [z, report] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-12, .max_iterations = m});
      const double bound = 2 * std::pow(gamma, static_cast<double>(report.iterations)) * energy_norm(a, exact);
      CHECK(energy_norm(a, z - exact) <= bound + 1e-12);
    }
  }
}

TEST_CASE("a batch costs the products that its rows need alone, and each row gets its solo result") {
  Sampler sampler(3);
  const std::int64_t n = default_backend().host_readable() ? 1024 : 32, d = 32;
  const Spectrum a = graded(n, d, sampler);
  const Tensor b = sampler.direction({n, d});
  const ConjugateGradientOptions solo_options{.relative_tolerance = 1e-9, .compact_below = 1, .check_every = 1};
  std::int64_t batch_rows = 0, solo_rows = 0, default_rows = 0;
  auto [z, report] = conjugate_gradient(a.matrix(&batch_rows), b, solo_options);
  CHECK_MESSAGE(report.converged(), report.message);
  for (std::int64_t i = 0; i < n; ++i) {
    CAPTURE(i);
    const Tensor row = index_tensor({i});
    auto [alone, outcome] = conjugate_gradient(a.rows(row).matrix(&solo_rows), gather(b, row, 0), solo_options);
    CHECK(outcome.iterations == report.rows[static_cast<std::size_t>(i)].iterations);
    CHECK(mismatch(gather(z, row, 0), alone, 0) == "");
  }
  CHECK(batch_rows == solo_rows);
  CHECK(report.row_evaluations == batch_rows);
  ConjugateGradientOptions defaults = solo_options;
  defaults.compact_below = ConjugateGradientOptions{}.compact_below;
  auto [same, loose] = conjugate_gradient(a.matrix(&default_rows), b, defaults);
  CHECK(mismatch(same, z, 0) == "");
  CHECK(default_rows >= solo_rows);
  CHECK(static_cast<double>(default_rows) <= static_cast<double>(solo_rows) / 0.75 + static_cast<double>(n));
  CHECK(loose.row_evaluations == default_rows);
}

TEST_CASE("several right-hand sides per row are solved like single ones, and reported in their order") {
  Sampler sampler(4);
  const Spectrum a = graded(5, 12, sampler);
  Tensor b = sampler.direction({3, 5, 12});
  b = concat({slice(b, 0, 0, 1), slice(b, 0, 1, 2) * 0.0, slice(b, 0, 2, 3)}, 0);
  auto [z, report] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-9});
  REQUIRE(report.rows.size() == 15);
  for (std::int64_t k = 0; k < 3; ++k) {
    auto [single, outcome] = conjugate_gradient(a.matrix(), select(b, 0, k), {.relative_tolerance = 1e-9});
    CHECK(mismatch(select(z, 0, k), single, 1e-8 * max_abs(single)) == "");
    for (std::size_t i = 0; i < 5; ++i)
      CHECK(std::abs(report.rows[static_cast<std::size_t>(k) * 5 + i].iterations - outcome.rows[i].iterations) <= 1);
  }
}

TEST_CASE("a zero right-hand side is solved by exact zeros in no iteration, warm or cold") {
  Sampler sampler(5);
  const Spectrum a = graded(3, 8, sampler);
  const Tensor b = sampler.direction({3, 8}) * column({1.0, 0.0, 1.0});
  for (const Tensor& start : {Tensor(), sampler.direction({3, 8})}) {
    auto [z, report] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-10, .start = start});
    CHECK_MESSAGE(report.converged(), report.message);
    CHECK(mismatch(select(z, 0, 1), zeros({8}), 0) == "");
    CHECK(report.rows[1].iterations == 0);
    CHECK(mismatch(z, a.solve(b), 1e-8) == "");
  }
  std::int64_t products = 0;
  CHECK(conjugate_gradient(a.matrix(&products), zeros({3, 8})).report.converged());
  CHECK(products == 0);
}

TEST_CASE("a warm start at the solution costs one product and no step") {
  Sampler sampler(6);
  const Spectrum a = graded(4, 10, sampler);
  const Tensor b = sampler.direction({4, 10});
  auto [z, report] =
      conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-6, .start = a.solve(b), .check_every = 1});
  CHECK_MESSAGE(report.converged(), report.message);
  CHECK(report.iterations == 0);
  CHECK(report.row_evaluations == 4);
  const Tensor near = a.solve(b) + 1e-4 * sampler.direction({4, 10});
  auto [warm, less_work] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-10, .start = near});
  CHECK_MESSAGE(less_work.converged(), less_work.message);
  CHECK(mismatch(warm, a.solve(b), 1e-9) == "");
}

TEST_CASE("both norms and both tolerances are met by true residuals") {
  Sampler sampler(7);
  const Spectrum a = graded(6, 16, sampler);
  const Tensor b = 50.0 * sampler.direction({6, 16});
  for (ResidualNorm norm : {ResidualNorm::Two, ResidualNorm::Infinity}) {
    const auto size = [&](const Tensor& r) {
      return norm == ResidualNorm::Two ? sqrt(sum(square(r), {-1})) : max(abs(r), {-1});
    };
    for (double absolute : {0.0, 1e-3}) {
      auto [z, report] =
          conjugate_gradient(a.matrix(), b, {.absolute_tolerance = absolute, .relative_tolerance = 1e-7, .norm = norm});
      CHECK_MESSAGE(report.converged(), report.message);
      const Tensor residual = size(b - a.matrix()(z)), target = maximum(1e-7 * size(b), absolute);
      CHECK(min(target - residual).item() >= -1e-12);
      CHECK(report.residual_norm == doctest::Approx(max(residual).item()).epsilon(1e-3));
    }
  }
}

TEST_CASE("an iteration limit is reported with its number and the option") {
  Sampler sampler(8);
  const Spectrum a = graded(4, 16, sampler);
  auto [z, report] = conjugate_gradient(a.matrix(), sampler.direction({4, 16}), {.max_iterations = 3});
  CHECK(report.status == SolveStatus::IterationLimit);
  CHECK(report.iterations == 3);
  CHECK(report.rows[0].status == SolveStatus::Converged);  // condition number 1
  CHECK(lacks(report.message, {"cg: 1 of 4 rows converged", "3 iterations", "|r| = ", "max_iterations"}) == "");
  auto [none, at_once] = conjugate_gradient(a.matrix(), sampler.direction({4, 16}), {.max_iterations = 0});
  CHECK(at_once.status == SolveStatus::IterationLimit);
  CHECK(at_once.row_evaluations == 0);
  CHECK(mismatch(none, zeros({4, 16}), 0) == "");
}

TEST_CASE("an indefinite row is reported, keeps its best iterate, and leaves the others alone") {
  Sampler sampler(9);
  Spectrum a = graded(3, 8, sampler);
  const Tensor b = sampler.direction({3, 8});
  const Tensor expected = a.solve(b);
  const Tensor negative = column({1.0, 0.0, 1.0}) * ones({3, 8});
  a.eigenvalues = where(negative, a.eigenvalues, linspace(-0.5, 4, 8));
  auto [z, report] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-10});
  CHECK(report.status == SolveStatus::IndefiniteOperator);
  CHECK(report.rows[0].status == SolveStatus::Converged);
  CHECK(lacks(report.message, {"cg: 2 of 3 rows", "row 1", "p'Ap <= 0", "|r| = ", "shift"}) == "");
  CHECK(mismatch(select(z, 0, 0), select(expected, 0, 0), 1e-8) == "");
  CHECK(mismatch(select(z, 0, 2), select(expected, 0, 2), 1e-8) == "");
  // zᵀAz/2 - bᵀz has fallen with every step taken.
  const Tensor row = select(z, 0, 1);
  CHECK(0.5 * dot(row, select(a.matrix()(z), 0, 1)).item() <= dot(select(b, 0, 1), row).item());
}

TEST_CASE("a singular operator is indefinite as far as rounding can tell") {
  const LinearOperator a = matrix_operator(tensor({{1.0, 1.0}, {1.0, 1.0}}));
  CHECK(conjugate_gradient(a, tensor({{1.0, -1.0}})).report.status == SolveStatus::IndefiniteOperator);
  CHECK(conjugate_gradient(a, tensor({{1.0, 0.0}})).report.status == SolveStatus::IndefiniteOperator);
  CHECK(conjugate_gradient(a, tensor({{1.0, 1.0}})).report.converged());
}

TEST_CASE("rows that are not finite end as such and disturb nobody") {
  Sampler sampler(10);
  const Spectrum good = graded(4, 8, sampler);
  const Tensor b = sampler.direction({4, 8}), expected = conjugate_gradient(good.matrix(), b).solution;
  const Tensor broken_b = where(column({1.0, 0.0, 1.0, 1.0}), b, kNaN);
  Spectrum broken = good;
  broken.eigenvalues = where(column({1.0, 1.0, 0.0, 1.0}), good.eigenvalues, kNaN);
  auto [z, report] = conjugate_gradient(broken.matrix(), broken_b);
  CHECK(report.status == SolveStatus::NotFinite);
  CHECK(lacks(report.message, {"cg: 2 of 4 rows converged", "NaN", "operator"}) == "");
  for (std::int64_t i : {0, 3}) CHECK(mismatch(select(z, 0, i), select(expected, 0, i), 0) == "");
  for (std::int64_t i : {1, 2}) {
    CHECK(report.rows[static_cast<std::size_t>(i)].status == SolveStatus::NotFinite);
    CHECK(mismatch(select(z, 0, i), zeros({8}), 0) == "");
  }
}

TEST_CASE("a tolerance below rounding ends as stagnated, not as converged") {
  Sampler sampler(11);
  const Spectrum a = one_row(log_uniform(40, 1, 1e6), sampler);
  const Tensor b = sampler.direction({1, 40});
  auto [z, report] = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-17, .max_iterations = 2000});
  CHECK(report.status == SolveStatus::Stagnated);
  CHECK(lacks(report.message, {"cg: cannot reduce", "|r| = ", "rounding", "relative_tolerance"}) == "");
  CHECK(mismatch(z, a.solve(b), 1e-8) == "");
  // The recurrence alone would have claimed it.
  const ConjugateGradientOptions trusting{.relative_tolerance = 1e-17, .max_iterations = 2000, .confirm = false};
  CHECK(conjugate_gradient(a.matrix(), b, trusting).report.converged());
}

TEST_CASE("very small and very large numbers are solved like ordinary ones") {
  Sampler sampler(14);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const double extreme = dtype == DType::Float32 ? 1e-30 : 1e-200;
    const Tensor a = cast(one_row(log_uniform(4, 1, 100), sampler).dense(), dtype);
    const Tensor b = sampler.uniform({1, 4}, -1, 1, dtype);
    const Tensor expected = conjugate_gradient(matrix_operator(a), b, {.relative_tolerance = 1e-4}).solution;
    for (double factor : {extreme, 1 / extreme}) {
      auto [z, report] = conjugate_gradient(matrix_operator(a), b * factor, {.relative_tolerance = 1e-4});
      CHECK_MESSAGE(report.converged(), report.message);
      CHECK(mismatch(z / factor, expected, 1e-5) == "");
    }
  }
}

TEST_CASE("an operator that cannot be restricted gets all rows and the same numbers come out") {
  Sampler sampler(15);
  const Spectrum a = graded(5, 10, sampler);
  const Tensor b = sampler.direction({5, 10});
  const LinearOperator whole = a.matrix();
  auto [z, report] = conjugate_gradient(LinearOperator([&](const Tensor& v) { return whole(v); }), b);
  CHECK_MESSAGE(report.converged(), report.message);
  CHECK(mismatch(z, conjugate_gradient(whole, b).solution, 0) == "");
  CHECK(report.row_evaluations % 5 == 0);
}

TEST_CASE("looking at the rows seldom changes what is spent, not what comes out") {
  Sampler sampler(16);
  const Spectrum a = graded(7, 16, sampler);
  const Tensor b = sampler.direction({7, 16});
  auto [often, first] = conjugate_gradient(a.matrix(), b, {.check_every = 1});
  auto [seldom, second] = conjugate_gradient(a.matrix(), b, {.check_every = 8});
  CHECK(mismatch(often, seldom, 0) == "");
  CHECK(first.iterations == second.iterations);
  CHECK(first.row_evaluations < second.row_evaluations);
}

TEST_CASE("Newton's equations of a potential are solved from its Hessian products") {
  Sampler sampler(17);
  const SmallIcnn icnn = make_small_icnn(3, 4, sampler);
  const auto potential = [&](const Tensor& x) { return reshape(icnn(x), {-1}) + 0.5 * sum(square(x), {-1}); };
  const Tensor x = sampler.uniform({5, 3}), b = sampler.direction({5, 3});
  const LinearOperator hessian = hessian_operator(potential, x);
  auto [z, report] = conjugate_gradient(hessian, b, {.absolute_tolerance = 1e-9, .relative_tolerance = 0});
  CHECK_MESSAGE(report.converged(), report.message);
  CHECK(report.iterations <= 4);
  CHECK(max_abs(hessian(z) - b) <= 1e-8);
}

TEST_CASE("misuse is refused by name") {
  const LinearOperator a = matrix_operator(eye(3));
  const auto says = [&](const Tensor& b, const ConjugateGradientOptions& options) {
    return message_of([&] { conjugate_gradient(a, b, options); });
  };
  CHECK(lacks(says(ones({3}), {}), {"[conjugate_gradient]", "[rows, d]", "[3]"}) == "");
  CHECK(lacks(says(ones({2, 3}), {.start = ones({3, 3})}), {"[conjugate_gradient]", "start", "[2, 3]"}) == "");
  CHECK(lacks(says(ones({2, 3}), {.relative_tolerance = -1}), {"[conjugate_gradient]", "-1"}) == "");
  CHECK(lacks(says(ones({2, 3}), {.max_iterations = -2}), {"[conjugate_gradient]", "max_iterations", "-2"}) == "");
  const LinearOperator wrong([](const Tensor& v) { return sum(v, {-1}); });
  CHECK(lacks(message_of([&] { conjugate_gradient(wrong, ones({2, 3})); }), {"[conjugate_gradient]", "[2]"}) == "");
}

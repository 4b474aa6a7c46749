// Exact assignment: all permutations for small matrices, and for larger ones the dual certificate, which no assignment
// but an optimal one can have.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/ops.h"
#include "solvers/assignment.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

using namespace brenier;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::Sampler;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The least cost over all ways to give rows distinct columns.
double brute_force(const Tensor& cost) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(cost.dim(1)));
  std::iota(order.begin(), order.end(), 0);
  double best = kInfinity;
  do {
    double total = 0;
    for (std::int64_t i = 0; i < cost.dim(0); ++i) total += cost.at({i, order[static_cast<std::size_t>(i)]});
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

bool distinct(std::vector<std::int64_t> columns, std::int64_t count) {
  std::sort(columns.begin(), columns.end());
  return std::adjacent_find(columns.begin(), columns.end()) == columns.end() &&
         (columns.empty() || (columns.front() >= 0 && columns.back() < count));
}

// Empty, or what is wrong with the proof of optimality.
std::string certificate_error(const Tensor& cost, const Assignment& found) {
  const std::vector<double> c = cost.to_vector<double>();
  const auto n = static_cast<std::size_t>(cost.dim(0)), m = static_cast<std::size_t>(cost.dim(1));
  double scale = 0, dual = 0;
  for (double value : c) scale = std::max(scale, std::isfinite(value) ? std::abs(value) : 0);
  const double tolerance = 1e-13 * scale * static_cast<double>(n);
  if (!distinct(found.columns, cost.dim(1))) return "columns are used twice";
  std::vector<bool> taken(m);
  for (std::size_t i = 0; i < n; ++i) {
    const auto own = static_cast<std::size_t>(found.columns[i]);
    taken[own] = true;
    for (std::size_t j = 0; j < m; ++j) {
      const double reduced = c[i * m + j] - found.row_potentials[i] - found.column_potentials[j];
      if (!(reduced >= -tolerance)) return "a reduced cost is negative";
      if (j == own && !(reduced <= tolerance)) return "an assigned pair has slack";
    }
  }
  for (double u : found.row_potentials) dual += u;
  for (std::size_t j = 0; j < m; ++j) {
    dual += found.column_potentials[j];
    if (!taken[j] && found.column_potentials[j] != 0) return "a free column has a potential";
    if (found.column_potentials[j] > 0) return "a column has a positive potential";
  }
  return std::abs(dual - found.cost) <= tolerance * 10 ? "" : "the dual has another value";
}

}  // namespace

TEST_CASE("assignments of up to seven rows are the best of all permutations") {
  Sampler sampler(1);
  for (std::int64_t n = 1; n <= 7; ++n) {
    for (int trial = 0; trial < (n < 6 ? 20 : 3); ++trial) {
      const Tensor uniform = sampler.uniform({n, n}, -5, 5), rough = floor(sampler.uniform({n, n}, 0, 4));
      const Tensor wide = sampler.uniform({std::min<std::int64_t>(n, 4), std::min<std::int64_t>(n + 2, 7)}, 0, 3);
      for (const Tensor& cost : {uniform, rough, wide}) {
        const Assignment found = solve_assignment(cost);
        CHECK(found.cost == doctest::Approx(brute_force(cost)).epsilon(1e-13));
        CHECK(certificate_error(cost, found) == "");
      }
    }
  }
}

TEST_CASE("larger assignments prove themselves by their potentials") {
  Sampler sampler(2);
  const Tensor points = sampler.uniform({120, 2}), others = sampler.uniform({120, 2}) + 3.0;
  const Tensor squares =
      sum(square(points), {1}, true) + sum(square(others), {1}) - 2.0 * matmul(points, transpose(others));
  const Tensor machol = outer(arange(80) + 1.0, arange(80) + 1.0);  // the worst case of Machol & Wien (1976)
  for (const Tensor& cost : {sampler.uniform({150, 150}), sampler.uniform({60, 170}), squares, machol,
                             floor(sampler.uniform({100, 100}, 0, 3)), zeros({30, 40}), cast(squares, DType::Float32)})
    CHECK(certificate_error(cost, solve_assignment(cost)) == "");
}

TEST_CASE("a permutation hidden in costs is found") {
  Sampler sampler(3);
  const std::vector<std::int64_t> hidden = sampler.permutation(50);
  std::vector<double> cost(2500, 1.0);
  for (std::size_t i = 0; i < 50; ++i) cost[i * 50 + static_cast<std::size_t>(hidden[i])] = 0;
  CHECK(optimal_assignment(tensor(cost, {50, 50})) == hidden);
}

TEST_CASE("infinite costs forbid pairs") {
  const Tensor cost = tensor({{1, kInfinity, kInfinity}, {0, 5, kInfinity}, {0, 0, 9}});
  CHECK(optimal_assignment(cost) == std::vector<std::int64_t>{0, 1, 2});
  const Tensor none = tensor({{1, kInfinity}, {2, kInfinity}});
  CHECK(lacks(message_of([&] { solve_assignment(none); }), {"[optimal_assignment]", "no column for row"}) == "");
  const Tensor empty_row = tensor({{1, 1}, {kInfinity, kInfinity}});
  CHECK(lacks(message_of([&] { solve_assignment(empty_row); }), {"[optimal_assignment]", "no column for row 1"}) == "");
}

TEST_CASE("no rows need no columns") { CHECK(optimal_assignment(zeros({0, 3})).empty()); }

TEST_CASE("costs that are no costs are refused") {
  const auto of = [](const Tensor& cost) { return message_of([&] { solve_assignment(cost); }); };
  CHECK(lacks(of(tensor({{1, 2}, {NAN, 4}})), {"[optimal_assignment] cost [1, 0] is nan"}) == "");
  CHECK(lacks(of(tensor({{1, -kInfinity}})), {"[optimal_assignment]", "cost [0, 1] is -inf"}) == "");
  CHECK(lacks(of(zeros({3, 2})), {"[optimal_assignment]", "n <= m", "[3, 2]"}) == "");
  CHECK(lacks(of(zeros({3})), {"[optimal_assignment]", "[n, m]", "[3]"}) == "");
}

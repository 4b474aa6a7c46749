// The direction, the pairs it is built from, and the two ways in: rows of a batch, and one problem. If a direction built
// from curvature pairs fails, they are forgotten and the gradient gets one chance before the row gives up.
#include "solvers/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/descent.h"

namespace brenier {
namespace {

using Vector = std::vector<double>;

double one_norm(const Vector& a) {
  double sum = 0;
  for (double value : a) sum += std::abs(value);
  return sum;
}

class LbfgsRule : public DirectionRule {
 public:
  LbfgsRule(std::size_t rows, const LbfgsOptions& options) : pairs(rows), options_(options) {}

  void find(std::span<DescentRow* const> rows) override {
    const std::size_t work = 4 * rows[0]->x.size() * static_cast<std::size_t>(std::max(options_.memory, 1));
    for_each_row(rows.size(), work, [&](std::size_t i) {
      DescentRow& row = *rows[i];
      const auto& own = pairs[static_cast<std::size_t>(row.index)];
      row.direction = two_loop_recursion(own, row.gradient);
      row.first_step = own.empty() ? without_pairs(row) : 1.0;
    });
  }
  void moved(const DescentRow& row, Vector s, Vector y) override {
    CurvaturePair pair(std::move(s), std::move(y));
    const double scale = std::sqrt(inner_product(pair.s, pair.s)) * std::sqrt(inner_product(pair.y, pair.y));
    auto& own = pairs[static_cast<std::size_t>(row.index)];
    if (pair.inner_product > options_.curvature_threshold * scale) own.push_back(std::move(pair));
    while (static_cast<int>(own.size()) > std::max(options_.memory, 0)) own.pop_front();
  }
  bool try_another(DescentRow& row) override {
    auto& own = pairs[static_cast<std::size_t>(row.index)];
    const bool had_pairs = !own.empty();
    own.clear();
    return had_pairs;
  }

  std::vector<std::deque<CurvaturePair>> pairs;  // of each row, oldest first

 private:
  double without_pairs(const DescentRow& row) const {
    return options_.first_step > 0 ? options_.first_step : std::min(1.0, 1 / one_norm(row.gradient));
  }
  const LbfgsOptions& options_;
};

DescentOptions descent_options(const LbfgsOptions& options) {
  return {.solver = "lbfgs",
          .max_iterations = options.max_iterations,
          .gradient_tolerance = options.gradient_tolerance,
          .relative_gradient_tolerance = options.relative_gradient_tolerance,
          .value_tolerance = options.value_tolerance,
          .value_rounding = options.value_rounding,
          .line_search = options.line_search};
}

void evaluate_alone(const Objective& objective, std::span<DescentRow* const> rows) {
  LinePoint& trial = rows[0]->trial;
  trial.value = objective(trial.x, trial.gradient);
}

}  // namespace

CurvaturePair::CurvaturePair(Vector step, Vector change)
    : s(std::move(step)), y(std::move(change)), inner_product(brenier::inner_product(s, y)) {}

Vector two_loop_recursion(const std::deque<CurvaturePair>& pairs, const Vector& gradient) {
  Vector direction(gradient.size()), alpha(pairs.size());
  for (std::size_t i = 0; i < gradient.size(); ++i) direction[i] = -gradient[i];
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = inner_product(pairs[i].s, direction) / pairs[i].inner_product;
    add_scaled(direction, -alpha[i], pairs[i].y);
  }
  if (!pairs.empty()) {
    const CurvaturePair& newest = pairs.back();
    const double scale = newest.inner_product / inner_product(newest.y, newest.y);
    for (double& component : direction) component *= scale;
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double beta = inner_product(pairs[i].y, direction) / pairs[i].inner_product;
    add_scaled(direction, alpha[i] - beta, pairs[i].s);
  }
  return direction;
}

Minimum<Tensor> lbfgs(const BatchObjective& objective, const Tensor& start, const LbfgsOptions& options) {
  LbfgsRule rule(start.rank() == 0 ? 0 : static_cast<std::size_t>(start.dim(0)), options);
  return descend(objective, start, rule, descent_options(options));
}

LbfgsState lbfgs_start(const Objective& objective, Vector x) {
  LbfgsState state{.x = std::move(x), .gradient = {}};
  state.gradient.resize(state.x.size());
  state.value = objective(state.x, state.gradient);
  state.evaluations = 1;
  return state;
}

SolveReport lbfgs_continue(const Objective& objective, LbfgsState& state, const LbfgsOptions& options) {
  DescentRow row{.x = std::move(state.x), .value = state.value, .gradient = std::move(state.gradient)};
  row.evaluations = state.evaluations;
  LbfgsRule rule(1, options);
  rule.pairs[0].swap(state.pairs);
  const DescentOptions shared = descent_options(options);
  descend(
      {&row, 1}, rule, [&](std::span<DescentRow* const> rows) { evaluate_alone(objective, rows); }, shared);
  SolveReport report = descent_report(row, shared);
  state.x = std::move(row.x);
  state.value = row.value;
  state.gradient = std::move(row.gradient);
  state.pairs.swap(rule.pairs[0]);
  state.iterations += row.iterations;
  state.evaluations = row.evaluations;
  return report;
}

Minimum<Vector> minimize(const Objective& objective, Vector start, const LbfgsOptions& options) {
  LbfgsState state = lbfgs_start(objective, std::move(start));
  SolveReport outcome = lbfgs_continue(objective, state, options);
  return {std::move(state.x), std::move(outcome)};
}

}  // namespace brenier

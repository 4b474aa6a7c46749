// The loop: rows without a search are judged and given a direction, then all trials are evaluated and told to their
// searches.
#include "solvers/descent.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"

namespace brenier {
namespace {

using Vector = std::vector<double>;

// So many steps in a row that improve nothing end a row: what is left to gain is hidden by rounding.
constexpr int kMostStepsInNoise = 20;

double epsilon(DType dtype) {
  return dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

bool all_finite(const Vector& a) {
  return std::all_of(a.begin(), a.end(), [](double value) { return std::isfinite(value); });
}

void begin(DescentRow& row) {
  row.start_norm = row.smallest_norm = max_norm(row.gradient);
  if (!std::isfinite(row.value) || !all_finite(row.gradient)) row.status = SolveStatus::NotFinite;
}

// Gives the row its status if it is to end where it is.
void judge(DescentRow& row, const DescentOptions& options) {
  const double norm = max_norm(row.gradient);
  const double tolerance = std::max(options.gradient_tolerance, options.relative_gradient_tolerance * row.start_norm);
  const double scale = std::max({std::abs(row.value), std::abs(row.value + row.last_decrease), 1.0});
  const bool value_stands = options.value_tolerance > 0 && row.iterations > 0 && row.last_decrease >= 0 &&
                            row.last_decrease <= options.value_tolerance * scale;
  if (norm <= tolerance || value_stands)
    row.status = SolveStatus::Converged;
  else if (row.iterations >= options.max_iterations)
    row.status = SolveStatus::IterationLimit;
  else if (row.steps_in_noise >= kMostStepsInNoise)
    row.status = SolveStatus::LineSearchFailed;
}

void set_trial(DescentRow& row, const DescentOptions& options) {
  const double step = row.search->step();
  row.trial.x.resize(row.x.size());
  row.trial.gradient.resize(row.x.size());
  for (std::size_t i = 0; i < row.x.size(); ++i) row.trial.x[i] = row.x[i] + step * row.direction[i];
  if (options.dtype == DType::Float32)
    for (double& component : row.trial.x) component = static_cast<float>(component);
}

void begin_search(DescentRow& row, const DescentOptions& options) {
  LineSearchOptions search = options.line_search;
  search.noise = row.noise = search.noise + options.value_rounding * epsilon(options.dtype) * std::abs(row.value);
  const LinePoint start{.step = 0, .value = row.value, .slope = inner_product(row.gradient, row.direction)};
  row.search.emplace(start, row.first_step, search);
}

void move_to(DescentRow& row, LinePoint point, DirectionRule& rule) {
  Vector s(row.x.size()), y(row.x.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    s[i] = point.x[i] - row.x[i];
    y[i] = point.gradient[i] - row.gradient[i];
  }
  row.last_decrease = row.value - point.value;
  row.x.swap(point.x);
  row.gradient.swap(point.gradient);
  row.value = point.value;
  const double norm = max_norm(row.gradient);
  row.steps_in_noise = row.last_decrease > row.noise || norm < row.smallest_norm ? 0 : row.steps_in_noise + 1;
  row.smallest_norm = std::min(row.smallest_norm, norm);
  rule.moved(row, std::move(s), std::move(y));
  row.trial = std::move(point);  // its memory
}

// Once the search is finished: moves the row, or lets it try another direction, or ends it.
void conclude(DescentRow& row, DirectionRule& rule) {
  const bool met_only_nan = row.search->result().evaluations > 0 && !row.search->met_a_finite_point();
  LinePoint point = std::move(row.search->result().point);
  row.search.reset();
  if (point.step > 0)
    move_to(row, std::move(point), rule);
  else if (!rule.try_another(row))
    row.status = met_only_nan ? SolveStatus::NotFinite : SolveStatus::LineSearchFailed;
  if (!row.status) ++row.iterations;
}

void tell(DescentRow& row, DirectionRule& rule, const DescentOptions& options) {
  ++row.evaluations;
  row.trial.slope = inner_product(row.trial.gradient, row.direction);
  row.search->tell(std::move(row.trial));
  row.trial = {};
  if (row.search->finished())
    conclude(row, rule);
  else
    set_trial(row, options);
}

void begin_searches(std::span<DescentRow* const> rows, DirectionRule& rule, const DescentOptions& options) {
  rule.find(rows);
  for_each_row(rows.size(), 4 * rows[0]->x.size(), [&](std::size_t i) {
    begin_search(*rows[i], options);
    rows[i]->search->finished() ? conclude(*rows[i], rule) : set_trial(*rows[i], options);
  });
}

}  // namespace

void descend(std::span<DescentRow> rows, DirectionRule& rule, const EvaluateTrials& evaluate,
             const DescentOptions& options) {
  for (DescentRow& row : rows) begin(row);
  std::vector<DescentRow*> waiting, searching;
  while (true) {
    waiting.clear();
    searching.clear();
    for (DescentRow& row : rows) {
      if (!row.status && !row.search) judge(row, options);
      if (!row.status) (row.search ? searching : waiting).push_back(&row);
    }
    if (waiting.empty() && searching.empty()) return;
    if (!waiting.empty() && (searching.empty() || !rule.together())) {
      begin_searches(waiting, rule, options);
      for (DescentRow* row : waiting)
        if (row->search) searching.push_back(row);
    }
    if (searching.empty()) continue;
    evaluate(searching);
    for_each_row(searching.size(), 8 * rows[0].x.size(), [&](std::size_t i) { tell(*searching[i], rule, options); });
  }
}

void for_each_row(std::size_t count, std::size_t numbers_each, const std::function<void(std::size_t)>& body) {
  constexpr std::size_t kWorthThreads = 1U << 15;  // numbers; a thread costs some microseconds to wake
  const auto run = [](const void* function, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      (*static_cast<const std::function<void(std::size_t)>*>(function))(static_cast<std::size_t>(i));
  };
  const auto rows = static_cast<std::int64_t>(count);
  if (count < 2 || count * numbers_each < kWorthThreads || threads() == 1) return run(&body, 0, rows);
  cpu_backend().parallel_run(rows, std::max<std::int64_t>(1, rows / (4 * threads())), run, &body);
}

double inner_product(const Vector& a, const Vector& b) {
  // Four sums, because additions to one would have to wait for each other.
  std::array<double, 4> sums{};
  const std::size_t n = a.size(), whole = n - n % 4;
  for (std::size_t i = 0; i < whole; i += 4)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += a[i + k] * b[i + k];
  for (std::size_t i = whole; i < n; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double max_norm(const Vector& a) {
  double largest = 0;
  for (double value : a) largest = std::max(largest, std::abs(value));
  return largest;
}

void add_scaled(Vector& a, double t, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += t * b[i];
}

}  // namespace brenier

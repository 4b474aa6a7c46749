// What happened, in one sentence: of one problem, or of the row of a batch that ended worst.
#include <algorithm>
#include <cmath>

#include "engine/str.h"
#include "solvers/descent.h"

namespace brenier {
namespace {

bool all_finite(const std::vector<double>& a) {
  return std::all_of(a.begin(), a.end(), [](double value) { return std::isfinite(value); });
}

std::string not_finite(const DescentRow& row, const std::string& numbers) {
  if (!std::isfinite(row.value) || !all_finite(row.gradient))
    return str("the objective or its gradient is not finite at the start: f = ", row.value,
               ", max |g| = ", max_norm(row.gradient));
  return str("stopped after ", numbers,
             "; the objective is not finite at any trial point beyond, see line_search.max_evaluations");
}

std::string sentence(const DescentRow& row, const DescentOptions& options) {
  const double norm = max_norm(row.gradient);
  const double tolerance = std::max(options.gradient_tolerance, options.relative_gradient_tolerance * row.start_norm);
  const std::string numbers = str(row.iterations, " iterations, f = ", row.value, ", max |g| = ", norm);
  switch (row.status.value_or(SolveStatus::IterationLimit)) {
    case SolveStatus::Converged:
      return norm <= tolerance ? str("converged after ", numbers, " <= ", tolerance)
                               : str("converged after ", numbers, "; f decreased by ", row.last_decrease,
                                     ", within value_tolerance ", options.value_tolerance);
    case SolveStatus::IterationLimit:
      return str("stopped after ", numbers, " > ", tolerance, "; see max_iterations");
    case SolveStatus::NotFinite:
      return not_finite(row, numbers);
    default:
      return str("no step decreases f after ", numbers, " > ", tolerance,
                 "; rounding may hide the decrease, see gradient_tolerance");
  }
}

int severity(const DescentRow& row) { return severity(row.status.value_or(SolveStatus::IterationLimit)); }

// NaN counts as the largest.
bool is_larger(double a, double b) { return std::isnan(a) ? !std::isnan(b) : a > b; }

RowOutcome outcome(const DescentRow& row) {
  return {row.status.value_or(SolveStatus::IterationLimit), row.iterations,
          std::isfinite(row.value) && all_finite(row.gradient) ? max_norm(row.gradient) : std::nan("")};
}

std::string summary(std::span<const DescentRow> rows, const DescentRow& worst, const DescentOptions& options) {
  const auto open = std::count_if(rows.begin(), rows.end(), [](const DescentRow& row) { return severity(row) > 0; });
  const std::string count =
      open > 0 ? str(open, " of ", rows.size(), " rows did not converge") : str("all ", rows.size(), " rows converged");
  return str(count, "; row ", worst.index, ": ", sentence(worst, options));
}

}  // namespace

SolveReport descent_report(const DescentRow& row, const DescentOptions& options) {
  const RowOutcome ended = outcome(row);
  return {ended.status, ended.iterations, ended.residual_norm, options.solver + ": " + sentence(row, options),
          {},           row.evaluations};
}

SolveReport descent_report(std::span<const DescentRow> rows, const DescentOptions& options) {
  SolveReport report{.status = SolveStatus::Converged, .message = {}};
  const DescentRow* worst = nullptr;
  for (const DescentRow& row : rows) {
    const RowOutcome& ended = report.rows.emplace_back(outcome(row));
    report.iterations = std::max(report.iterations, ended.iterations);
    report.row_evaluations += row.evaluations;
    if (is_larger(ended.residual_norm, report.residual_norm)) report.residual_norm = ended.residual_norm;
    const int more = worst ? severity(row) - severity(*worst) : 1;
    const bool is_worse =
        more > 0 || (more == 0 &&
                     is_larger(ended.residual_norm, report.rows[static_cast<std::size_t>(worst->index)].residual_norm));
    if (is_worse) worst = &row;
  }
  if (worst) report.status = *worst->status;
  report.message = options.solver + ": " + (worst ? summary(rows, *worst, options) : "no rows, nothing to do");
  return report;
}

}  // namespace brenier

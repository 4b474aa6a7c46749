// One report of many inverses.
#include "models/flow_stack.h"

#include <algorithm>
#include <cmath>

namespace brenier {
namespace {

SolveStatus worse(SolveStatus a, SolveStatus b) { return severity(b) > severity(a) ? b : a; }

// NaN counts as the largest.
double larger(double a, double b) { return std::isnan(a) || a >= b ? a : b; }

RowOutcome merged(const RowOutcome& a, const RowOutcome& b) {
  return {worse(a.status, b.status), a.iterations + b.iterations, larger(a.residual_norm, b.residual_norm)};
}

}  // namespace

void InverseChain::merge(const SolveReport& next, const std::string& name) {
  SolveReport& report = preimage_.report;
  if (report.converged() && !next.converged()) report.message = str("layer ", name, ": ", next.message);
  report.status = worse(report.status, next.status);
  report.residual_norm = larger(report.residual_norm, next.residual_norm);
  report.row_evaluations += next.row_evaluations;
  report.iterations += next.iterations;
  if (report.rows.empty()) {
    report.rows = next.rows;
  } else {
    for (std::size_t i = 0; i < std::min(report.rows.size(), next.rows.size()); ++i)
      report.rows[i] = merged(report.rows[i], next.rows[i]);
  }
  ++layers_;
}

Preimage InverseChain::result() const {
  Preimage result = preimage_;
  SolveReport& report = result.report;
  if (!report.rows.empty()) report.iterations = 0;
  for (const RowOutcome& row : report.rows) report.iterations = std::max(report.iterations, row.iterations);
  if (report.converged())
    report.message = str("inverse: ", report.rows.size(), " rows converged through ", layers_, " layers; at most ",
                         report.iterations, " iterations, largest residual ", report.residual_norm);
  return result;
}

}  // namespace brenier

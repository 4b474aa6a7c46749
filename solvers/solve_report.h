// What every iterative solver says about its result: numerical outcomes are returned, never thrown.
//
// The solution beside the report is always the best iterate found, whatever the status. The message is one sentence
// with the numbers, and names the option to change where one would help. A solver of many problems at once, one per
// row, reports the row that ended worst, and keeps the outcome of every row beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brenier {

enum class SolveStatus {
  Converged,           // the tolerance asked for is met
  IterationLimit,      // stopped by the iteration limit
  IndefiniteOperator,  // a direction of non-positive curvature was met
  LineSearchFailed,    // no step gives a sufficient decrease, usually because rounding errors hide it
  Stagnated,           // rounding errors keep the residual above the tolerance
  NotFinite            // the problem is not finite at its starting point, or nowhere on the way on from a point
};

inline const char* name_of(SolveStatus status) {
  switch (status) {
    case SolveStatus::Converged:
      return "converged";
    case SolveStatus::IterationLimit:
      return "iteration limit";
    case SolveStatus::IndefiniteOperator:
      return "indefinite operator";
    case SolveStatus::LineSearchFailed:
      return "line search failed";
    case SolveStatus::Stagnated:
      return "stagnated";
    case SolveStatus::NotFinite:
      return "not finite";
  }
  return "unknown";
}

// Which of two outcomes a report of both speaks of: the one with the larger number.
inline int severity(SolveStatus status) {
  switch (status) {
    case SolveStatus::Converged:
      return 0;
    case SolveStatus::IterationLimit:
      return 1;
    case SolveStatus::NotFinite:
      return 3;
    default:
      return 2;
  }
}

// How one row of a batch ended.
struct RowOutcome {
  SolveStatus status = SolveStatus::IterationLimit;
  std::int64_t iterations = 0;
  double residual_norm = 0;
};

struct SolveReport {
  SolveStatus status = SolveStatus::IterationLimit;  // of a batch: Converged if all rows did, else that of a row that
                                                     // did not
  std::int64_t iterations = 0;                       // of a batch: the most of any row
  double residual_norm = 0;  // in the norm that the solver's tolerance refers to; of a batch: the largest
  std::string message;
  std::vector<RowOutcome> rows{};  // of a batch, row by row
  std::int64_t row_evaluations =
      0;  // of a batch: rows for which the operator or objective was evaluated, over all calls

  bool converged() const { return status == SolveStatus::Converged; }
};

}  // namespace brenier

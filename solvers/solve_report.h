// What every iterative solver says about its result: numerical outcomes are returned, never thrown.
//
// The solution beside the report is always the best iterate found, whatever the status. The message is one sentence
// with the numbers, and names the option to change where one would help.
#pragma once

#include <cstdint>
#include <string>

namespace brenier {

enum class SolveStatus {
  Converged,           // the tolerance asked for is met
  IterationLimit,      // stopped by the iteration limit
  IndefiniteOperator,  // a direction of non-positive curvature was met
  LineSearchFailed,    // no step gives a sufficient decrease, usually because rounding errors hide it
  NotFinite            // the problem is not finite at its starting point
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
    case SolveStatus::NotFinite:
      return "not finite";
  }
  return "unknown";
}

struct SolveReport {
  SolveStatus status = SolveStatus::IterationLimit;
  std::int64_t iterations = 0;
  double residual_norm = 0;  // in the norm that the solver's tolerance refers to
  std::string message;

  bool converged() const { return status == SolveStatus::Converged; }
};

}  // namespace brenier

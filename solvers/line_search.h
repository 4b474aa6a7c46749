// A step along a descent direction that satisfies the strong Wolfe conditions.
//
// With φ(t) = f(x + t d), φ'(0) < 0 and 0 < c1 < c2 < 1:
//
//   sufficient decrease   φ(t) ≤ φ(0) + c1 t φ'(0)
//   curvature             |φ'(t)| ≤ c2 |φ'(0)|
//
// Reference: Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithms 3.5 and 3.6, with cubic
// interpolation. A trial that is not finite counts as too long a step, so the search backs away from walls of NaN.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

namespace brenier {

struct LineSearchOptions {
  double c1 = 1e-4;          // sufficient decrease
  double c2 = 0.9;           // curvature; 0.9 suits quasi-Newton directions
  int max_evaluations = 25;  // of φ, in one search
  double max_growth = 10;    // largest ratio of successive trials while the minimum is not yet bracketed
  double end_margin = 0.1;   // trials nearer than this fraction to an end of the bracket are moved inside
};

// φ and φ' at one step.
struct LinePoint {
  double step = 0;
  double value = 0;
  double slope = 0;
  std::vector<double> gradient{};  // of f there, carried along for the caller; may stay empty

  bool finite() const { return std::isfinite(value) && std::isfinite(slope); }
};

using LineFunction = std::function<LinePoint(double step)>;

struct LineSearchResult {
  LinePoint point;         // the lowest one that decreases sufficiently; `start` itself if there is none
  bool satisfied = false;  // both conditions hold at `point`
  int evaluations = 0;
};

// `start` is the point at step 0: finite, with a negative slope (else it is returned unsatisfied). `first_step` > 0 is
// the first trial.
LineSearchResult strong_wolfe(const LineFunction& phi, const LinePoint& start, double first_step,
                              const LineSearchOptions& options = {});

}  // namespace brenier

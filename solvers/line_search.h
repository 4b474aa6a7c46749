// A step along a descent direction that satisfies the strong Wolfe conditions.
//
// With φ(t) = f(x + t d), φ'(0) < 0 and 0 < c1 < c2 < 1:
//
//   sufficient decrease   φ(t) ≤ φ(0) + c1 t φ'(0)
//   curvature             |φ'(t)| ≤ c2 |φ'(0)|
//
// Close to a minimum rounding hides the decrease long before the slopes are lost. Where φ(t) ≤ φ(0) + noise, the slope
// may stand for it: φ'(t) ≤ (2 c1 - 1) φ'(0), which is the same condition for a parabola.
//
// References: Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithms 3.5 and 3.6, with cubic
// interpolation; Hager & Zhang (2005), equation 4.1, for the approximate condition. A trial that is not finite counts
// as too long a step, so the search backs away from walls of NaN.
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
  double noise = 0;          // values this near to each other are taken for equal; solvers add rounding errors to it
};

// φ and φ' at one step, and what belongs to it.
struct LinePoint {
  double step = 0;
  double value = 0;
  double slope = 0;
  std::vector<double> gradient{};  // of f there, carried along for the caller; may stay empty
  std::vector<double> x{};         // the point itself; likewise

  bool finite() const { return std::isfinite(value) && std::isfinite(slope); }
};

struct LineSearchResult {
  LinePoint point;         // the lowest one that decreases sufficiently; `start` itself if there is none
  bool satisfied = false;  // both conditions hold at `point`
  int evaluations = 0;
};

// The search as a conversation, so that the trials of many searches can be evaluated in one call:
//
//   while (!search.finished()) search.tell(phi(search.step()));
class StrongWolfeSearch {
 public:
  // `start` is the point at step 0: finite, with a negative slope (else the search is finished at once, unsatisfied).
  // `first_step` > 0 is the first trial.
  StrongWolfeSearch(LinePoint start, double first_step, const LineSearchOptions& options);

  bool finished() const { return phase_ == Phase::Finished; }
  double step() const { return step_; }  // the next trial
  void tell(LinePoint at_step);          // φ there
  bool met_a_finite_point() const { return met_a_finite_point_; }
  // Once finished.
  const LineSearchResult& result() const { return result_; }
  LineSearchResult& result() { return result_; }

 private:
  enum class Phase { Bracketing, Zooming, Finished };

  bool decreases(const LinePoint& point) const;
  bool flat(const LinePoint& point) const;
  bool above(const LinePoint& a, const LinePoint& b) const { return a.value >= b.value + options_.noise; }
  void bracket(LinePoint current);
  void zoom(LinePoint current);
  void zoom_between(LinePoint low, LinePoint high);
  double longer_step(const LinePoint& previous, const LinePoint& current) const;
  void next_inner_step();
  double inner_step();
  void finish(LinePoint point, bool satisfied);

  LinePoint start_;
  LineSearchOptions options_;
  Phase phase_ = Phase::Bracketing;
  double step_ = 0;
  LinePoint low_{}, high_{};  // while bracketing, low_ is the trial before
  bool stalled_ = false;      // the last trial fell close to an end of the bracket
  bool met_a_finite_point_ = false;
  LineSearchResult result_{};
};

using LineFunction = std::function<LinePoint(double step)>;

// The conversation held with one function.
LineSearchResult strong_wolfe(const LineFunction& phi, const LinePoint& start, double first_step,
                              const LineSearchOptions& options = {});

}  // namespace brenier

// Two phases. The first lengthens the step until a bracket [low, high] is known to hold acceptable steps; the second,
// zoom, shrinks it. `low` is always finite, decreases sufficiently, and is the lowest such point seen.
#include "solvers/line_search.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace brenier {
namespace {

// The minimiser of the cubic through two values and slopes, clipped to [lowest, highest]; the middle of that interval
// where the cubic has none. Nocedal & Wright, equation 3.59.
double cubic_minimizer(const LinePoint& a, const LinePoint& b, double lowest, double highest) {
  const double middle = 0.5 * (lowest + highest);
  if (!a.finite() || !b.finite()) return middle;
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
  const double discriminant = d1 * d1 - a.slope * b.slope;
  if (!(discriminant >= 0)) return middle;
  const double d2 = std::copysign(std::sqrt(discriminant), b.step - a.step);
  const double step = b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  return std::isfinite(step) ? std::clamp(step, lowest, highest) : middle;
}

// Where the values are equal but for noise, the slopes alone say where the minimum is: on a line through them.
double secant_minimizer(const LinePoint& a, const LinePoint& b, double lowest, double highest) {
  const double step = (a.step * b.slope - b.step * a.slope) / (b.slope - a.slope);
  return std::isfinite(step) ? std::clamp(step, lowest, highest) : 0.5 * (lowest + highest);
}

bool equal_but_for(double noise, const LinePoint& a, const LinePoint& b) {
  return noise > 0 && std::abs(a.value - b.value) <= noise;
}

// Whether there are numbers left between the two.
bool divisible(double a, double b) {
  return std::abs(a - b) > 4 * std::numeric_limits<double>::epsilon() * std::max(std::abs(a), std::abs(b));
}

}  // namespace

StrongWolfeSearch::StrongWolfeSearch(LinePoint start, double first_step, const LineSearchOptions& options)
    : start_(std::move(start)), options_(options), step_(first_step) {
  low_.value = start_.value;
  low_.slope = start_.slope;
  if (!start_.finite() || !(start_.slope < 0) || options_.max_evaluations < 1) finish(start_, false);
}

void StrongWolfeSearch::tell(LinePoint at_step) {
  at_step.step = step_;
  ++result_.evaluations;
  met_a_finite_point_ = met_a_finite_point_ || at_step.finite();
  phase_ == Phase::Bracketing ? bracket(std::move(at_step)) : zoom(std::move(at_step));
}

bool StrongWolfeSearch::decreases(const LinePoint& point) const {
  if (!point.finite()) return false;
  if (point.value <= start_.value + options_.c1 * point.step * start_.slope) return true;
  if (!(options_.noise > 0)) return false;
  return point.value <= start_.value + options_.noise && point.slope <= (2 * options_.c1 - 1) * start_.slope;
}

bool StrongWolfeSearch::flat(const LinePoint& point) const {
  return std::abs(point.slope) <= -options_.c2 * start_.slope;
}

void StrongWolfeSearch::bracket(LinePoint current) {
  LinePoint previous = std::move(low_);
  if (!decreases(current) || (previous.step > 0 && above(current, previous)))
    return zoom_between(std::move(previous), std::move(current));
  if (flat(current)) return finish(std::move(current), true);
  if (current.slope >= 0) return zoom_between(std::move(current), std::move(previous));
  if (result_.evaluations >= options_.max_evaluations) return finish(std::move(current), false);
  step_ = longer_step(previous, current);
  low_ = std::move(current);
}

// Both slopes are negative. If they do not become flatter, there is no minimum in sight.
double StrongWolfeSearch::longer_step(const LinePoint& previous, const LinePoint& current) const {
  const double least = current.step + 0.01 * (current.step - previous.step), most = options_.max_growth * current.step;
  if (!equal_but_for(options_.noise, previous, current)) return cubic_minimizer(previous, current, least, most);
  return current.slope > previous.slope ? secant_minimizer(previous, current, least, most) : most;
}

void StrongWolfeSearch::zoom_between(LinePoint low, LinePoint high) {
  phase_ = Phase::Zooming;
  low_ = std::move(low);
  high_ = std::move(high);
  next_inner_step();
}

void StrongWolfeSearch::zoom(LinePoint current) {
  if (!decreases(current) || above(current, low_)) {
    high_ = std::move(current);
    return next_inner_step();
  }
  if (flat(current)) return finish(std::move(current), true);
  if (current.slope * (high_.step - low_.step) >= 0) high_ = std::move(low_);
  low_ = std::move(current);
  next_inner_step();
}

void StrongWolfeSearch::next_inner_step() {
  if (result_.evaluations >= options_.max_evaluations || !divisible(low_.step, high_.step))
    return finish(std::move(low_), false);
  step_ = inner_step();
}

// Interpolation may creep along one end: the second trial in a row near an end is moved inside.
double StrongWolfeSearch::inner_step() {
  const double left = std::min(low_.step, high_.step), right = std::max(low_.step, high_.step);
  const double margin = options_.end_margin * (right - left);
  const bool noisy = equal_but_for(options_.noise, low_, high_) && low_.slope * high_.slope < 0;
  const double step = noisy ? secant_minimizer(low_, high_, left, right) : cubic_minimizer(low_, high_, left, right);
  if (std::min(step - left, right - step) >= margin) {
    stalled_ = false;
    return step;
  }
  const bool move = stalled_ || step <= left || step >= right;
  stalled_ = !move;
  return move ? std::clamp(step, left + margin, right - margin) : step;
}

// A step that is not satisfactory must at least decrease the value, or it is none.
void StrongWolfeSearch::finish(LinePoint point, bool satisfied) {
  phase_ = Phase::Finished;
  const bool is_step = satisfied || (point.step > 0 && point.value < start_.value);
  result_.point = is_step ? std::move(point) : start_;
  result_.satisfied = satisfied;
}

LineSearchResult strong_wolfe(const LineFunction& phi, const LinePoint& start, double first_step,
                              const LineSearchOptions& options) {
  StrongWolfeSearch search(start, first_step, options);
  while (!search.finished()) search.tell(phi(search.step()));
  return std::move(search.result());
}

}  // namespace brenier

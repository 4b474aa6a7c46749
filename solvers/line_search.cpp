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

class StrongWolfeSearch {
 public:
  StrongWolfeSearch(const LineFunction& phi, const LinePoint& start, const LineSearchOptions& options)
      : phi_(phi), start_(start), options_(options) {}

  LineSearchResult run(double first_step) {
    LinePoint previous = start_;
    double step = first_step;
    while (evaluations_ < options_.max_evaluations) {
      LinePoint current = evaluate(step);
      if (!decreases(current) || (previous.step > 0 && current.value >= previous.value))
        return zoom(std::move(previous), std::move(current));
      if (flat(current)) return {std::move(current), true, evaluations_};
      if (current.slope >= 0) return zoom(std::move(current), std::move(previous));
      step = cubic_minimizer(previous, current, step + 0.01 * (step - previous.step), options_.max_growth * step);
      previous = std::move(current);
    }
    return {std::move(previous), false, evaluations_};
  }

 private:
  LinePoint evaluate(double step) {
    ++evaluations_;
    LinePoint point = phi_(step);
    point.step = step;
    return point;
  }
  bool decreases(const LinePoint& point) const {
    return point.finite() && point.value <= start_.value + options_.c1 * point.step * start_.slope;
  }
  bool flat(const LinePoint& point) const { return std::abs(point.slope) <= -options_.c2 * start_.slope; }

  LineSearchResult zoom(LinePoint low, LinePoint high) {
    bool stalled = false;  // the last trial fell close to an end of the bracket
    while (evaluations_ < options_.max_evaluations && divisible(low.step, high.step)) {
      LinePoint current = evaluate(inner_step(low, high, stalled));
      if (!decreases(current) || current.value >= low.value) {
        high = std::move(current);
        continue;
      }
      if (flat(current)) return {std::move(current), true, evaluations_};
      if (current.slope * (high.step - low.step) >= 0) high = std::move(low);
      low = std::move(current);
    }
    return {std::move(low), false, evaluations_};
  }

  // Whether there are numbers left between the two.
  static bool divisible(double a, double b) {
    return std::abs(a - b) > 4 * std::numeric_limits<double>::epsilon() * std::max(std::abs(a), std::abs(b));
  }

  // Interpolation may creep along one end: the second trial in a row near an end is moved inside.
  double inner_step(const LinePoint& low, const LinePoint& high, bool& stalled) const {
    const double left = std::min(low.step, high.step), right = std::max(low.step, high.step);
    const double margin = options_.end_margin * (right - left);
    const double step = cubic_minimizer(low, high, left, right);
    if (std::min(step - left, right - step) >= margin) {
      stalled = false;
      return step;
    }
    const bool move = stalled || step <= left || step >= right;
    stalled = !move;
    return move ? std::clamp(step, left + margin, right - margin) : step;
  }

  const LineFunction& phi_;
  const LinePoint& start_;
  const LineSearchOptions& options_;
  int evaluations_ = 0;
};

}  // namespace

LineSearchResult strong_wolfe(const LineFunction& phi, const LinePoint& start, double first_step,
                              const LineSearchOptions& options) {
  if (!start.finite() || !(start.slope < 0)) return {start, false, 0};
  return StrongWolfeSearch(phi, start, options).run(first_step);
}

}  // namespace brenier

// Learning rates as functions of the step number: types that are called with 0, 1, 2, …
//
//   adam.learning_rate = schedule(step);
//
// They keep no state, so a resumed run continues with the rate it would have had.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace brenier {

struct ConstantRate {
  double rate = 1e-3;
  double operator()(std::int64_t) const { return rate; }
};

// initial · factor^floor(step / period)
struct StepDecay {
  double initial = 1e-3;
  double factor = 0.5;
  std::int64_t period = 1000;  // steps; at least 1
  double operator()(std::int64_t step) const {
    return initial * std::pow(factor, static_cast<double>(step / std::max<std::int64_t>(period, 1)));
  }
};

// Half a cosine from `initial` at step 0 down to `last` at step `steps`, and `last` from then on.
// Loshchilov & Hutter, SGDR (2017), equation 5, without restarts.
struct CosineDecay {
  double initial = 1e-3;
  double last = 0;
  std::int64_t steps = 1000;
  double operator()(std::int64_t step) const {
    if (step >= steps) return last;
    const double progress = static_cast<double>(step) / static_cast<double>(steps);
    return last + 0.5 * (initial - last) * (1 + std::cos(std::numbers::pi * progress));
  }
};

}  // namespace brenier

// Everything is done to all rows, and masks say which of them it concerns.
#include "solvers/lbfgs_armijo_step.h"

#include <cmath>
#include <limits>

namespace brenier {
namespace {

using RowPotential = BatchObjective::PotentialOfData;
using Status = ArmijoStatus;

double epsilon(DType dtype) {
  return dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

Tensor dots(const Tensor& a, const Tensor& b) { return sum(a * b, {-1}); }
Tensor down(const Tensor& a) { return expand_axis(a, -1); }  // [m] -> [m, 1]

Tensor direction_of(const ArmijoState& state) {
  Tensor d = -state.gradient;
  const std::size_t memory = state.s.size();
  std::vector<Tensor> alpha(memory);
  const auto weight = [&](std::size_t i) { return select(state.weights, 0, static_cast<std::int64_t>(i)); };
  for (std::size_t i = memory; i-- > 0;) {
    alpha[i] = weight(i) * dots(state.s[i], d);
    d = d - down(alpha[i]) * state.y[i];
  }
  d = down(state.scale) * d;
  for (std::size_t i = 0; i < memory; ++i) d = d + down(alpha[i] - weight(i) * dots(state.y[i], d)) * state.s[i];
  return d;
}

// The step of each row along d: the trial of the lowest value among those that decrease it enough; 0 where none does.
struct Search {
  Tensor step, met_a_finite;  // [m]
};
Search search(const ArmijoState& state, const Tensor& d, const Tensor& slope, const RowPotential& potential,
              const std::vector<Tensor>& data, const LbfgsArmijoOptions& options) {
  const std::int64_t m = state.x.dim(0), n = state.x.dim(1), k = options.trials;
  std::vector<double> ratios, preference;
  for (int j = 0; j < options.trials; ++j) {
    ratios.push_back(std::pow(options.base, 1 - j));
    preference.push_back(j == 0 ? options.trials : j);
  }
  const DType dtype = state.x.dtype();
  const Tensor steps = outer(tensor(ratios, {k}, dtype), state.shrinkage);  // [k, m]
  const Tensor trials = reshape(state.x + expand_axis(steps, -1) * d, {k * m, n});
  std::vector<Tensor> repeated;
  for (const Tensor& part : data) repeated.push_back(concat(std::vector<Tensor>(static_cast<std::size_t>(k), part), 0));
  const Tensor values = reshape(potential(trials, repeated), {k, m});
  const Tensor noise = options.value_rounding * epsilon(dtype) * abs(state.value);
  // Where the decrease that is asked for drowns in rounding, the value may rise by as much.
  const Tensor drowned = greater(noise, -0.5 * slope);
  const Tensor bound = state.value + options.decrease * steps * slope + where(drowned, noise, 0.0);
  // A step too short to change x has the value of x: it is none, and says nothing about what is beyond.
  const Tensor decreases = maximum(drowned, less(values, state.value));
  const Tensor good = is_finite(values) * less_equal(values, bound) * decreases;
  // There the lowest value means nothing either: t₀ first, then shorter ones, the longer one last.
  const Tensor order = expand_axis(tensor(preference, {k}, dtype), -1);
  const Tensor ranked = where(good, where(drowned, order, values), std::numeric_limits<double>::infinity());
  const Tensor best = expand_axis(argmax(-ranked, 0), 0);  // [1, m]
  const Tensor found = max(good, {0});
  return {squeeze(take_along_axis(steps, best, 0), 0) * found,
          max(is_finite(values) * (1.0 - equal(values, state.value)), {0})};
}

// A row that found no step stays, without its pairs and with smaller trials; too small ones end it.
void shrink(ArmijoState& next, const ArmijoState& state, const Tensor& moved, const Tensor& met,
            const LbfgsArmijoOptions& options) {
  const double ratio = std::pow(options.base, -options.trials);
  const Tensor smaller = where(moved, 1.0, ratio * state.shrinkage);
  next.shrinkage = smaller;
  next.met_a_finite = (1.0 - moved) * maximum(state.met_a_finite, met);
  const Tensor exhausted = less(smaller, epsilon(smaller.dtype()));
  const Tensor ended = Status::kNotFinite + (Status::kFailed - Status::kNotFinite) * next.met_a_finite;
  next.status = where(exhausted, ended, next.status);
}

// The newest pair, weighted 0 where it is of no use.
void remember(ArmijoState& next, const ArmijoState& state, const Tensor& moved, const LbfgsArmijoOptions& options) {
  const Tensor s = next.x - state.x, y = next.gradient - state.gradient, sy = dots(s, y), yy = dots(y, y);
  const Tensor useful = moved * greater(sy, options.curvature_threshold * sqrt(dots(s, s) * yy));
  const Tensor weight = useful / where(useful, sy, 1.0);
  const Tensor kept = moved * slice(state.weights, 0, 1, options.memory);
  next.weights = concat({kept, expand_axis(weight, 0)}, 0);
  next.scale = where(useful, sy / where(useful, yy, 1.0), where(moved, state.scale, 0.0));
  next.s.erase(next.s.begin());
  next.y.erase(next.y.begin());
  next.s.push_back(s);
  next.y.push_back(y);
}

}  // namespace

ArmijoState advanced(const ArmijoState& state, const RowPotential& potential, const std::vector<Tensor>& data,
                     const LbfgsArmijoOptions& options) {
  const Tensor active = equal(state.status, Status::kActive);
  // Without pairs, -g, scaled like the first step of lbfgs().
  const Tensor has_pairs = less(0.0, state.scale);
  ArmijoState scaled = state;
  const Tensor cautious = minimum(reciprocal(sum(abs(state.gradient), {-1})), 1.0);
  scaled.scale = where(has_pairs, state.scale, cautious);
  Tensor d = direction_of(scaled), slope = dots(d, state.gradient);
  const Tensor downhill = less(slope, 0.0);
  d = where(down(downhill), d, down(cautious) * -state.gradient);
  slope = dots(d, state.gradient);
  const auto [step, met] = search(state, d, slope, potential, data, options);
  const Tensor moved = active * less(0.0, step);

  ArmijoState next = state;
  next.x = where(down(moved), state.x + down(step) * d, state.x);
  const auto [value, gradient] = value_and_gradient(potential, next.x, data);
  next.value = where(moved, value, state.value);
  next.gradient = where(down(moved), gradient, state.gradient);
  next.iterations = state.iterations + active;
  shrink(next, state, moved, met, options);
  const Tensor small = less_equal(max(abs(next.gradient), {-1}), options.gradient_tolerance);
  next.status = where(small, Status::kConverged, next.status);
  next.status = where(active, next.status, state.status);
  remember(next, state, moved, options);
  return next;
}

}  // namespace brenier

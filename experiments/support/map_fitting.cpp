// See experiments/support/map_fitting.h.
#include "experiments/support/map_fitting.h"

#include <algorithm>
#include <cmath>

namespace brenier::experiments {

void add_fit_options(OptionTable& table, FitOptions& fit, std::int64_t quick_adam_steps,
                     std::int64_t quick_lbfgs_steps) {
  constexpr std::int64_t kMost = 100'000'000;
  table.integer("adam-steps", fit.adam_steps, {.min = 1, .max = kMost, .quick = quick_adam_steps}, "steps of Adam");
  table.integer("lbfgs-steps", fit.lbfgs_steps, {.min = 0, .max = kMost, .quick = quick_lbfgs_steps},
                "then steps of ten L-BFGS iterations on all points, fewer if they converge");
  table.integer("batch", fit.batch, {.min = 1, .max = kMost}, "points in a step of Adam, all if there are fewer");
  table.number("learning-rate", fit.learning_rate, {.min = 1e-9, .max = 10},
               "of Adam at the start; a cosine takes it to a hundredth");
}

std::vector<double> iterations_of(const std::vector<double>& curve, const FitOptions& options, Optimizer optimizer) {
  std::vector<double> iterations;
  double done = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const bool adam = optimizer == Optimizer::AdamAlone || static_cast<std::int64_t>(i) < options.adam_steps;
    iterations.push_back(done += adam ? 1 : static_cast<double>(kLbfgsIterationsPerStep));
  }
  return iterations;
}

std::vector<Tensor> Minibatches::operator()(std::int64_t step) {
  const std::int64_t rows = tables_.at(0).dim(0);
  if (batch_ >= rows) return tables_;
  const std::int64_t per_epoch = rows / batch_, epoch = step / per_epoch, position = step % per_epoch;
  if (epoch != epoch_) {
    // The top bit keeps these counters apart from those of the steps.
    constexpr std::uint64_t kEpochs = std::uint64_t{1} << 62;
    order_ = random_permutation({seed_, kEpochs + static_cast<std::uint64_t>(epoch)}, rows);
    epoch_ = epoch;
  }
  const Tensor chosen = slice(order_, 0, position * batch_, (position + 1) * batch_);
  std::vector<Tensor> result;
  for (const Tensor& table : tables_) result.push_back(gather(table, chosen));
  return result;
}

MapErrors map_errors(const Tensor& values, const Tensor& truth) {
  const Tensor squares = sum(square(values - truth), {1});
  MapErrors errors{.error_norms = sqrt(squares)};
  errors.mse = mean(squares).item();
  errors.mean_error = mean(errors.error_norms).item();
  errors.max_error = max(errors.error_norms).item();
  errors.relative_error = std::sqrt(errors.mse / mean(sum(square(truth), {1})).item());
  return errors;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

}  // namespace brenier::experiments

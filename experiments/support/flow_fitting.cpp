// See experiments/support/flow_fitting.h.
#include "experiments/support/flow_fitting.h"

namespace brenier::experiments {

void add_flow_fit_options(OptionTable& table, FlowFitOptions& fit, std::int64_t quick_steps) {
  constexpr std::int64_t kMost = 100'000'000;
  table.integer("steps", fit.steps, {.min = 1, .max = kMost, .quick = quick_steps}, "training steps of each model");
  table.integer("batch", fit.batch, {.min = 1, .max = kMost}, "points in a step");
  table.number("learning-rate", fit.learning_rate, {.min = 1e-9, .max = 10},
               "of Adam at the start; a cosine takes it to zero");
  table.number("max-norm", fit.max_norm, {.min = 1e-6, .max = 1e9}, "gradients longer than this are shortened to it");
}

MeanNll mean_nll(const Tensor& log_densities) {
  const Tensor nll = -cast(log_densities, DType::Float64);
  const double mean_value = mean(nll).item(), n = static_cast<double>(nll.size());
  return {mean_value, std::sqrt(mean(square(nll - mean_value)).item() / n)};
}

}  // namespace brenier::experiments

#include "experiments/support/transport_fitting.h"

#include <memory>

namespace brenier::experiments {

void add_transport_options(OptionTable& table, TransportFitOptions& fit, std::int64_t quick_steps,
                           std::optional<std::int64_t> quick_batch) {
  constexpr std::int64_t kMost = 100'000'000;
  table.integer("steps", fit.steps, {.min = 1, .max = kMost, .quick = quick_steps}, "training steps");
  table.integer("batch", fit.batch, {.min = 2, .max = 100'000, .quick = quick_batch},
                "points of source and of target in a step");
  table.number("learning-rate", fit.learning_rate, {.min = 1e-9, .max = 10},
               "of Adam at the start; a cosine takes it to a hundredth");
  table.number("blur", fit.blur, {.min = 1e-6, .max = 1e6}, "smoothing length of the Sinkhorn divergence");
  table.number("scaling", fit.scaling, {.min = 0.01, .max = 0.99},
               "factor between the smoothing lengths of two iterations");
}

BatchOfStep minibatches_of(const Tensor& points, std::int64_t batch, std::uint64_t seed) {
  return [batches = std::make_shared<Minibatches>(std::vector<Tensor>{points}, batch, seed)](std::int64_t step) {
    return (*batches)(step)[0];
  };
}

BatchOfStep draws_of(const std::function<Tensor(const RandomKey& key)>& draw, std::uint64_t seed) {
  return [draw, seed](std::int64_t step) { return draw({seed, static_cast<std::uint64_t>(step)}); };
}

}  // namespace brenier::experiments

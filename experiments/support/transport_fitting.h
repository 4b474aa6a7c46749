// Training a map to carry one cloud of points onto another, in a resumable stage. The loss of a step is the Sinkhorn
// divergence between the image of a batch of the source and a batch of the target (solvers/sinkhorn.h); nothing says
// which point goes where.
//
//   loss = S(map(x), y),   x = source(step), y = target(step)
//
// or the energy of divergences (support/cloud_metrics.h), which batches of any size minimise at the right map.
// The whole step is one program. Batches are functions of the step number alone, so a resumed run sees the batches it
// would have seen. The model that is kept is the one with the best score on other points, if there is a score.
// Reference: Genevay, Peyré & Cuturi, Learning generative models with Sinkhorn divergences (2018).
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "experiments/support/cloud_metrics.h"
#include "experiments/support/map_fitting.h"
#include "experiments/support/program.h"
#include "solvers/adam.h"
#include "solvers/schedules.h"
#include "solvers/sinkhorn.h"
#include "solvers/training_program.h"

namespace brenier::experiments {

enum class TransportLoss { Divergence, Energy };

struct TransportFitOptions {
  std::int64_t steps = 5000;
  std::int64_t batch = 256;
  double learning_rate = 1e-2;  // of Adam at the start; a cosine takes it to a hundredth
  double blur = 0.05;           // of the Sinkhorn divergence, a length
  double scaling = 0.5;
  double max_norm = 10;           // of the gradient
  std::int64_t validations = 50;  // how often the score is taken
  TransportLoss loss = TransportLoss::Divergence;
};

// --steps, --batch, --learning-rate, --blur, --scaling; the defaults are what `fit` holds, batches alike under --quick
// unless a size is given.
void add_transport_options(OptionTable& table, TransportFitOptions& fit, std::int64_t quick_steps,
                           std::optional<std::int64_t> quick_batch = {});

// The batch of a step, [batch, d].
using BatchOfStep = std::function<Tensor(std::int64_t step)>;

// Batches of rows of `points` in the order of counter-based permutations.
BatchOfStep minibatches_of(const Tensor& points, std::int64_t batch, std::uint64_t seed);
// Fresh draws: `draw` is given a key that belongs to the step.
BatchOfStep draws_of(const std::function<Tensor(const RandomKey& key)>& draw, std::uint64_t seed);

struct TransportFit {
  double seconds = 0;               // in steps, over all interruptions; validation is not counted
  std::vector<double> losses = {};  // the mean over each interval between validations
  std::vector<double> scores = {};  // at its end
  double best_score = std::numeric_limits<double>::infinity();
  std::size_t arena_bytes = 0;
};

// Trains `model` in the stage `name` and leaves the parameters of the best score, the last ones without `score`. A step
// whose loss or gradient is not finite is not made.
template <HasParameters Model>
TransportFit fit_transport(Run& run, const std::string& name, Model& model, const BatchOfStep& source,
                           const BatchOfStep& target, const TransportFitOptions& options,
                           const std::function<double(const Model&)>& score = {}) {
  const Adam adam;
  const CosineDecay rate{options.learning_rate, 0.01 * options.learning_rate, options.steps};
  const std::int64_t interval =
      std::max<std::int64_t>(options.steps / std::max<std::int64_t>(options.validations, 1), 1);
  const Tensor x = source(0), y = target(0);
  const SinkhornOptions sinkhorn{.blur = options.blur,
                                 .scaling = options.scaling,
                                 .diameter = std::max(box_diagonal(x, y), box_diagonal(model(x), y))};
  TrainingState state = training_start(model, adam);
  const TrainingProgram step_program(
      adam,
      [&](const TensorList& parameters, const TensorList& data) {
        const auto measure = options.loss == TransportLoss::Energy ? sinkhorn_energy : sinkhorn_divergence;
        return TensorList{measure(with_parameters(model, parameters)(data[0]), data[1], sinkhorn)};
      },
      state, {x, y}, options.max_norm);
  TransportFit fit{.arena_bytes = step_program.program().arena_bytes()};
  TensorList best = state.parameters;
  std::int64_t step = 0;
  double loss = 0;
  Stage stage = run.stage(name, options.steps, [&](Archive& archive) {
    archive("parameters", state.parameters);
    archive("optimiser", state.optimiser);
    archive("best", best);
    archive("best_score", fit.best_score);
    archive("losses", fit.losses);
    archive("scores", fit.scores);
    archive("seconds", fit.seconds);
    archive("loss", loss);
    archive("step", step);
  });
  const auto validate = [&] {
    fit.losses.push_back(loss / static_cast<double>((step - 1) % interval + 1));
    loss = 0;
    if (score) fit.scores.push_back(score(with_parameters(model, state.parameters)));
    if (!score || fit.scores.back() < fit.best_score) best = state.parameters;
    if (score) fit.best_score = std::min(fit.best_score, fit.scores.back());
    stage.log(step - 1, {{"loss", fit.losses.back()}, {"best", score ? fit.best_score : fit.losses.back()}});
  };
  while (stage.keep_going(step)) {
    const auto start = Progress::Clock::now();
    const Training made = step_program(state, {source(step), target(step)}, rate(step));
    if (std::isfinite(made.gradient_norm.item())) state = made.state;
    fit.seconds += seconds_since(start);
    loss += made.reported[0].item();
    if (++step % interval == 0 || step == options.steps) validate();
  }
  // A time budget may end between two validations.
  if (step % interval != 0 && step != options.steps) validate();
  model = with_parameters(model, best);
  return fit;
}

}  // namespace brenier::experiments

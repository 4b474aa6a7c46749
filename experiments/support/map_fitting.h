// Fitting a map to values at given points: Adam with a cosine decay, then L-BFGS, as one resumable stage of a run.
//
//   loss = 1/n Σ_i |map(x_i) - y_i|²
//
// Adam takes minibatches in the order of counter-based permutations; L-BFGS sees all points. L-BFGS
// compares values of one smooth function: a map that draws random numbers (a random quadrature), or one whose
// derivative jumps (relu), is left to Adam alone.
#pragma once

#include <string>
#include <vector>

#include "engine/compile_gradient.h"
#include "experiments/support/program.h"
#include "models/certificates.h"
#include "models/layers.h"
#include "solvers/adam.h"
#include "solvers/lbfgs.h"
#include "solvers/schedules.h"

namespace brenier::experiments {

struct FitOptions {
  std::int64_t adam_steps = 400;
  std::int64_t lbfgs_steps = 200;  // of kLbfgsIterationsPerStep iterations each
  std::int64_t batch = 1024;       // points in a step of Adam; all if there are fewer
  double learning_rate = 0.05;     // of Adam at the start; ends at a hundredth
};
inline constexpr std::int64_t kLbfgsIterationsPerStep = 10;  // between two chances to stop or save

// --adam-steps, --lbfgs-steps, --batch, --learning-rate; the defaults are what `fit` holds.
void add_fit_options(OptionTable& table, FitOptions& fit, std::int64_t quick_adam_steps,
                     std::int64_t quick_lbfgs_steps);

// Who takes the steps. Adam alone gets one step for each iteration that L-BFGS would have had.
enum class Optimizer { AdamThenLbfgs, AdamAlone };

// How many iterations had been done at each entry of a loss curve.
std::vector<double> iterations_of(const std::vector<double>& curve, const FitOptions& options, Optimizer optimizer);

// The rows of the steps of stochastic training: every row once per epoch, in the order of a counter-based permutation.
class Minibatches {
 public:
  // Tables with equally many rows; all of them in every step if `batch` is not smaller.
  Minibatches(std::vector<Tensor> tables, std::int64_t batch, std::uint64_t seed)
      : tables_(std::move(tables)), batch_(batch), seed_(seed) {}
  // Of each table, [batch, …]. Keeps the permutation of the last epoch asked for.
  std::vector<Tensor> operator()(std::int64_t step);

 private:
  std::vector<Tensor> tables_;
  std::int64_t batch_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  Tensor order_{};
};

// Trains `model` in the stage `name`. `map_at(model, key)` is the map of a step, which may use the key for its own
// random numbers. Appends the loss of every step to `curve`. Returns the seconds spent, over all interruptions.
template <HasParameters Model, class MapAt>
double fit_map(Run& run, const std::string& name, Model& model, const Tensor& x, const Tensor& y,
               const FitOptions& options, std::uint64_t seed, Optimizer optimizer, MapAt map_at,
               std::vector<double>& curve) {
  const bool alone = optimizer == Optimizer::AdamAlone;
  const std::int64_t adam_steps = options.adam_steps + (alone ? kLbfgsIterationsPerStep * options.lbfgs_steps : 0);
  const std::int64_t steps = adam_steps + (alone ? 0 : options.lbfgs_steps);
  const CosineDecay rate{options.learning_rate, 0.01 * options.learning_rate, adam_steps};
  const auto loss = [&](const Model& m, const std::vector<Tensor>& data) {
    const Tensor errors = map_at(m, RandomKey(seed, data[2]))(data[0]) - data[1];
    return sum(square(errors)) * (1.0 / static_cast<double>(errors.dim(0)));
  };
  const auto counter_of = [&](std::int64_t at) { return RandomKey(seed, static_cast<std::uint64_t>(at) + 1).counter; };
  Minibatches batches({x, y}, options.batch, seed);
  const auto first = batches(0);
  const auto adam_program = compile_gradient(model, {first[0], first[1], counter_of(0)}, loss);
  // Only where L-BFGS sees other points than Adam does a second program differ from the first.
  const bool one_program = alone || options.batch >= x.dim(0);
  const auto full_program = one_program ? adam_program : compile_gradient(model, {x, y, counter_of(0)}, loss);
  const Objective objective = parameter_objective(model, [&](const Model& m) {
    auto [value, gradient] = full_program(m, {x, y, counter_of(0)});
    return LossAndGradient<Model>{value, gradient};
  });
  Adam adam;
  LbfgsState lbfgs;
  std::int64_t step = 0;
  Stage stage = run.stage(name, steps, [&](Archive& archive) {
    archive("model", model);
    archive("adam", adam);
    archive("lbfgs", lbfgs);
    archive("curve", curve);
    archive("step", step);
  });
  for (; stage.keep_going(step); ++step) {
    if (step < adam_steps) {
      const auto data = batches(step);
      const auto [value, gradient] = adam_program(model, {data[0], data[1], counter_of(step)});
      adam.learning_rate = rate(step);
      adam.step(model, gradient);
      curve.push_back(value.item());
    } else {
      if (step == adam_steps) lbfgs = lbfgs_start(objective, flatten_parameters(model));
      const SolveReport report = lbfgs_continue(objective, lbfgs, {.max_iterations = kLbfgsIterationsPerStep});
      model = with_flat_parameters(model, lbfgs.x);
      curve.push_back(lbfgs.value);
      if (report.status != SolveStatus::IterationLimit) step = steps - 1;
    }
    if (step % 50 == 0 || step == steps - 1) stage.log(step, {{"loss", curve.back()}});
  }
  return stage.seconds();
}

// A trained map against the truth, with its certificate.
struct MapErrors {
  double mse = 0;             // mean squared 2-norm of the error
  double mean_error = 0;      // mean 2-norm
  double max_error = 0;       // largest 2-norm
  double relative_error = 0;  // root of mse / mean squared 2-norm of the truth
  Tensor error_norms{};       // [n]
};
MapErrors map_errors(const Tensor& values, const Tensor& truth);

inline double in_decibel(double mean_square) { return 10 * std::log10(mean_square); }
double median(std::vector<double> values);

template <HasParameters Model>
Model scale_parameters(Model model, double factor) {
  model.for_each_parameter([&](const std::string&, Tensor& parameter) { parameter = factor * parameter; });
  return model;
}

}  // namespace brenier::experiments

// Training flows on points in a resumable stage, and judging them afterwards.
//
// Batches go through the points in the order of counter-based permutations. The learning rate falls by a cosine to
// zero. What is reported is never the training loss, which for some estimators is no likelihood at all: it is the
// mean of -ln p on other points, in float64, with the exact log-determinant and a standard error.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "experiments/support/map_fitting.h"
#include "experiments/support/program.h"
#include "models/certificates.h"
#include "models/flow_stack.h"
#include "models/flow_training.h"

namespace brenier::experiments {

struct FlowFitOptions {
  std::int64_t steps = 19'550;
  std::int64_t batch = 128;
  double learning_rate = 5e-3;  // of Adam at the start
  double max_norm = 10;         // of the gradient
};

// --steps, --batch, --learning-rate, --max-norm; the defaults are what `fit` holds.
void add_flow_fit_options(OptionTable& table, FlowFitOptions& fit, std::int64_t quick_steps);

// What a fit did, step by step.
struct FlowFit {
  double seconds = 0;  // in steps, over all interruptions; watching is not counted
  double milliseconds_per_step = 0;
  std::vector<double> losses{};      // the mean over each hundredth of the steps
  std::vector<double> iterations{};  // of conjugate gradients, likewise
  std::int64_t skipped = 0;          // steps that were not made, because something was not finite
  std::size_t arena_bytes = 0;
};

// Called between steps with the number made, to watch a flow while it is trained. The flow is that of now.
template <class F>
using FlowWatcher = std::function<void(std::int64_t steps, const F& flow)>;

// Trains `flow` on the rows of `data` in the stage `name`. `watch` is called `watched` times, evenly spread.
template <class F>
FlowFit fit_flow(Run& run, const std::string& name, F& flow, const Tensor& data, const LogdetEstimator& estimator,
                 const FlowFitOptions& options, std::uint64_t seed, std::int64_t watched = 0,
                 const FlowWatcher<F>& watch = {}) {
  const CosineDecay rate{options.learning_rate, 0, options.steps};
  FlowTrainer<F> trainer(flow, estimator, data.dim(1), {.max_norm = options.max_norm, .seed = seed});
  Minibatches batches({data}, options.batch, seed);
  const std::int64_t part = std::max<std::int64_t>(options.steps / 100, 1);
  FlowFit fit;
  std::int64_t step = 0;
  double loss = 0, iterations = 0;
  Stage stage = run.stage(name, options.steps, [&](Archive& archive) {
    archive("trainer", trainer);
    archive("losses", fit.losses);
    archive("iterations", fit.iterations);
    archive("skipped", fit.skipped);
    archive("seconds", fit.seconds);
    archive("loss", loss);
    archive("iteration_sum", iterations);
    archive("step", step);
  });
  while (stage.keep_going(step)) {
    if (watched > 0 && step * watched % options.steps < watched) watch(step, trainer.flow());
    const auto start = Progress::Clock::now();
    const FlowStep made = trainer(batches(step)[0], rate(step));
    fit.seconds += seconds_since(start);
    fit.skipped += !made.made;
    loss += made.loss;
    iterations += static_cast<double>(made.iterations);
    if (++step % part != 0) continue;
    fit.losses.push_back(loss / static_cast<double>(part));
    fit.iterations.push_back(iterations / static_cast<double>(part));
    loss = iterations = 0;
    stage.log(step - 1, {{"loss", fit.losses.back()}, {"cg_iterations", fit.iterations.back()}});
  }
  flow = trainer.flow();
  fit.milliseconds_per_step = 1e3 * fit.seconds / static_cast<double>(std::max<std::int64_t>(step, 1));
  fit.arena_bytes = trainer.stepper().arena_bytes();
  return fit;
}

// The mean of -ln p over points, and its standard error.
struct MeanNll {
  double value = 0, standard_error = 0;
};
MeanNll mean_nll(const Tensor& log_densities);

// [n], in pieces of some thousand numbers, so that memory stays small.
template <class F>
Tensor log_density_in_pieces(Run& run, const F& flow, const Tensor& x) {
  const std::int64_t rows = std::max<std::int64_t>(4000 / x.dim(1), 1);
  std::vector<Tensor> pieces;
  for (std::int64_t row = 0; row < x.dim(0); row += rows) {
    run.poll_interrupt();
    pieces.push_back(log_density(flow, slice(x, 0, row, std::min(row + rows, x.dim(0)))).detached());
  }
  return concat(pieces, 0);
}

// The smallest eigenvalue of the symmetric part of the Jacobian, over points and, in a stack, over its layers.
template <class F>
double smallest_slope(const F& flow, const Tensor& x) {
  return min(smallest_eigenvalues(map_jacobian(flow, x))).item();
}
template <class Layer>
double smallest_slope(const NormalizedStack<Layer>& stack, Tensor x) {
  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < stack.layers.size(); ++k) {
    x = stack.norms[k](x);
    smallest = std::min(smallest, smallest_slope(stack.layers[k], x));
    x = stack.layers[k](x);
  }
  return smallest;
}

// How well f⁻¹(f(x)) gives back x.
struct InversionError {
  double rmse = 0;               // over all coordinates
  std::int64_t unconverged = 0;  // rows
};
template <class F>
InversionError inversion_error(const F& flow, const Tensor& x) {
  const Preimage back = flow.inverse(flow(x));
  InversionError error{std::sqrt(mean(square(cast(back.solution - x, DType::Float64))).item())};
  for (const RowOutcome& row : back.report.rows) error.unconverged += row.status != SolveStatus::Converged;
  return error;
}

}  // namespace brenier::experiments

// Maximum likelihood training of a flow by compiled steps.
//
//   FlowTrainer trainer(flow, CgLogdet{.tolerance = 1e-3}, d, {.adam = {.learning_rate = 5e-3}});
//   FlowStep step = trainer(x, rate);            // gradients of -mean(ln p_Z(f(x)) + ln det), Adam
//   ConvexFlow trained = trainer.flow();
//
// A step is one program (solvers/training_program.h), estimators of log-determinants included. A program makes a fixed
// number of conjugate gradient iterations. So there are a few programs, for 1, 2, 3, 4, 6, 8, … iterations: a
// step whose residuals exceed the tolerance is discarded and made again, with the same signs, by the next one, and
// after some steps that needed less the previous one is tried. Hence every step that counts met the tolerance, or made
// as many iterations as it may.
//
// A step whose gradient is not finite is not made either, and is counted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/flow_stack.h"
#include "models/logdet.h"
#include "solvers/adam.h"
#include "solvers/training_program.h"

namespace brenier {

// What the blocks of a flow ask for their log-determinants while it is evaluated for training. One key for every block.
class LogdetSession {
 public:
  LogdetSession(LogdetEstimator estimator, RandomKey key) : estimator_(std::move(estimator)), key_(std::move(key)) {}
  // With probes [k, rows, d] of one's own in every block, for comparisons.
  LogdetSession(CgLogdet estimator, Tensor probes)
      : estimator_(std::move(estimator)), key_{0, 0}, probes_(std::move(probes)) {}

  // [rows], with the derivative of an estimate of ln det. Throws std::invalid_argument for SlqLogdet, which has none.
  Tensor surrogate(const RecordedGradient& map);

  // Scalars: over all blocks, probes and rows, the largest residual and the most iterations; zero if nothing was solved.
  Tensor residual(DType dtype) const;
  Tensor iterations(DType dtype) const;

 private:
  LogdetEstimator estimator_;
  RandomKey key_;
  std::optional<Tensor> probes_;
  std::uint64_t block_ = 0;
  std::vector<Tensor> residuals_, iterations_;
};

// {loss, residual, iterations}. The loss is -mean(ln p_Z(f(x)) + ln det) if the estimator has values; for CgLogdet only
// its derivative means something.
template <class F>
TensorList flow_loss(const F& flow, const Tensor& x, LogdetSession session, double variance = 1) {
  const Transformed z = forward_of(flow, x, session);
  const Tensor loss = -mean(normal_log_density(z.value, variance) + z.logdet);
  return {loss, session.residual(x.dtype()), session.iterations(x.dtype())};
}

struct FlowTrainingOptions {
  Adam adam{};
  double max_norm = std::numeric_limits<double>::infinity();  // of the gradient, all parameters together
  double variance = 1;                                        // of the normal density of z
  std::uint64_t seed = 0;                                     // of the probes, one counter per step
};

struct FlowStep {
  double loss = 0;           // see flow_loss
  double gradient_norm = 0;  // before clipping
  double residual = 0;       // of conjugate gradients, the largest
  std::int64_t iterations = 0;
  int attempts = 1;  // programs run
  bool made = true;  // false: something was not finite, and the parameters are as they were
};

// How many iterations the next program makes; see above.
class IterationLadder {
 public:
  IterationLadder(std::int64_t most, std::int64_t start);
  std::int64_t iterations() const { return rungs_[at_]; }
  // After a program of iterations() that needed `needed`: whether the step has to be made again, on the rung above.
  bool climb(bool solved, std::int64_t needed);

 private:
  std::vector<std::int64_t> rungs_;
  std::size_t at_ = 0;
  int easy_ = 0;  // steps in a row that the rung below would have done
};

// The part of a trainer that knows no model.
class FlowStepper {
 public:
  using LossWith = std::function<TrainingProgram::Loss(const LogdetEstimator& estimator)>;
  FlowStepper(LogdetEstimator estimator, std::int64_t dim, const FlowTrainingOptions& options, LossWith loss);
  FlowStep operator()(TrainingState& state, const Tensor& x, std::int64_t step, double rate);
  std::size_t arena_bytes() const;  // of the program that was run last
  const Program& program() const;

 private:
  const TrainingProgram& program_for(std::int64_t iterations, const TrainingState& state, const TensorList& data);
  double tolerance() const;

  LogdetEstimator estimator_;
  FlowTrainingOptions options_;
  LossWith loss_;
  IterationLadder ladder_;
  std::map<std::int64_t, TrainingProgram> programs_;  // by iterations; estimators without any have one, for 1
  const TrainingProgram* last_ = nullptr;
};

template <class F>
class FlowTrainer {
 public:
  // Batches must all have the same shape [rows, dim].
  FlowTrainer(F flow, LogdetEstimator estimator, std::int64_t dim, FlowTrainingOptions options = {})
      : flow_(std::move(flow)),
        state_(training_start(flow_, options.adam)),
        stepper_(std::move(estimator), dim, options, loss_of(flow_, options)) {}

  FlowStep operator()(const Tensor& x, double rate) { return stepper_(state_, x, steps_++, rate); }

  F flow() const { return with_parameters(flow_, state_.parameters); }
  std::int64_t steps() const { return steps_; }
  const FlowStepper& stepper() const { return stepper_; }

  // Everything but the options, to be stored: training continued from there is the same, except that the ladder
  // of iterations begins anew.
  std::vector<NamedParameter> state() const {
    std::vector<NamedParameter> entries{{"steps", index_tensor({steps_})}};
    const std::vector<NamedParameter> names = parameters_of(flow_);
    for (std::size_t i = 0; i < names.size(); ++i)
      entries.push_back({str("flow.", names[i].name), state_.parameters[i]});
    for (std::size_t i = 0; i < state_.optimiser.size(); ++i)
      entries.push_back({str("optimiser.", i), state_.optimiser[i]});
    return entries;
  }
  // Throws std::invalid_argument if an entry is missing or has another shape.
  void load(const std::vector<NamedParameter>& entries) {
    const std::vector<NamedParameter> own = state();
    if (entries.size() != own.size())
      throw std::invalid_argument(
          str("[FlowTrainer] the saved state has ", entries.size(), " entries, not ", own.size()));
    for (std::size_t i = 0; i < own.size(); ++i)
      if (entries[i].name != own[i].name || entries[i].value.shape() != own[i].value.shape())
        throw std::invalid_argument(str("[FlowTrainer] the saved state has \"", entries[i].name, "\" ",
                                        entries[i].value.shape(), " where \"", own[i].name, "\" ", own[i].value.shape(),
                                        " belongs"));
    steps_ = entries[0].value.to_vector<std::int64_t>()[0];
    std::size_t next = 1;
    for (Tensor& value : state_.parameters) value = entries[next++].value;
    for (Tensor& value : state_.optimiser) value = entries[next++].value;
  }

 private:
  static FlowStepper::LossWith loss_of(const F& flow, const FlowTrainingOptions& options) {
    return [flow, options](const LogdetEstimator& estimator) -> TrainingProgram::Loss {
      return [flow, options, estimator](const TensorList& parameters, const TensorList& data) {
        const LogdetSession session(estimator, RandomKey(options.seed, data[1]));
        return flow_loss(with_parameters(flow, parameters), data[0], session, options.variance);
      };
    };
  }

  F flow_;
  TrainingState state_;
  FlowStepper stepper_;
  std::int64_t steps_ = 0;
};

}  // namespace brenier

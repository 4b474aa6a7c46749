// See models/flow_training.h.
#include "models/flow_training.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace brenier {
namespace {

// Steps in a row that a lower rung would have done before it is tried: a step made twice costs more than one iteration.
constexpr int kPatience = 20;

std::vector<std::int64_t> rungs_up_to(std::int64_t most) {
  std::vector<std::int64_t> rungs;
  for (std::int64_t power = 1; power < most; power *= 2) {
    rungs.push_back(power);
    if (power > 1 && power + power / 2 < most) rungs.push_back(power + power / 2);
  }
  rungs.push_back(most);
  return rungs;
}

std::int64_t most_iterations(const LogdetEstimator& estimator, std::int64_t dim) {
  const auto* cg = std::get_if<CgLogdet>(&estimator);
  return cg ? std::clamp<std::int64_t>(cg->max_iterations.value_or(dim), 1, dim) : 1;
}

Tensor largest(const std::vector<Tensor>& parts, DType dtype) {
  if (parts.empty()) return tensor(0.0, dtype);
  Tensor result = max(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) result = maximum(result, max(parts[i]));
  return result;
}

}  // namespace

Tensor LogdetSession::surrogate(const RecordedGradient& map) {
  // Blocks draw from streams of their own: an odd multiple of the golden ratio apart in the seed.
  const RandomKey key(key_.seed + 0x9E3779B97F4A7C15u * block_++, key_.counter);
  const LogdetTerm term =
      probes_ ? logdet_term(std::get<CgLogdet>(estimator_), map, *probes_) : logdet_term(estimator_, map, key);
  if (!term.surrogate.defined())
    throw std::invalid_argument("[flow_loss] SlqLogdet is for monitoring and has no derivative; train with another");
  if (term.residual.defined()) {
    residuals_.push_back(term.residual);
    iterations_.push_back(term.iterations);
  }
  return term.surrogate;
}

Tensor LogdetSession::residual(DType dtype) const { return largest(residuals_, dtype); }
Tensor LogdetSession::iterations(DType dtype) const { return largest(iterations_, dtype); }

IterationLadder::IterationLadder(std::int64_t most, std::int64_t start) : rungs_(rungs_up_to(most)) {
  while (at_ + 1 < rungs_.size() && rungs_[at_] < start) ++at_;
}

bool IterationLadder::climb(bool solved, std::int64_t needed) {
  if (!solved && at_ + 1 < rungs_.size()) {
    ++at_;
    easy_ = 0;
    return true;
  }
  easy_ = at_ > 0 && needed <= rungs_[at_ - 1] ? easy_ + 1 : 0;
  if (easy_ == kPatience) {
    --at_;
    easy_ = 0;
  }
  return false;
}

FlowStepper::FlowStepper(LogdetEstimator estimator, std::int64_t dim, const FlowTrainingOptions& options, LossWith loss)
    : estimator_(std::move(estimator)),
      options_(options),
      loss_(std::move(loss)),
      ladder_(most_iterations(estimator_, dim), 2) {}

double FlowStepper::tolerance() const {
  const auto* cg = std::get_if<CgLogdet>(&estimator_);
  return cg ? cg->tolerance : 0;
}

const TrainingProgram& FlowStepper::program_for(std::int64_t iterations, const TrainingState& state,
                                                const TensorList& data) {
  const auto [entry, is_new] = programs_.try_emplace(iterations);
  if (is_new) {
    LogdetEstimator estimator = estimator_;
    if (auto* cg = std::get_if<CgLogdet>(&estimator)) cg->max_iterations = iterations;
    entry->second = TrainingProgram(options_.adam, loss_(estimator), state, data, options_.max_norm);
  }
  return entry->second;
}

FlowStep FlowStepper::operator()(TrainingState& state, const Tensor& x, std::int64_t step, double rate) {
  const TensorList data{x, RandomKey(0, static_cast<std::uint64_t>(step)).counter};
  FlowStep outcome{.attempts = 0};
  for (;;) {
    last_ = &program_for(ladder_.iterations(), state, data);
    Training made = (*last_)(state, data, rate);
    ++outcome.attempts;
    outcome.loss = made.reported[0].item();
    outcome.gradient_norm = made.gradient_norm.item();
    outcome.residual = made.reported[1].item();
    outcome.iterations = static_cast<std::int64_t>(made.reported[2].item());
    if (ladder_.climb(outcome.residual <= tolerance(), outcome.iterations)) continue;
    outcome.made = std::isfinite(outcome.loss) && std::isfinite(outcome.gradient_norm);
    if (outcome.made) state = std::move(made.state);
    return outcome;
  }
}

std::size_t FlowStepper::arena_bytes() const { return last_ ? last_->program().arena_bytes() : 0; }
const Program& FlowStepper::program() const {
  if (!last_) throw std::logic_error("[FlowStepper] no step has been made");
  return last_->program();
}

}  // namespace brenier

// The decisions are taken in the order in which PyTorch takes them: improvement first, then cooldown, then patience. A
// loss during the cooldown can thus become the best one.
#include "solvers/plateau.h"

#include <algorithm>
#include <stdexcept>

namespace brenier {
namespace {

const Tensor& entry(const std::vector<NamedParameter>& state, const char* name) {
  for (const NamedParameter& parameter : state)
    if (parameter.name == name && parameter.value.size() == 2) return parameter.value;
  throw std::invalid_argument(str("[PlateauSchedule] the saved state has no entry \"", name, "\" with two numbers"));
}

}  // namespace

double PlateauSchedule::update(double loss) {
  const bool relative = threshold_mode == PlateauThreshold::Relative;
  const bool better = loss < (relative ? best * (1 - threshold) : best - threshold);
  bad_losses = better ? 0 : bad_losses + 1;
  if (better) best = loss;
  if (cooldown_left > 0) {
    --cooldown_left;
    bad_losses = 0;
  }
  if (bad_losses <= patience) return rate;
  const double reduced = std::max(rate * factor, minimum_rate);
  if (rate - reduced > smallest_step) rate = reduced;
  cooldown_left = cooldown;
  bad_losses = 0;
  return rate;
}

std::vector<NamedParameter> PlateauSchedule::state() const {
  return {{"rate_and_best", tensor({rate, best})}, {"counters", index_tensor({bad_losses, cooldown_left})}};
}

void PlateauSchedule::load(const std::vector<NamedParameter>& state) {
  const std::vector<double> numbers = entry(state, "rate_and_best").to_vector<double>();
  const std::vector<std::int64_t> counters = entry(state, "counters").to_vector<std::int64_t>();
  rate = numbers[0], best = numbers[1];
  bad_losses = counters[0], cooldown_left = counters[1];
}

}  // namespace brenier

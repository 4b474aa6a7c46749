// An average is updated like the moments of an optimiser: new tensors from old ones.
#include "solvers/ema.h"

namespace brenier {

std::vector<Tensor> ema_update(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay) {
  if (averages.size() != values.size())
    throw std::invalid_argument(str("[Ema] ", averages.size(), " averages, but ", values.size(), " parameters"));
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < averages.size(); ++i) {
    if (averages[i].shape() != values[i].shape())
      throw std::invalid_argument(
          str("[Ema] parameter ", i, " has shape ", values[i].shape(), ", its average ", averages[i].shape()));
    result.push_back(decay * averages[i] + (1 - decay) * values[i]);
  }
  return result;
}

}  // namespace brenier

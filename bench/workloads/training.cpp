#include "bench/workloads/training.h"

#include <cmath>

namespace brenier::bench {

Tensors adam_step(const Tensors& state, const Tensors& gradients, double learning_rate) {
  const Adam options;
  const std::size_t count = gradients.size();
  const Tensor steps = state[0] + 1.0;
  const Tensor correction1 = -expm1(steps * std::log(options.beta1));  // 1 - β₁ᵗ
  const Tensor correction2 = -expm1(steps * std::log(options.beta2));
  const Tensor rate = learning_rate / correction1;
  Tensors parameters, means, mean_squares;
  for (std::size_t i = 0; i < count; ++i) {
    means.push_back(options.beta1 * state[1 + count + i] + (1 - options.beta1) * gradients[i]);
    mean_squares.push_back(options.beta2 * state[1 + 2 * count + i] + (1 - options.beta2) * square(gradients[i]));
    const Tensor root = sqrt(mean_squares[i] / correction2) + options.epsilon;
    parameters.push_back(state[1 + i] - rate * means[i] / root);
  }
  Tensors result{steps};
  for (const Tensors* part : {&parameters, &means, &mean_squares})
    result.insert(result.end(), part->begin(), part->end());
  return result;
}

}  // namespace brenier::bench

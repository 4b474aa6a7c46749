// Adam and AdamW in operations: the corrections 1 - βᵗ are computed from the count of steps, a tensor, so that a program
// can count.
#include "solvers/adam.h"

#include <cmath>

namespace brenier {

OptimiserStep Adam::update(const TensorList& parameters, const TensorList& gradients, const TensorList& state,
                           const Tensor& rate) const {
  check_optimiser_step("Adam", parameters, gradients, state, 2);
  const std::size_t count = parameters.size();
  const Tensor t = state[0] + 1.0;
  const Tensor correction1 = -expm1(t * std::log(beta1)), correction2 = -expm1(t * std::log(beta2));  // 1 - βᵗ
  const Tensor corrected_rate = rate / correction1, decay = 1.0 - rate * weight_decay;
  OptimiserStep next{{}, {t}};
  TensorList mean_squares;
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor &theta = parameters[i], &g = gradients[i];
    const Tensor m = beta1 * state[1 + i] + (1 - beta1) * g;
    const Tensor v = beta2 * state[1 + count + i] + (1 - beta2) * square(g);
    const Tensor root = sqrt(v / in_dtype_of(theta, correction2)) + epsilon;
    const Tensor kept = weight_decay == 0 ? theta : theta * in_dtype_of(theta, decay);
    next.parameters.push_back(kept - in_dtype_of(theta, corrected_rate) * m / root);
    next.state.push_back(m);
    mean_squares.push_back(v);
  }
  next.state.insert(next.state.end(), mean_squares.begin(), mean_squares.end());
  return next;
}

std::vector<NamedParameter> Adam::state() const {
  std::vector<NamedParameter> result{{"steps", index_tensor({steps})}};
  mean.save("mean", result);
  mean_square.save("mean_square", result);
  return result;
}

void Adam::load(const std::vector<NamedParameter>& state) {
  steps = load_step_count("Adam", state);
  mean.load("mean", state);
  mean_square.load("mean_square", state);
}

}  // namespace brenier

// Adamax in operations. See solvers/adam.cpp for the count of steps.
#include "solvers/adamax.h"

#include <cmath>

namespace brenier {

OptimiserStep Adamax::update(const TensorList& parameters, const TensorList& gradients, const TensorList& state,
                             const Tensor& rate) const {
  check_optimiser_step("Adamax", parameters, gradients, state, 2);
  const std::size_t count = parameters.size();
  const Tensor t = state[0] + 1.0;
  const Tensor corrected_rate = rate / -expm1(t * std::log(beta1));
  OptimiserStep next{{}, {t}};
  TensorList largest_gradients;
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor &theta = parameters[i], &g = gradients[i];
    const Tensor m = beta1 * state[1 + i] + (1 - beta1) * g;
    const Tensor u = maximum(beta2 * state[1 + count + i], abs(g) + epsilon);
    next.parameters.push_back(theta - in_dtype_of(theta, corrected_rate) * m / u);
    next.state.push_back(m);
    largest_gradients.push_back(u);
  }
  next.state.insert(next.state.end(), largest_gradients.begin(), largest_gradients.end());
  return next;
}

std::vector<NamedParameter> Adamax::state() const {
  std::vector<NamedParameter> result{{"steps", index_tensor({steps})}};
  mean.save("mean", result);
  largest.save("largest", result);
  return result;
}

void Adamax::load(const std::vector<NamedParameter>& state) {
  steps = load_step_count("Adamax", state);
  mean.load("mean", state);
  largest.load("largest", state);
}

}  // namespace brenier

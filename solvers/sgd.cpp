// Momentum in operations. The count of steps is kept like that of other optimisers; nothing depends on it.
#include "solvers/sgd.h"

namespace brenier {

OptimiserStep Sgd::update(const TensorList& parameters, const TensorList& gradients, const TensorList& state,
                          const Tensor& rate) const {
  check_optimiser_step("Sgd", parameters, gradients, state, 1);
  OptimiserStep next{{}, {state[0] + 1.0}};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor v = momentum * state[1 + i] + gradients[i];
    const Tensor direction = nesterov ? gradients[i] + momentum * v : v;
    next.parameters.push_back(parameters[i] - in_dtype_of(parameters[i], rate) * direction);
    next.state.push_back(v);
  }
  return next;
}

std::vector<NamedParameter> Sgd::state() const {
  std::vector<NamedParameter> result{{"steps", index_tensor({steps})}};
  velocity.save("velocity", result);
  return result;
}

void Sgd::load(const std::vector<NamedParameter>& state) {
  steps = load_step_count("Sgd", state);
  velocity.load("velocity", state);
}

}  // namespace brenier

// Stochastic gradient descent with heavy-ball momentum (Polyak 1964): with g the gradient,
//
//   v ← μ v + g        θ ← θ - α v
//
// μ = 0 is plain gradient descent. One optimiser serves one model.
#pragma once

#include <cstdint>
#include <vector>

#include "solvers/moments.h"

namespace brenier {

struct Sgd {
  double learning_rate = 1e-2;  // α; may be changed between steps
  double momentum = 0;          // μ in [0, 1)

  std::int64_t steps = 0;
  Moments velocity{};

  // One step. Throws std::invalid_argument if a gradient does not have its parameter's shape and dtype.
  template <HasParameters Model>
  void step(Model& model, const Model& gradients) {
    ++steps;
    update_parameters("Sgd", model, gradients,
                      [&](std::size_t i, const std::string& name, Tensor& parameter, const Tensor& gradient) {
                        Tensor& v = velocity.at(i, name, parameter);
                        v = momentum * v + gradient;
                        parameter = parameter - learning_rate * v;
                      });
  }

  // Everything but the options. Names: "steps" (int64 [1]), "velocity.PARAMETER".
  std::vector<NamedParameter> state() const {
    std::vector<NamedParameter> result{{"steps", index_tensor({steps})}};
    velocity.save("velocity", result);
    return result;
  }
  // Takes what state() gave; throws std::invalid_argument if "steps" is missing.
  void load(const std::vector<NamedParameter>& state) {
    steps = load_step_count("Sgd", state);
    velocity.load("velocity", state);
  }
};

}  // namespace brenier

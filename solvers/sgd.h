// Stochastic gradient descent with heavy-ball momentum (Polyak 1964), or Nesterov's: with g the gradient,
//
//   v ← μ v + g        θ ← θ - α v                 momentum
//                      θ ← θ - α (g + μ v)         Nesterov (1983), in the form of Sutskever et al. (2013) as gradients at
//                                                  the shifted point, which is what PyTorch computes
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
  bool nesterov = false;

  std::int64_t steps = 0;
  Moments velocity{};

  // One step. Throws std::invalid_argument if a gradient does not have its parameter's shape and dtype.
  template <HasParameters Model>
  void step(Model& model, const Model& gradients) {
    step_model("Sgd", *this, {&velocity}, model, gradients);
  }

  // What a step computes, in operations (solvers/moments.h). State: steps, velocities.
  OptimiserStep update(const TensorList& parameters, const TensorList& gradients, const TensorList& state,
                       const Tensor& rate) const;
  TensorList initial_state(const TensorList& parameters) const { return initial_optimiser_state(parameters, 1); }

  // Everything but the options. Names: "steps" (int64 [1]), "velocity.PARAMETER".
  std::vector<NamedParameter> state() const;
  // Takes what state() gave; throws std::invalid_argument if "steps" is missing.
  void load(const std::vector<NamedParameter>& state);
};

}  // namespace brenier

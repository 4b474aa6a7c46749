// Adamax (Kingma & Ba 2015, algorithm 2): Adam with the infinity norm in the place of the root mean square. With g the
// gradient of step t = 1, 2, …,
//
//   m ← β₁ m + (1 - β₁) g        u ← max(β₂ u, |g| + ε)        θ ← θ - α/(1 - β₁ᵗ) · m/u
//
// The paper has no ε and hence 0/0 where all gradients so far are 0; it stands where PyTorch has it. One optimiser
// serves one model: the moments are matched by visiting order.
#pragma once

#include <cstdint>
#include <vector>

#include "solvers/moments.h"

namespace brenier {

struct Adamax {
  double learning_rate = 2e-3;  // α; may be changed between steps
  double beta1 = 0.9;           // memory of the mean, about 1/(1 - β₁) steps
  double beta2 = 0.999;         // decay of the largest gradient
  double epsilon = 1e-8;        // ε

  std::int64_t steps = 0;
  Moments mean{};
  Moments largest{};  // u

  // One step. Throws std::invalid_argument if a gradient does not have its parameter's shape and dtype.
  template <HasParameters Model>
  void step(Model& model, const Model& gradients) {
    step_model("Adamax", *this, {&mean, &largest}, model, gradients);
  }

  // What a step computes, in operations (solvers/moments.h). State: steps, means, largest.
  OptimiserStep update(const TensorList& parameters, const TensorList& gradients, const TensorList& state,
                       const Tensor& rate) const;
  TensorList initial_state(const TensorList& parameters) const { return initial_optimiser_state(parameters, 2); }

  // Everything but the options. Names: "steps" (int64 [1]), "mean.PARAMETER", "largest.PARAMETER".
  std::vector<NamedParameter> state() const;
  // Takes what state() gave; throws std::invalid_argument if "steps" is missing.
  void load(const std::vector<NamedParameter>& state);
};

}  // namespace brenier

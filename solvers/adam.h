// Adam (Kingma & Ba 2015, algorithm 1), and with a weight decay λ > 0 AdamW (Loshchilov & Hutter, Decoupled weight decay
// regularization, 2019, algorithm 2): with g the gradient of step t = 1, 2, …,
//
//   m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
//   θ ← (1 - α λ) θ - α · m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + ε)
//
//   Adam adam{.learning_rate = 5e-3};
//   adam.step(model, grad(loss, recorded_model));
//
// One optimiser serves one model: the moments are matched by visiting order.
#pragma once

#include <cstdint>
#include <vector>

#include "solvers/moments.h"

namespace brenier {

struct Adam {
  double learning_rate = 1e-3;  // α; may be changed between steps
  double beta1 = 0.9;           // memory of the mean, about 1/(1 - β₁) steps
  double beta2 = 0.999;         // memory of the mean square
  double epsilon = 1e-8;        // ε, added to the root: bounds the step where gradients vanish
  double weight_decay = 0;      // λ; it shrinks parameters directly and does not pass through the moments

  // The state; state() and load() make it storable.
  std::int64_t steps = 0;
  Moments mean{};
  Moments mean_square{};

  // One step. Throws std::invalid_argument if a gradient does not have its parameter's shape and dtype.
  template <HasParameters Model>
  void step(Model& model, const Model& gradients) {
    step_model("Adam", *this, {&mean, &mean_square}, model, gradients);
  }

  // What a step computes, in operations. State: steps, means, mean squares (initial_state before the first step). The
  // rate α is a scalar tensor, so that a program can be given another one; the other options are constants.
  OptimiserStep update(const TensorList& parameters, const TensorList& gradients, const TensorList& state,
                       const Tensor& rate) const;
  TensorList initial_state(const TensorList& parameters) const { return initial_optimiser_state(parameters, 2); }

  // Everything but the options: training continued from here is the same bit for bit.
  // Names: "steps" (int64 [1]), "mean.PARAMETER", "mean_square.PARAMETER". Empty before the first step but for "steps".
  std::vector<NamedParameter> state() const;
  // Takes what state() gave; throws std::invalid_argument if "steps" is missing.
  void load(const std::vector<NamedParameter>& state);
};

}  // namespace brenier

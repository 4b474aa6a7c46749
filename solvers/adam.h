// Adam (Kingma & Ba 2015, algorithm 1): with g the gradient of step t = 1, 2, …,
//
//   m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
//   θ ← θ - α · m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + ε)
//
//   Adam adam{.learning_rate = 5e-3};
//   adam.step(model, grad(loss, recorded_model));
//
// One optimiser serves one model: the moments are matched by visiting order.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "solvers/moments.h"

namespace brenier {

struct Adam {
  double learning_rate = 1e-3;  // α; may be changed between steps
  double beta1 = 0.9;           // memory of the mean, about 1/(1 - β₁) steps
  double beta2 = 0.999;         // memory of the mean square
  double epsilon = 1e-8;        // ε, added to the root: bounds the step where gradients vanish

  // The state; state() and load() make it storable.
  std::int64_t steps = 0;
  Moments mean{};
  Moments mean_square{};

  // One step. Throws std::invalid_argument if a gradient does not have its parameter's shape and dtype.
  template <HasParameters Model>
  void step(Model& model, const Model& gradients) {
    ++steps;
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(steps));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(steps));
    update_parameters("Adam", model, gradients,
                      [&](std::size_t i, const std::string& name, Tensor& parameter, const Tensor& gradient) {
                        Tensor& m = mean.at(i, name, parameter);
                        Tensor& v = mean_square.at(i, name, parameter);
                        m = beta1 * m + (1 - beta1) * gradient;
                        v = beta2 * v + (1 - beta2) * square(gradient);
                        const Tensor root = sqrt(v / correction2) + epsilon;
                        parameter = parameter - (learning_rate / correction1) * m / root;
                      });
  }

  // Everything but the options: training continued from here is the same bit for bit.
  // Names: "steps" (int64 [1]), "mean.PARAMETER", "mean_square.PARAMETER". Empty before the first step but for "steps".
  std::vector<NamedParameter> state() const {
    std::vector<NamedParameter> result{{"steps", index_tensor({steps})}};
    mean.save("mean", result);
    mean_square.save("mean_square", result);
    return result;
  }
  // Takes what state() gave; throws std::invalid_argument if "steps" is missing.
  void load(const std::vector<NamedParameter>& state) {
    steps = load_step_count("Adam", state);
    mean.load("mean", state);
    mean_square.load("mean_square", state);
  }
};

}  // namespace brenier

// An exponential moving average of a model's parameters (Polyak & Juditsky 1992 for averaging; this form is usual since
// Szegedy et al. 2016): after every step
//
//   average ← δ average + (1 - δ) model
//
// The average starts as the model it is given and forgets it like δᵗ. It often fits better than the last iterate.
//
//   Ema<Icnn> ema{.average = icnn, .decay = 0.999};
//   adam.step(icnn, gradients);  ema.update(icnn);
#pragma once

#include <stdexcept>
#include <vector>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "engine/str.h"

namespace brenier {

// One update as a function of tensors, for programs. Throws std::invalid_argument where the lists do not match.
std::vector<Tensor> ema_update(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay);

template <HasParameters Model>
struct Ema {
  Model average;         // the model to evaluate
  double decay = 0.999;  // δ in [0, 1): a memory of about 1/(1 - δ) steps

  // Works on values; nothing is recorded. Throws std::invalid_argument if a parameter has changed its shape.
  void update(const Model& model) {
    std::vector<Tensor> averages, values;
    for (const NamedParameter& parameter : parameters_of(average)) averages.push_back(parameter.value.detached());
    for (const NamedParameter& parameter : parameters_of(model)) values.push_back(parameter.value.detached());
    average = with_parameters(average, ema_update(averages, values, decay));
  }

  // The averages under the names of their parameters; training continued from there is the same bit for bit.
  std::vector<NamedParameter> state() const { return parameters_of(average); }
  // Throws std::invalid_argument if a parameter of the model is missing or has another shape.
  void load(const std::vector<NamedParameter>& state) {
    average.for_each_parameter([&](const std::string& name, Tensor& value) {
      for (const NamedParameter& entry : state) {
        if (entry.name != name || entry.value.shape() != value.shape()) continue;
        value = entry.value;
        return;
      }
      throw std::invalid_argument(str("[Ema] the saved state has no entry \"", name, "\" of shape ", value.shape()));
    });
  }
};

}  // namespace brenier

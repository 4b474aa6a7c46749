// What first-order optimisers share: walking a model beside its gradient, and one running average per parameter.
//
// Optimisers work on values only: nothing they do is recorded, so a step never lengthens a tape.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "engine/str.h"

namespace brenier {

// Calls update(i, name, parameter, gradient) for every parameter, in visiting order; the gradient and the parameter's
// value are constants there. Throws std::invalid_argument where a gradient's shape or dtype differs from its
// parameter's: broadcasting would hide the mistake.
template <HasParameters Model, class Update>
void update_parameters(const char* optimiser, Model& model, const Model& gradients, Update&& update) {
  const std::vector<NamedParameter> slopes = parameters_of(gradients);
  std::size_t i = 0;
  model.for_each_parameter([&](const std::string& name, Tensor& parameter) {
    if (i >= slopes.size()) throw std::invalid_argument(str("[", optimiser, "] no gradient for parameter ", name));
    const Tensor gradient = slopes[i].value.detached();
    if (gradient.shape() != parameter.shape() || gradient.dtype() != parameter.dtype())
      throw std::invalid_argument(str("[", optimiser, "] parameter ", name, " is ", parameter.dtype(), " ",
                                      parameter.shape(), " but its gradient is ", gradient.dtype(), " ",
                                      gradient.shape()));
    parameter = parameter.detached();
    update(i++, name, parameter, gradient);
  });
}

// One tensor per parameter, zero until first used.
class Moments {
 public:
  // The moment of parameter i, made as zeros like `parameter` if it does not exist yet.
  Tensor& at(std::size_t i, const std::string& name, const Tensor& parameter) {
    if (i >= moments_.size()) moments_.push_back({name, zeros_like(parameter)});
    return moments_[i].value;
  }

  // Appends the moments as `prefix.name`.
  void save(const std::string& prefix, std::vector<NamedParameter>& state) const {
    for (const NamedParameter& moment : moments_) state.push_back({prefix + "." + moment.name, moment.value});
  }

  // Takes back every entry of `state` named `prefix.…`, in order; others are left to their owners.
  void load(const std::string& prefix, const std::vector<NamedParameter>& state) {
    moments_.clear();
    for (const NamedParameter& entry : state)
      if (entry.name.starts_with(prefix + ".")) moments_.push_back({entry.name.substr(prefix.size() + 1), entry.value});
  }

 private:
  std::vector<NamedParameter> moments_;
};

// The entry "steps" of a saved state.
inline std::int64_t load_step_count(const char* optimiser, const std::vector<NamedParameter>& state) {
  for (const NamedParameter& entry : state)
    if (entry.name == "steps" && entry.value.size() == 1) return entry.value.to_vector<std::int64_t>().front();
  throw std::invalid_argument(str("[", optimiser, "] the saved state has no entry \"steps\" with one number"));
}

}  // namespace brenier

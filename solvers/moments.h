// What first-order optimisers share: a step as a function of tensors, walking a model beside its gradient, and running
// averages, one per parameter.
//
// An optimiser is its options, its state, and one function that says what a step computes:
//
//   OptimiserStep next = adam.update(parameters, gradients, state, rate);   // operations, recorded if an argument is
//
// step(model, gradients) calls it on values: nothing is recorded, so a step never lengthens a tape. A program
// calls it on watched tensors, and then a whole training step, state in and state out, is one program.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "engine/str.h"

namespace brenier {

using TensorList = std::vector<Tensor>;

// What update() takes and gives: parameters in visiting order; the state is the number of steps made, a scalar, and then
// each moment for all parameters.
struct OptimiserStep {
  TensorList parameters;
  TensorList state;
};

// The state before the first step, with `moments` moments per parameter. The count has the dtype of the parameters.
TensorList initial_optimiser_state(const TensorList& parameters, std::size_t moments);
// Throws std::invalid_argument unless there is a gradient of the same shape and dtype for every parameter, since
// broadcasting would hide the mistake, and a state of that many moments. Names are for the message; they may be missing.
void check_optimiser_step(const char* optimiser, const TensorList& parameters, const TensorList& gradients,
                          const TensorList& state, std::size_t moments, const std::vector<std::string>& names = {});
// The scalar in the dtype of x.
inline Tensor in_dtype_of(const Tensor& x, const Tensor& scalar) {
  return scalar.dtype() == x.dtype() ? scalar : cast(scalar, x.dtype());
}

// One tensor per parameter, zero until first used.
class Moments {
 public:
  // One for each parameter, made as zeros where there are none yet.
  TensorList values(const TensorList& parameters) const;
  void set(const std::vector<std::string>& names, std::span<const Tensor> values);

  // Appends the moments as `prefix.name`.
  void save(const std::string& prefix, std::vector<NamedParameter>& state) const;
  // Takes back every entry of `state` named `prefix.…`, in order; others are left to their owners.
  void load(const std::string& prefix, const std::vector<NamedParameter>& state);

 private:
  std::vector<NamedParameter> moments_;
};

// One step of optimiser.update() on the values of a model. Its members `steps`, `learning_rate` and the given moments
// are read and advanced. Throws std::invalid_argument where a gradient does not fit its parameter.
template <class Optimiser, HasParameters Model>
void step_model(const char* name, Optimiser& optimiser, std::initializer_list<Moments*> moments, Model& model,
                const Model& gradients) {
  std::vector<std::string> names;
  TensorList values, slopes;
  for (const NamedParameter& parameter : parameters_of(model)) {
    names.push_back(parameter.name);
    values.push_back(parameter.value.detached());
  }
  for (const NamedParameter& slope : parameters_of(gradients)) slopes.push_back(slope.value.detached());
  const DType dtype = values.empty() ? DType::Float64 : values[0].dtype();
  TensorList state{tensor(static_cast<double>(optimiser.steps), dtype)};
  for (const Moments* moment : moments)
    for (Tensor& value : moment->values(values)) state.push_back(std::move(value));
  check_optimiser_step(name, values, slopes, state, moments.size(), names);

  const OptimiserStep next = optimiser.update(values, slopes, state, tensor(optimiser.learning_rate, dtype));
  model = with_parameters(std::move(model), next.parameters);
  std::span<const Tensor> rest = std::span(next.state).subspan(1);
  for (Moments* moment : moments) {
    moment->set(names, rest.first(names.size()));
    rest = rest.subspan(names.size());
  }
  ++optimiser.steps;
}

// The entry "steps" of a saved state. Throws std::invalid_argument if there is none.
std::int64_t load_step_count(const char* optimiser, const std::vector<NamedParameter>& state);

}  // namespace brenier

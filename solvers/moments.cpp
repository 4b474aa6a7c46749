// The state of optimisers: made, checked, stored and taken back. Gradients are matched with parameters, and moments with
// both, by their place in visiting order.
#include "solvers/moments.h"

namespace brenier {

TensorList initial_optimiser_state(const TensorList& parameters, std::size_t moments) {
  TensorList state{tensor(0.0, parameters.empty() ? DType::Float64 : parameters[0].dtype())};
  for (std::size_t i = 0; i < moments; ++i)
    for (const Tensor& parameter : parameters) state.push_back(zeros_like(parameter));
  return state;
}

void check_optimiser_step(const char* optimiser, const TensorList& parameters, const TensorList& gradients,
                          const TensorList& state, std::size_t moments, const std::vector<std::string>& names) {
  if (parameters.size() != gradients.size())
    throw std::invalid_argument(
        str("[", optimiser, "] ", parameters.size(), " parameters, but ", gradients.size(), " gradients"));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor &parameter = parameters[i], &gradient = gradients[i];
    if (gradient.shape() == parameter.shape() && gradient.dtype() == parameter.dtype()) continue;
    throw std::invalid_argument(str("[", optimiser, "] parameter ", i < names.size() ? names[i] : str(i), " is ",
                                    parameter.dtype(), " ", parameter.shape(), " but its gradient is ",
                                    gradient.dtype(), " ", gradient.shape()));
  }
  if (state.size() != 1 + moments * parameters.size())
    throw std::invalid_argument(str("[", optimiser, "] the state has ", state.size(), " tensors, expected ",
                                    1 + moments * parameters.size(), " for ", parameters.size(), " parameters"));
}

TensorList Moments::values(const TensorList& parameters) const {
  TensorList values;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    values.push_back(i < moments_.size() ? moments_[i].value : zeros_like(parameters[i]));
  return values;
}

void Moments::set(const std::vector<std::string>& names, std::span<const Tensor> values) {
  moments_.clear();
  for (std::size_t i = 0; i < names.size(); ++i) moments_.push_back({names[i], values[i]});
}

void Moments::save(const std::string& prefix, std::vector<NamedParameter>& state) const {
  for (const NamedParameter& moment : moments_) state.push_back({prefix + "." + moment.name, moment.value});
}

void Moments::load(const std::string& prefix, const std::vector<NamedParameter>& state) {
  moments_.clear();
  for (const NamedParameter& entry : state)
    if (entry.name.starts_with(prefix + ".")) moments_.push_back({entry.name.substr(prefix.size() + 1), entry.value});
}

std::int64_t load_step_count(const char* optimiser, const std::vector<NamedParameter>& state) {
  for (const NamedParameter& entry : state)
    if (entry.name == "steps" && entry.value.size() == 1) return entry.value.to_vector<std::int64_t>().front();
  throw std::invalid_argument(str("[", optimiser, "] the saved state has no entry \"steps\" with one number"));
}

}  // namespace brenier

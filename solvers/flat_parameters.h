// A model's parameters as one list of numbers, for solvers that think in vectors.
#pragma once

#include <stdexcept>
#include <vector>

#include "engine/autodiff.h"
#include "engine/str.h"

namespace brenier {

// All parameters in visiting order, row-major, as double.
template <HasParameters Model>
std::vector<double> flatten_parameters(const Model& model) {
  std::vector<double> flat;
  for (const NamedParameter& parameter : parameters_of(model)) {
    const std::vector<double> values = parameter.value.to_vector<double>();
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

// The same model with these numbers, rounded to its own dtypes. Throws std::invalid_argument for the wrong number.
template <HasParameters Model>
Model with_flat_parameters(Model model, const std::vector<double>& flat) {
  const std::int64_t count = count_parameters(model);
  if (count != static_cast<std::int64_t>(flat.size()))
    throw std::invalid_argument(str("[with_flat_parameters] ", flat.size(), " numbers for ", count, " parameters"));
  std::size_t next = 0;
  model.for_each_parameter([&](const std::string&, Tensor& parameter) {
    const auto size = static_cast<std::size_t>(parameter.size());
    parameter = tensor(std::span(flat).subspan(next, size), parameter.shape(), parameter.dtype());
    next += size;
  });
  return model;
}

// A loss and its gradient with respect to the parameters of a model.
template <HasParameters Model>
struct LossAndGradient {
  Tensor loss;  // one element
  Model gradient;
};

// From loss(model) -> scalar to model -> LossAndGradient, each call on a tape of its own.
template <class Loss>
auto with_gradient(Loss loss) {
  return [loss]<HasParameters Model>(const Model& model) {
    Tape tape;
    const Model recorded = tape.watch(model);
    const Tensor value = loss(recorded);
    return LossAndGradient<Model>{value.detached(), grad(value, recorded)};
  };
}

}  // namespace brenier

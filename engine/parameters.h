// How the engine reaches the parameters of a model without knowing models: one visitor.
//
// A model is a plain struct of tensors and smaller models with one member function template:
//
//   template <class Visitor>
//   void for_each_parameter(Visitor&& visit) {
//     visit("weight", weight);                      // a Tensor
//     visit_parameters("output", output, visit);    // a smaller model: its names become "output.weight", …
//   }
//
// Watching, gradients, optimisers, counting, and files all go through it. A quantity that is not visited is not
// trained.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/str.h"
#include "engine/tensor.h"

namespace brenier {

struct AnyParameterVisitor {
  void operator()(const std::string&, Tensor&) const {}
};

template <class Model>
concept HasParameters = requires(Model& model, AnyParameterVisitor visit) {
  model.for_each_parameter(visit);
};

template <HasParameters Model, class Visitor>
void visit_parameters(const std::string& prefix, Model& model, Visitor&& visit) {
  model.for_each_parameter([&](const std::string& name, Tensor& parameter) { visit(prefix + "." + name, parameter); });
}

// The elements of a list are named prefix.0, prefix.1, …
template <HasParameters Model, class Visitor>
void visit_parameters(const std::string& prefix, std::vector<Model>& models, Visitor&& visit) {
  for (std::size_t i = 0; i < models.size(); ++i) visit_parameters(str(prefix, ".", i), models[i], visit);
}

struct NamedParameter {
  std::string name;
  Tensor value;
};

// The parameters in visiting order. Handles are cheap, so this copies no numbers.
template <HasParameters Model>
std::vector<NamedParameter> parameters_of(Model model) {
  std::vector<NamedParameter> result;
  model.for_each_parameter([&](const std::string& name, Tensor& value) { result.push_back({name, value}); });
  return result;
}

// The same without names.
template <HasParameters Model>
std::vector<Tensor> parameter_values(const Model& model) {
  std::vector<Tensor> values;
  for (const NamedParameter& parameter : parameters_of(model)) values.push_back(parameter.value);
  return values;
}

// The same model with other parameter values, given in visiting order.
template <HasParameters Model>
Model with_parameters(Model model, const std::vector<Tensor>& values) {
  std::size_t next = 0;
  model.for_each_parameter([&](const std::string&, Tensor& parameter) { parameter = values.at(next++); });
  return model;
}

// The same model with constants for parameters.
template <HasParameters Model>
Model detached_parameters(Model model) {
  model.for_each_parameter([](const std::string&, Tensor& parameter) { parameter = parameter.detached(); });
  return model;
}

// The number of trainable numbers in a model.
template <HasParameters Model>
std::int64_t count_parameters(const Model& model) {
  std::int64_t count = 0;
  for (const NamedParameter& parameter : parameters_of(model)) count += parameter.value.size();
  return count;
}

}  // namespace brenier

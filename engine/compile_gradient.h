// A loss and its gradient with respect to a model, recorded once and replayed with other parameters and data.
//
//   auto step = compile_gradient(model, {points, targets}, [](const Model& m, const std::vector<Tensor>& data) {
//     return mean(square(m(data[0]) - data[1]));
//   });
//   auto [loss, gradient] = step(model, {new_points, new_targets});
//
// What changes from step to step must be among the data: points, weights, the int64 counter of a RandomKey. The loss
// function runs once; a tensor that it captures is a constant of the program.
#pragma once

#include "engine/autodiff.h"
#include "engine/program/program.h"

namespace brenier {

template <HasParameters Model>
class GradientProgram {
 public:
  struct Result {
    Tensor loss;
    Model gradient;
  };

  // Shapes and dtypes as recorded; throws std::invalid_argument for others.
  Result operator()(const Model& model, const std::vector<Tensor>& data) const {
    std::vector<Tensor> inputs = data;
    for (const NamedParameter& parameter : parameters_of(model)) inputs.push_back(parameter.value);
    const std::vector<Tensor> results = program_(inputs);
    return {results[0], with_parameters(model, {results.begin() + 1, results.end()})};
  }
  const Program& program() const { return program_; }  // (data…, parameters…) -> (loss, gradients…)

 private:
  template <HasParameters M, class Loss>
  friend GradientProgram<M> compile_gradient(const M& model, const std::vector<Tensor>& examples, Loss&& loss);
  Program program_;
};

// loss(model, data) returns a tensor of one element. `examples` show shapes and dtypes of the data; their values and
// those of the model's parameters do not matter, because reading them while recording throws.
template <HasParameters Model, class Loss>
GradientProgram<Model> compile_gradient(const Model& model, const std::vector<Tensor>& examples, Loss&& loss) {
  Tape tape({.recording_program = true});
  std::vector<Tensor> inputs, outputs;
  for (std::size_t i = 0; i < examples.size(); ++i) inputs.push_back(tape.watch(examples[i], str("data ", i)));
  const std::vector<Tensor> data = inputs;
  const Model recorded = tape.watch(model);
  std::vector<Tensor> parameters;
  for (const NamedParameter& parameter : parameters_of(recorded)) parameters.push_back(parameter.value);
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  outputs.push_back(loss(recorded, data));
  for (Tensor& slope : grad(outputs[0], parameters)) outputs.push_back(std::move(slope));
  GradientProgram<Model> result;
  result.program_ = compile(inputs, outputs);
  return result;
}

}  // namespace brenier

// Inputs: data, rate, parameters, optimiser's state. Outputs: gradient norm, what is reported, parameters, state.
#include "solvers/training_program.h"

#include <cmath>

#include "engine/autodiff.h"
#include "solvers/clip.h"

namespace brenier {
namespace {

TensorList watched(Tape& tape, const TensorList& values, TensorList& inputs) {
  TensorList result;
  for (const Tensor& value : values) inputs.push_back(result.emplace_back(tape.watch(value)));
  return result;
}

void append(TensorList& list, const TensorList& more) { list.insert(list.end(), more.begin(), more.end()); }

TensorList taken(const TensorList& list, std::size_t& position, std::size_t count) {
  const auto begin = list.begin() + static_cast<std::ptrdiff_t>(position);
  position += count;
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

TrainingProgram::TrainingProgram(const Update& update, const Loss& loss, const TrainingState& state,
                                 const TensorList& data, double max_norm) {
  if (state.parameters.empty()) throw std::invalid_argument("[TrainingProgram] the model has no parameters");
  Tape tape({.recording_program = true});
  dtype_ = state.parameters[0].dtype();
  TensorList inputs;
  const TensorList recorded_data = watched(tape, data, inputs);
  const Tensor rate = watched(tape, {tensor(0.0, dtype_)}, inputs)[0];
  const TensorList parameters = watched(tape, state.parameters, inputs);
  const TensorList before = watched(tape, state.optimiser, inputs);

  const TensorList reported = loss(parameters, recorded_data);
  TensorList gradients = grad(reported.at(0), parameters);
  TensorList outputs{global_norm(gradients)};
  if (std::isfinite(max_norm)) gradients = clip_global_norm(gradients, max_norm);
  append(outputs, reported);
  const OptimiserStep next = update(parameters, gradients, before, rate);
  append(outputs, next.parameters);
  append(outputs, next.state);
  for (Tensor& output : outputs)
    if (!output.recorded()) output = tape.constant(output);
  reported_ = reported.size();
  program_ = compile(inputs, outputs);
}

Training TrainingProgram::operator()(const TrainingState& state, const TensorList& data, double rate) const {
  TensorList inputs = data;
  inputs.push_back(tensor(rate, dtype_));
  append(inputs, state.parameters);
  append(inputs, state.optimiser);
  const TensorList outputs = program_(inputs);
  std::size_t position = 1;
  Training result{.state = {}, .gradient_norm = outputs[0], .reported = taken(outputs, position, reported_)};
  result.state.parameters = taken(outputs, position, state.parameters.size());
  result.state.optimiser = taken(outputs, position, state.optimiser.size());
  return result;
}

}  // namespace brenier

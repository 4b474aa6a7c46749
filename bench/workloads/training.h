// A training step of a model, eagerly and as one program: loss, gradient, Adam. The program carries the state of the
// optimiser as inputs and outputs; its constants are the options. Peers must agree on the losses of the first steps,
// which depend on gradients and on the optimiser.
#pragma once

#include <memory>

#include "bench/workloads/recording.h"
#include "engine/ops.h"
#include "solvers/adam.h"

namespace brenier::bench {

constexpr int kComparedSteps = 4;

template <class Model>
struct Training {
  Model model;  // as it starts
  Tensors data;
  double learning_rate;
  std::function<Tensor(const Model& model, const Tensors& data)> loss;
};

// A function that makes a step, starting afresh each time it is made itself.
using Start = std::function<std::function<Tensors()>()>;

inline Prepared prepared_training(const Start& start, std::size_t arena_bytes) {
  const auto first_losses = [start] {
    const auto step = start();
    Tensors losses;
    for (int i = 0; i < kComparedSteps; ++i) losses.push_back(step()[0]);
    return losses;
  };
  return {.run = start(), .values = first_losses, .arena_bytes = arena_bytes};
}

template <class Model>
Prepared train_eagerly(const Training<Model>& training) {
  const Start start = [training] {
    const auto state =
        std::make_shared<std::pair<Model, Adam>>(training.model, Adam{.learning_rate = training.learning_rate});
    return [training, state] {
      Tape tape;
      const Model recorded_model = tape.watch(state->first);
      const Tensor loss = training.loss(recorded_model, training.data);
      state->second.step(state->first, grad(loss, recorded_model));
      return Tensors{loss};
    };
  };
  return prepared_training(start, 0);
}

template <class Model>
Prepared train_compiled(const Training<Model>& training) {
  const Adam adam{.learning_rate = training.learning_rate};
  const Tensors parameters = parameter_values(training.model);
  Tensors state = parameters;
  for (const Tensor& value : adam.initial_state(parameters)) state.push_back(value);

  Tape tape({.recording_program = true});
  Tensors inputs, data;
  for (const Tensor& value : training.data) inputs.push_back(tape.watch(value));
  data = inputs;
  for (const Tensor& value : state) inputs.push_back(tape.watch(value));
  const auto values_begin = inputs.begin() + static_cast<std::ptrdiff_t>(data.size());
  const auto state_begin = values_begin + static_cast<std::ptrdiff_t>(parameters.size());
  const Tensors values(values_begin, state_begin);
  Tensors outputs{training.loss(with_parameters(training.model, values), data)};
  const OptimiserStep next = adam.update(values, grad(outputs[0], values), {state_begin, inputs.end()},
                                         tensor(adam.learning_rate, DType::Float32));
  outputs.insert(outputs.end(), next.parameters.begin(), next.parameters.end());
  outputs.insert(outputs.end(), next.state.begin(), next.state.end());
  const Program program = compile(inputs, outputs);

  state.insert(state.begin(), training.data.begin(), training.data.end());
  const Start start = [program, state, data_count = training.data.size()] {
    return [program, in = std::make_shared<Tensors>(state), out = std::make_shared<Tensors>(), data_count] {
      program.run(*in, *out);
      std::copy(out->begin() + 1, out->end(), in->begin() + static_cast<std::ptrdiff_t>(data_count));
      return Tensors{(*out)[0]};
    };
  };
  return prepared_training(start, program.arena_bytes());
}

template <class Model>
void add_training(std::vector<Workload>& list, const std::string& name, const Work& work,
                  std::function<Training<Model>()> make) {
  list.push_back({.name = name,
                  .work = work,
                  .eager = [make] { return train_eagerly(make()); },
                  .compiled = [make] { return train_compiled(make()); }});
}

}  // namespace brenier::bench

// A training step of a model, eagerly and as one program: loss, gradient, Adam. The program carries the state of the
// optimiser as inputs and outputs; its constants are the options. Peers must agree on the losses of the first steps,
// which depend on gradients and on the optimiser.
#pragma once

#include <memory>

#include "bench/workloads/recording.h"
#include "engine/ops.h"

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

// Adam as recorded operations: state is the number of steps [1], then parameters, means and mean squares; returns the
// same after one more step. solvers/adam.h has the formula.
Tensors adam_step(const Tensors& state, const Tensors& gradients, double learning_rate);

template <class Model>
Prepared train_compiled(const Training<Model>& training) {
  Tensors state{zeros({1}, DType::Float32)};
  for (const Tensor& value : parameter_values(training.model)) state.push_back(value);
  const std::size_t parameters = state.size() - 1;
  for (std::size_t i = 0; i < 2 * parameters; ++i)
    state.push_back(zeros(state[1 + i % parameters].shape(), DType::Float32));

  Tape tape({.recording_program = true});
  Tensors inputs, data;
  for (const Tensor& value : training.data) inputs.push_back(tape.watch(value));
  data = inputs;
  for (const Tensor& value : state) inputs.push_back(tape.watch(value));
  const auto recorded_state = inputs.begin() + static_cast<std::ptrdiff_t>(data.size());
  const Tensors values(recorded_state + 1, recorded_state + 1 + static_cast<std::ptrdiff_t>(parameters));
  Tensors outputs{training.loss(with_parameters(training.model, values), data)};
  const Tensors updated = adam_step({recorded_state, inputs.end()}, grad(outputs[0], values), training.learning_rate);
  outputs.insert(outputs.end(), updated.begin(), updated.end());
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

// A training step of a model, eagerly and as one program (solvers/training_program.h): loss, gradient, Adam. Peers must
// agree on the losses of the first steps, which depend on gradients and on the optimiser.
#pragma once

#include <memory>

#include "bench/workloads/recording.h"
#include "engine/ops.h"
#include "solvers/adam.h"
#include "solvers/training_program.h"

namespace brenier::bench {

constexpr int kComparedSteps = 4;

template <class Model>
struct TrainingTask {
  Model model;  // as it starts
  Tensors data;
  double learning_rate;
  // The loss first; others are reported with it.
  std::function<Tensors(const Model& model, const Tensors& data)> loss;
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
Prepared train_eagerly(const TrainingTask<Model>& task) {
  const Start start = [task] {
    const auto state = std::make_shared<std::pair<Model, Adam>>(task.model, Adam{.learning_rate = task.learning_rate});
    return [task, state] {
      Tape tape;
      const Model recorded_model = tape.watch(state->first);
      const Tensor loss = task.loss(recorded_model, task.data)[0];
      state->second.step(state->first, grad(loss, recorded_model));
      return Tensors{loss};
    };
  };
  return prepared_training(start, 0);
}

template <class Model>
Prepared train_compiled(const TrainingTask<Model>& task) {
  const Adam adam{.learning_rate = task.learning_rate};
  const TrainingState first = training_start(task.model, adam);
  const auto loss = [task](const TensorList& parameters, const TensorList& data) {
    return task.loss(with_parameters(task.model, parameters), data);
  };
  const TrainingProgram program(adam, loss, first, task.data);
  const Start start = [program, first, data = task.data, rate = task.learning_rate] {
    return [program, data, rate, state = std::make_shared<TrainingState>(first)] {
      auto made = program(*state, data, rate);
      *state = std::move(made.state);
      return Tensors{made.reported[0]};
    };
  };
  return prepared_training(start, program.program().arena_bytes());
}

template <class Model>
void add_training(std::vector<Workload>& list, const std::string& name, const Work& work,
                  std::function<TrainingTask<Model>()> make) {
  list.push_back({.name = name,
                  .work = work,
                  .eager = [make] { return train_eagerly(make()); },
                  .compiled = [make] { return train_compiled(make()); }});
}

}  // namespace brenier::bench

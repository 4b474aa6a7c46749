// A whole training step as one program: loss, gradients, clipping, optimiser. What changes from step to step goes in as
// tensors (data, learning rate, parameters, the optimiser's state), and the new parameters and state come out.
//
//   TrainingProgram step(adam, loss, state, {first_batch});      // loss(parameters, data) -> {loss, …}
//   Training result = step(state, {batch}, rate);                // state is not changed
//   state = result.state;                                        // unless the caller dislikes what was reported
//
// Pascanu, Mikolov & Bengio (2013) for clipping: solvers/clip.h. Next on the walk: engine/program/README.md.
#pragma once

#include <functional>
#include <limits>

#include "engine/program/program.h"
#include "solvers/moments.h"

namespace brenier {

// Parameters in visiting order, and what the optimiser keeps (solvers/moments.h).
struct TrainingState {
  TensorList parameters, optimiser;
};

template <HasParameters Model, class Optimiser>
TrainingState training_start(const Model& model, const Optimiser& optimiser) {
  const TensorList parameters = parameter_values(model);
  return {parameters, optimiser.initial_state(parameters)};
}

struct Training {
  TrainingState state;   // after the step
  Tensor gradient_norm;  // before clipping; not finite exactly if a gradient is not
  TensorList reported;   // what the loss function returned
};

class TrainingProgram {
 public:
  // Recorded once. The first result is the loss, of one element; others may be anything worth knowing. A tensor that the
  // function captures is a constant of the program.
  using Loss = std::function<TensorList(const TensorList& parameters, const TensorList& data)>;
  using Update = std::function<OptimiserStep(const TensorList& parameters, const TensorList& gradients,
                                             const TensorList& state, const Tensor& rate)>;

  TrainingProgram() = default;  // not callable
  // `state` and `data` show shapes and dtypes. Gradients whose common norm exceeds max_norm are scaled down to it.
  template <class Optimiser>
  TrainingProgram(const Optimiser& optimiser, const Loss& loss, const TrainingState& state, const TensorList& data,
                  double max_norm = std::numeric_limits<double>::infinity())
      : TrainingProgram(
            Update([optimiser](const TensorList& parameters, const TensorList& gradients, const TensorList& before,
                               const Tensor& rate) { return optimiser.update(parameters, gradients, before, rate); }),
            loss, state, data, max_norm) {}
  TrainingProgram(const Update& update, const Loss& loss, const TrainingState& state, const TensorList& data,
                  double max_norm);

  // Shapes and dtypes as recorded; throws std::invalid_argument for others.
  Training operator()(const TrainingState& state, const TensorList& data, double rate) const;
  const Program& program() const { return program_; }

 private:
  Program program_;
  DType dtype_ = DType::Float64;
  std::size_t reported_ = 0;
};

}  // namespace brenier

// Gradients made shorter: if the norm of all of them together exceeds a limit, all are scaled down to it. (Pascanu,
// Mikolov & Bengio, On the difficulty of training recurrent neural networks, 2013, algorithm 1.)
//
//   adam.step(model, clip_global_norm(gradients, 10));
//
// Operations only, so it may be part of a program. Gradients below the limit stay as they are, bit for bit; a NaN or an
// infinity in one of them remains to be seen.
#pragma once

#include <vector>

#include "engine/ops.h"
#include "engine/parameters.h"

namespace brenier {

// sqrt of the sum of squares of all entries; a scalar of the dtype of the first. Throws std::invalid_argument for none.
Tensor global_norm(const std::vector<Tensor>& gradients);
// Throws std::invalid_argument unless max_norm > 0.
std::vector<Tensor> clip_global_norm(const std::vector<Tensor>& gradients, double max_norm);

template <HasParameters Model>
Tensor global_norm(const Model& gradients) {
  return global_norm(parameter_values(gradients));
}
template <HasParameters Model>
Model clip_global_norm(const Model& gradients, double max_norm) {
  return with_parameters(gradients, clip_global_norm(parameter_values(gradients), max_norm));
}

}  // namespace brenier

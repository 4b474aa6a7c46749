// The factor min(1, max_norm/norm) is chosen by where(), not by reading the norm: nothing waits for a device, and a
// program may do it.
#include "solvers/clip.h"

#include <stdexcept>

#include "engine/str.h"
#include "solvers/moments.h"

namespace brenier {

Tensor global_norm(const std::vector<Tensor>& gradients) {
  if (gradients.empty()) throw std::invalid_argument("[global_norm] there are no gradients");
  Tensor total;
  for (const Tensor& gradient : gradients) {
    const Tensor squares = in_dtype_of(gradients[0], sum(square(gradient)));
    total = total.defined() ? total + squares : squares;
  }
  return sqrt(total);
}

std::vector<Tensor> clip_global_norm(const std::vector<Tensor>& gradients, double max_norm) {
  if (!(max_norm > 0))
    throw std::invalid_argument(str("[clip_global_norm] the limit must be positive, got ", max_norm));
  const Tensor norm = global_norm(gradients);
  const Tensor factor = where(less(max_norm, norm), max_norm / norm, 1.0);
  std::vector<Tensor> clipped;
  for (const Tensor& gradient : gradients) clipped.push_back(gradient * in_dtype_of(gradient, factor));
  return clipped;
}

}  // namespace brenier

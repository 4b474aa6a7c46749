#include "models/mgn.h"

#include <numbers>

namespace brenier {

Tensor LogCosh::value(const Tensor& z) {
  // softplus(-2|z|) = ln(1 + e^{-2|z|})
  const Tensor distance = abs(z);
  return sum(distance + softplus(-2.0 * distance) - std::numbers::ln2, {-1}, true);
}

}  // namespace brenier

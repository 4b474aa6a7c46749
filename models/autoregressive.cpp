// See models/autoregressive.h.
#include "models/autoregressive.h"

#include <cmath>
#include <numbers>

namespace brenier {

Tensor identity_biases(std::int64_t dim, DType dtype) {
  const double unit_scale = std::log(std::numbers::e - 1);  // softplus of it is 1
  return concat({zeros({dim}, dtype), full({dim}, unit_scale, dtype)}, 0);
}

}  // namespace brenier

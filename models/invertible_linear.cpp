// See models/invertible_linear.h.
#include "models/invertible_linear.h"

#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

// Q of A = L Q with a lower triangular L, which A Aᵀ = L Lᵀ gives.
Tensor orthogonal_factor(const Tensor& a) {
  return triangular_solve(cholesky(matmul(a, transpose(a))), a, Triangle::Lower);
}

}  // namespace

InvertibleLinear InvertibleLinear::random(const RandomKey& key, std::int64_t dim, DType dtype) {
  if (dim < 1) throw std::invalid_argument(str("[InvertibleLinear] a map of ", dim, " coordinates is empty"));
  // Rounding errors of the first factor grow with the square of the condition number of A; the second removes them.
  const Tensor q = orthogonal_factor(orthogonal_factor(random_normal(key, {dim, dim})));
  const Tensor last_sign = reshape(slogdet(q).sign, {1, 1});
  const Tensor rotation = concat({slice(q, 0, 0, dim - 1), last_sign * slice(q, 0, dim - 1, dim)}, 0);
  return {cast(rotation, dtype)};
}

Tensor InvertibleLinear::operator()(const Tensor& x) const { return matmul(x, transpose(weight)); }

Transformed InvertibleLinear::forward(const Tensor& x) const {
  return {(*this)(x), broadcast_to(slogdet(weight).logabs, {x.dim(0)})};
}

Preimage InvertibleLinear::inverse(const Tensor& z) const {
  return exact_preimage(transpose(solve(weight.detached(), transpose(z.detached()))));
}

}  // namespace brenier

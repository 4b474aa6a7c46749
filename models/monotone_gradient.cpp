#include "models/monotone_gradient.h"

#include <cmath>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {

GramLinear GramLinear::random(const RandomKey& key, std::int64_t dim, std::int64_t rank, DType dtype) {
  if (dim < 1 || rank < 0)
    throw std::invalid_argument(str("[GramLinear] there is no matrix of rank ", rank, " in ", dim, " dimensions"));
  return {random_normal(key, {rank, dim}, dtype) * (1 / std::sqrt(static_cast<double>(dim)))};
}

void require_sizes(const char* model, std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
  for (const auto& [name, size] : sizes)
    if (size < 1) throw std::invalid_argument(str("[", model, "] ", name, " must be at least 1, got ", size));
}

Tensor ridge_jacobian(const Tensor& weight, const Tensor& slopes) {
  const std::int64_t rows = slopes.dim(0), units = slopes.dim(1);
  return matmul(transpose(weight) * reshape(slopes, {rows, 1, units}), weight);
}

Tensor softmax_jacobian(const Tensor& weight, const Tensor& p) {
  const Tensor center = reshape(matmul(p, weight), {p.dim(0), weight.dim(1), 1});
  return ridge_jacobian(weight, p) - matmul(center, transpose(center));
}

}  // namespace brenier

#include "models/gradnet.h"

namespace brenier {

// Wᵀ (diag p - p pᵀ) W
Tensor Softmax::hessian(const Tensor& weight, const Tensor& z) {
  const Tensor p = softmax(z);
  const Tensor center = reshape(matmul(p, weight), {z.dim(0), weight.dim(1), 1});
  return ridge_jacobian(weight, p) - matmul(center, transpose(center));
}

}  // namespace brenier

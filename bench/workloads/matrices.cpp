// Many small symmetric positive definite matrices, [1024, n, n]: log-determinant and inverse from one Cholesky
// factor, which is what a Gaussian likelihood and its gradient need. A = X Xᵀ/n + I for X by formula.
#include "bench/workloads/recording.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

constexpr std::int64_t kMatrices = 1024;

Tensor positive_definite(std::int64_t n) {
  const Tensor x = formula_tensor(kPoints, {kMatrices, n, n}, 1.0);
  return matmul(x, transpose(x)) * (1.0 / static_cast<double>(n)) + eye(n, x.dtype());
}

Tensors logdet_and_inverse(const Tensors& in) { return {spd_logdet(in[0]), spd_inverse(in[0])}; }

}  // namespace

void add_matrices(std::vector<Workload>& list) {
  for (const std::int64_t n : {8, 16, 43, 64}) {
    const auto order = static_cast<double>(n), count = static_cast<double>(kMatrices);
    const Work work{.flops = count * order * order * order, .bytes = count * 2 * order * order * sizeof(float)};
    add_formula(list, str("linalg/cholesky/", n), work, evaluated,
                [=] { return std::pair<Formula, Tensors>(logdet_and_inverse, {positive_definite(n)}); });
  }
}

}  // namespace brenier::bench

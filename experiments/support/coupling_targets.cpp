#include "experiments/support/coupling_targets.h"

#include <cmath>
#include <numbers>

namespace brenier::experiments {
namespace {

Tensor gaussian_mean() { return tensor({2.0, -3.0}); }
Tensor gaussian_covariance() { return tensor({{1.0, 0.5}, {0.5, 1.0}}); }

Tensor draw_gaussian(const RandomKey& key, std::int64_t count) {
  return matmul(random_normal(key, {count, 2}), transpose(cholesky(gaussian_covariance()))) + gaussian_mean();
}

Tensor draw_banana(const RandomKey& key, std::int64_t count) {
  constexpr double kAngle = std::numbers::pi / 5;
  const Tensor rotation = tensor({{std::cos(kAngle), -std::sin(kAngle)}, {std::sin(kAngle), std::cos(kAngle)}});
  const Tensor z = random_normal(key, {count, 2}), x = slice(z, 1, 0, 1), y = slice(z, 1, 1, 2);
  return matmul(concat({x, y + square(x) - 0.5}, 1), transpose(rotation));
}

}  // namespace

CouplingTarget gaussian_target() { return {"gaussian", 8, 3, 0.12, 0.09, {-2, 6}, {-7, 1}, true, draw_gaussian}; }
CouplingTarget banana_target() { return {"banana", 16, 6, 0.19, 0.17, {-6, 4}, {-3, 7}, false, draw_banana}; }

Tensor coupling_source_mean() { return tensor({-6.0, 4.0}); }
Tensor coupling_source(const RandomKey& key, std::int64_t count) {
  return random_normal(key, {count, 2}) + coupling_source_mean();
}
AffineMap optimal_gaussian_map() {
  return bures_map(coupling_source_mean(), eye(2), gaussian_mean(), gaussian_covariance());
}

}  // namespace brenier::experiments

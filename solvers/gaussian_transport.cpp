// The middle root (C₁^½ C₂ C₁^½)^½ is what distance and map have in common. symmetric_sqrt and spd_inverse bring the
// derivatives.
#include "solvers/gaussian_transport.h"

#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

void check_gaussian(const char* op, const Tensor& mean, const Tensor& covariance) {
  const bool fits = mean.defined() && covariance.defined() && mean.rank() >= 1 && covariance.rank() >= 2 &&
                    covariance.dim(-1) == mean.dim(-1) && covariance.dim(-2) == mean.dim(-1);
  if (!fits)
    throw std::invalid_argument(str("[", op, "] expects a mean [..., d] and a covariance [..., d, d], got ",
                                    mean.shape(), " and ", covariance.shape()));
}

void check_dimensions(const char* op, const Tensor& mean1, const Tensor& mean2) {
  if (mean1.dim(-1) != mean2.dim(-1))
    throw std::invalid_argument(str("[", op, "] dimensions differ: means ", mean1.shape(), " and ", mean2.shape()));
}

Tensor trace(const Tensor& a) { return sum(a * eye(a.dim(-1), a.dtype()), {-2, -1}); }

// (C₁^½ C₂ C₁^½)^½, given C₁^½.
Tensor middle_root(const Tensor& root1, const Tensor& covariance2) {
  return symmetric_sqrt(matmul(matmul(root1, covariance2), root1));
}

void check_values(const char* op, const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined() || a.shape() != b.shape() || a.rank() != 2)
    throw std::invalid_argument(str("[", op, "] expects values [n, d] twice, got ", a.shape(), " and ", b.shape()));
}

}  // namespace

Tensor bures_wasserstein_squared(const Tensor& mean1, const Tensor& covariance1, const Tensor& mean2,
                                 const Tensor& covariance2) {
  constexpr const char* op = "bures_wasserstein_squared";
  check_gaussian(op, mean1, covariance1);
  check_gaussian(op, mean2, covariance2);
  check_dimensions(op, mean1, mean2);
  const Tensor middle = middle_root(symmetric_sqrt(covariance1), covariance2);
  return sum(square(mean1 - mean2), {-1}) + trace(covariance1) + trace(covariance2) - 2.0 * trace(middle);
}

Tensor AffineMap::operator()(const Tensor& x) const {
  return expand_axis(to, -2) + matmul(x - expand_axis(from, -2), matrix);
}

AffineMap bures_map(const Tensor& mean1, const Tensor& covariance1, const Tensor& mean2, const Tensor& covariance2) {
  check_gaussian("bures_map", mean1, covariance1);
  check_gaussian("bures_map", mean2, covariance2);
  check_dimensions("bures_map", mean1, mean2);
  const Tensor root = symmetric_sqrt(covariance1), inverse_root = spd_inverse(root);
  return {matmul(matmul(inverse_root, middle_root(root, covariance2)), inverse_root), mean1, mean2};
}

GaussianMoments gaussian_fit(const Tensor& points) {
  if (!points.defined() || points.rank() != 2 || points.dim(0) == 0)
    throw std::invalid_argument(str("[gaussian_fit] expects points [n, d], got ", points.shape()));
  const Tensor centre = mean(points, {0}), centred = points - centre;
  return {centre, matmul(transpose(centred), centred) * (1 / static_cast<double>(points.dim(0)))};
}

Tensor l2_uvp(const Tensor& map_values, const Tensor& optimal_values, double target_variance) {
  check_values("l2_uvp", map_values, optimal_values);
  if (!(target_variance > 0))
    throw std::invalid_argument(str("[l2_uvp] the variance of the target must be positive, got ", target_variance));
  return mean(sum(square(map_values - optimal_values), {1})) * (100 / target_variance);
}

Tensor displacement_cosine(const Tensor& x, const Tensor& map_values, const Tensor& optimal_values) {
  check_values("displacement_cosine", map_values, optimal_values);
  check_values("displacement_cosine", x, map_values);
  const Tensor got = map_values - x, wanted = optimal_values - x;
  return dot(got, wanted) / sqrt(sum(square(got)) * sum(square(wanted)));
}

}  // namespace brenier

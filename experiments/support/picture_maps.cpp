#include "experiments/support/picture_maps.h"

#include <stdexcept>

#include "engine/str.h"

namespace brenier::experiments {

void start_at_pictures(ModularMgn<SoftMaximum>& model, const Tensor& pictures, const Tensor& mean, double scale) {
  std::int64_t first = 0;
  for (Linear& affine : model.modules) {
    const std::int64_t last = first + affine.weight.dim(0);
    if (last > pictures.dim(0))
      throw std::invalid_argument(str("[start_at_pictures] more units than the ", pictures.dim(0), " pictures"));
    affine.weight = scale * (slice(pictures, 0, first, last) - mean);
    affine.bias = -0.5 * sum(square(affine.weight), {1});
    first = last;
  }
}

GaussianMoments fitted_gaussian(const Tensor& points) {
  return {mean(points, {0}), on_cpu([](const Tensor& x) { return gaussian_fit(x).covariance; }, points)};
}

AffineMap ridge_bures_map(const GaussianMoments& source, const GaussianMoments& target, double ridge) {
  const auto matrix = [&](const Tensor& from, const Tensor& to) {
    const Tensor added = ridge * eye(from.dim(0)), anywhere = zeros({from.dim(0)});
    return bures_map(anywhere, from + added, anywhere, to + added).matrix;
  };
  return {on_cpu(matrix, source.covariance, target.covariance), source.mean, target.mean};
}

}  // namespace brenier::experiments

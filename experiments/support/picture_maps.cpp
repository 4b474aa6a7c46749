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

AffineMap fitted_bures_map(const Tensor& source, const Tensor& target, double ridge) {
  const auto matrix = [ridge](const Tensor& x, const Tensor& y) {
    const GaussianMoments from = gaussian_fit(x), to = gaussian_fit(y);
    const Tensor added = ridge * eye(x.dim(1));
    return bures_map(from.mean, from.covariance + added, to.mean, to.covariance + added).matrix;
  };
  return {on_cpu(matrix, source, target), mean(source, {0}), mean(target, {0})};
}

}  // namespace brenier::experiments

#include "experiments/recolor/photo.h"

#include <algorithm>
#include <cmath>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {

Photo photo_of(const std::string& name, const Image& image, const RandomKey& order) {
  constexpr std::int64_t kLeast = 1000;
  if (image.height * image.width < kLeast)
    throw InputError(
        str(name, ": a picture of ", image.height * image.width, " pixels; at least ", kLeast, " are needed"));
  const Image rgb = as_rgb(image);
  const Tensor pixels = gather(pixels_of(rgb), random_permutation(order, rgb.height * rgb.width));
  const std::int64_t kept = pixels.dim(0) - pixels.dim(0) / 5;
  const Tensor training = first_rows(pixels, kept);
  return {name, rgb, training, slice(pixels, 0, kept, pixels.dim(0)), gaussian_fit(training)};
}

Tensor normal_colors(const Photo& photo, const RandomKey& key, std::int64_t count) {
  return matmul(random_normal(key, {count, 3}), symmetric_sqrt(photo.moments.covariance)) + photo.moments.mean;
}

double bures_distance(const Tensor& x, const Tensor& y) {
  const GaussianMoments a = gaussian_fit(x), b = gaussian_fit(y);
  return std::sqrt(std::max(bures_wasserstein_squared(a.mean, a.covariance, b.mean, b.covariance).item(), 0.0));
}

Tensor first_rows(const Tensor& x, std::int64_t count) { return slice(x, 0, 0, std::min(count, x.dim(0))); }

}  // namespace brenier::experiments

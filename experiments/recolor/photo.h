// A photograph as a cloud of colours: what mgn_recolor trains on and judges by.
#pragma once

#include <string>

#include "experiments/support/images.h"
#include "solvers/gaussian_transport.h"

namespace brenier::experiments {

struct Photo {
  std::string name = {};
  Image image = {};              // RGB
  Tensor training = {};          // pixels [n, 3], float64, in [0, 1]
  Tensor held_out = {};          // the other fifth
  GaussianMoments moments = {};  // of the training pixels
};

// Pixels are put into random order, and the last fifth is held out. Throws InputError for pictures
// of less than 1000 pixels.
Photo photo_of(const std::string& name, const Image& image, const RandomKey& order);

// Draws from the Gaussian with the moments of the photograph: [count, 3].
Tensor normal_colors(const Photo& photo, const RandomKey& key, std::int64_t count);

// The Bures–Wasserstein distance, not squared, of the Gaussians fitted to two clouds [n, d].
double bures_distance(const Tensor& x, const Tensor& y);

// The first `count` rows; all if there are fewer.
Tensor first_rows(const Tensor& x, std::int64_t count);

}  // namespace brenier::experiments

#include "experiments/support/digit_pictures.h"

#include <algorithm>
#include <stdexcept>

#include "engine/str.h"

namespace brenier::experiments {

Tensor digit_points(const ByteArray& images, std::span<const std::int64_t> rows, DType dtype) {
  if (images.row_size() != kDigitPixels)
    throw std::invalid_argument(str("[digit_points] pictures of 28 x 28 bytes, got ", images.row_size(), " bytes"));
  return rows_of(images, rows, dtype) * (1 / 127.5) - 1.0;
}

std::vector<Image> digit_images(const Tensor& points, std::int64_t count) {
  const Tensor first = slice(points, 0, 0, std::min(count, points.dim(0)));
  return images_of_rows(0.5 * (first + 1.0), kDigitSide, kDigitSide);
}

std::vector<std::int64_t> shuffled_rows(const RandomKey& key, std::int64_t n) {
  return random_permutation(key, n).to_vector<std::int64_t>();
}

}  // namespace brenier::experiments

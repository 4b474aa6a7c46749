#include "experiments/support/digit_pictures.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/cloud_metrics.h"

namespace brenier::experiments {

namespace {

// 0 if it is no integer.
std::int64_t side_of(std::int64_t pixels) {
  const std::int64_t side = std::llround(std::sqrt(static_cast<double>(pixels)));
  return side * side == pixels ? side : 0;
}

}  // namespace

Tensor digit_points(const ByteArray& images, std::span<const std::int64_t> rows, DType dtype) {
  if (side_of(images.row_size()) == 0)
    throw std::invalid_argument(str("[digit_points] square pictures, got ", images.row_size(), " bytes"));
  return rows_of(images, rows, dtype) * (1 / 127.5) - 1.0;
}

std::vector<Image> digit_images(const Tensor& points, std::int64_t count) {
  const Tensor first = slice(points, 0, 0, std::min(count, points.dim(0)));
  const std::int64_t side = side_of(points.dim(1));
  return images_of_rows(0.5 * (first + 1.0), side, side);
}

std::vector<std::uint8_t> NearestClass::operator()(const Tensor& points) const {
  std::vector<std::uint8_t> result;
  for (const std::int64_t row : nearest_rows(points, pictures).index.to_vector<std::int64_t>())
    result.push_back(labels.at(static_cast<std::size_t>(row)));
  return result;
}

NearestClass nearest_class(const ByteArray& images, const ByteArray& labels, std::span<const std::int64_t> rows,
                           DType dtype) {
  NearestClass judge{digit_points(images, rows, dtype), {}};
  for (const std::int64_t row : rows) judge.labels.push_back(labels.values.at(static_cast<std::size_t>(row)));
  return judge;
}

double share_of(const std::vector<std::uint8_t>& classes, const std::vector<std::uint8_t>& wanted) {
  double equal = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) equal += classes[i] == wanted.at(i) ? 1 : 0;
  return equal / static_cast<double>(classes.size());
}

double share_of(const std::vector<std::uint8_t>& classes, std::uint8_t wanted) {
  return share_of(classes, std::vector<std::uint8_t>(classes.size(), wanted));
}

std::string file_word(const std::string& title) {
  std::string word;
  for (const char c : title)
    if (c != ',') word += c == ' ' ? '_' : c;
  return word;
}

std::vector<std::int64_t> shuffled_rows(const RandomKey& key, std::int64_t n) {
  return random_permutation(key, n).to_vector<std::int64_t>();
}

}  // namespace brenier::experiments

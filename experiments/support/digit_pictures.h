// Pictures of digits as points: MNIST's bytes scaled to [-1, 1], [n, 784], and back to pictures.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/ops.h"
#include "experiments/support/byte_array.h"
#include "experiments/support/images.h"

namespace brenier::experiments {

inline constexpr std::int64_t kDigitSide = 28, kDigitPixels = kDigitSide * kDigitSide;

// Pictures of 28 x 28 bytes; the given rows in that order.
Tensor digit_points(const ByteArray& images, std::span<const std::int64_t> rows, DType dtype);
// The first `count` rows of points [n, 784]; values beyond [-1, 1] become black or white.
std::vector<Image> digit_images(const Tensor& points, std::int64_t count);

// 0 … n-1 in random order.
std::vector<std::int64_t> shuffled_rows(const RandomKey& key, std::int64_t n);

}  // namespace brenier::experiments

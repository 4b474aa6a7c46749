// Pictures of digits as points: MNIST's bytes scaled to [-1, 1], [n, 784], and back to pictures; and which digit a picture
// looks like.
#pragma once

#include <cstdint>
#include <span>
#include <string>
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

// The class of the nearest of labelled pictures: an outside judge of what a picture looks like, right for about 95 of 100
// test pictures with 20,000 of MNIST's training set.
struct NearestClass {
  Tensor pictures;                   // [m, 784]
  std::vector<std::uint8_t> labels;  // m

  std::vector<std::uint8_t> operator()(const Tensor& points) const;
};
// The share of equal entries of two lists of one length, and of entries equal to a class.
double share_of(const std::vector<std::uint8_t>& classes, const std::vector<std::uint8_t>& wanted);
double share_of(const std::vector<std::uint8_t>& classes, std::uint8_t wanted);

// A title as part of a file name: "C-MGN, energy" becomes "C-MGN_energy".
std::string file_word(const std::string& title);

// 0 … n-1 in random order.
std::vector<std::int64_t> shuffled_rows(const RandomKey& key, std::int64_t n);

}  // namespace brenier::experiments

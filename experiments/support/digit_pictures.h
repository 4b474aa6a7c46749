// Square grey pictures as points: MNIST's bytes scaled to [-1, 1], [n, 784], and back to pictures; and which digit a
// picture looks like.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "experiments/support/byte_array.h"
#include "experiments/support/images.h"

namespace brenier::experiments {

// [count, side²]: the given rows in that order. Throws std::invalid_argument for pictures that are not square.
Tensor digit_points(const ByteArray& images, std::span<const std::int64_t> rows, DType dtype);
// The first `count` rows of points [n, side²]; values beyond [-1, 1] become black or white.
std::vector<Image> digit_images(const Tensor& points, std::int64_t count);

// The class of the nearest of labelled pictures: an outside judge of what a picture looks like, right for about 95 of 100
// test pictures with 20,000 of MNIST's training set.
struct NearestClass {
  Tensor pictures;                   // [m, side²]
  std::vector<std::uint8_t> labels;  // m

  std::vector<std::uint8_t> operator()(const Tensor& points) const;
};
// The given rows of a labelled set as a judge.
NearestClass nearest_class(const ByteArray& images, const ByteArray& labels, std::span<const std::int64_t> rows,
                           DType dtype);
// The share of equal entries of two lists of one length, and of entries equal to a class.
double share_of(const std::vector<std::uint8_t>& classes, const std::vector<std::uint8_t>& wanted);
double share_of(const std::vector<std::uint8_t>& classes, std::uint8_t wanted);

// A title as part of a file name: "C-MGN, energy" becomes "C-MGN_energy".
std::string file_word(const std::string& title);

// 0 … n-1 in random order.
std::vector<std::int64_t> shuffled_rows(const RandomKey& key, std::int64_t n);

}  // namespace brenier::experiments

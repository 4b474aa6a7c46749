// Arrays of bytes as data sets store them: images and labels, a quarter of the size they have as float32. Rows become a
// tensor when they are needed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/tensor.h"

namespace brenier::experiments {

struct ByteArray {
  std::vector<std::int64_t> shape = {};
  std::vector<std::uint8_t> values = {};  // in C order

  std::int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
  std::int64_t row_size() const;  // the product of the other lengths
};

// The given rows as numbers 0 … 255, in the order given: [count, row_size].
Tensor rows_of(const ByteArray& array, std::span<const std::int64_t> rows, DType dtype = DType::Float32);
// Rows begin … end - 1. Both throw std::invalid_argument for a row that is not there.
Tensor rows_of(const ByteArray& array, std::int64_t begin, std::int64_t end, DType dtype = DType::Float32);
// Square pictures in row-major planes of side x side, any number of planes a row, side even: averages over squares of 2 x 2
// pixels, rounded. Shape [rows, planes, side / 2, side / 2]. Throws std::invalid_argument for others.
ByteArray halved(const ByteArray& pictures, std::int64_t side);
// The numbers of the rows whose label is `label`, ascending; labels are an array of one axis.
std::vector<std::int64_t> rows_labelled(const ByteArray& labels, std::uint8_t label);

}  // namespace brenier::experiments

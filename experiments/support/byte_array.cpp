#include "experiments/support/byte_array.h"

#include <numeric>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"

namespace brenier::experiments {
namespace {

template <class T>
void copy_rows(const ByteArray& array, std::span<const std::int64_t> rows, T* target) {
  const std::int64_t size = array.row_size();
  for (const std::int64_t row : rows) {
    const std::uint8_t* source = array.values.data() + row * size;
    target = std::copy(source, source + size, target);
  }
}

}  // namespace

std::int64_t ByteArray::row_size() const {
  return shape.empty() ? 1 : std::accumulate(shape.begin() + 1, shape.end(), std::int64_t{1}, std::multiplies<>());
}

Tensor rows_of(const ByteArray& array, std::span<const std::int64_t> rows, DType dtype) {
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= array.rows())
      throw std::invalid_argument(str("[rows_of] row ", row, " of an array of ", array.rows(), " rows"));
  }
  const Shape shape{static_cast<std::int64_t>(rows.size()), array.row_size()};
  Tensor result = Tensor::uninitialized(shape, dtype, cpu_backend());
  if (dtype == DType::Float32) copy_rows(array, rows, result.mutable_data<float>());
  if (dtype == DType::Float64) copy_rows(array, rows, result.mutable_data<double>());
  if (dtype == DType::Int64) copy_rows(array, rows, result.mutable_data<std::int64_t>());
  return result.to(default_backend());
}

Tensor rows_of(const ByteArray& array, std::int64_t begin, std::int64_t end, DType dtype) {
  if (begin < 0 || end < begin || end > array.rows())
    throw std::invalid_argument(str("[rows_of] rows ", begin, " to ", end, " of an array of ", array.rows(), " rows"));
  std::vector<std::int64_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return rows_of(array, rows, dtype);
}

ByteArray halved(const ByteArray& pictures, std::int64_t side) {
  if (side < 2 || side % 2 != 0 || pictures.row_size() % (side * side) != 0)
    throw std::invalid_argument(str("[halved] planes of ", side, " x ", side, ", got ", pictures.row_size(), " bytes"));
  const std::int64_t half = side / 2;
  ByteArray result{{pictures.rows(), pictures.row_size() / (side * side), half, half}, {}};
  result.values.reserve(pictures.values.size() / 4);
  const std::uint8_t* pixels = pictures.values.data();
  const auto pairs_of_rows = static_cast<std::int64_t>(pictures.values.size()) / (2 * side);
  for (std::int64_t pair = 0; pair < pairs_of_rows; ++pair, pixels += 2 * side)
    for (std::int64_t x = 0; x < side; x += 2)
      result.values.push_back(
          static_cast<std::uint8_t>((pixels[x] + pixels[x + 1] + pixels[side + x] + pixels[side + x + 1] + 2) / 4));
  return result;
}

std::vector<std::int64_t> rows_labelled(const ByteArray& labels, std::uint8_t label) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] == label) rows.push_back(static_cast<std::int64_t>(i));
  }
  return rows;
}

}  // namespace brenier::experiments

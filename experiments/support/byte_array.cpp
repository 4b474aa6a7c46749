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

std::vector<std::int64_t> rows_labelled(const ByteArray& labels, std::uint8_t label) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] == label) rows.push_back(static_cast<std::int64_t>(i));
  }
  return rows;
}

}  // namespace brenier::experiments

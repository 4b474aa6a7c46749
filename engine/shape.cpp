// Shapes, strides and the broadcasting rule. See engine/shape.h for the convention on axes.
#include "engine/shape.h"

#include <algorithm>
#include <ostream>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {

Dims::Dims(std::initializer_list<std::int64_t> values) : Dims(std::span(values.begin(), values.size())) {}

Dims::Dims(std::span<const std::int64_t> values) {
  for (std::int64_t value : values) push_back(value);
}

Dims Dims::filled(int count, std::int64_t value) {
  Dims result;
  for (int i = 0; i < count; ++i) result.push_back(value);
  return result;
}

void Dims::push_back(std::int64_t value) { insert(rank_, value); }

void Dims::insert(int position, std::int64_t value) {
  if (rank_ == kMaxRank) throw std::invalid_argument(str("[shape] a tensor has at most ", kMaxRank, " axes"));
  std::copy_backward(values_.begin() + position, values_.begin() + rank_, values_.begin() + rank_ + 1);
  values_[position] = value;
  ++rank_;
}

void Dims::erase(int position) {
  std::copy(values_.begin() + position + 1, values_.begin() + rank_, values_.begin() + position);
  --rank_;
}

Dims Dims::part(int first, int last) const {
  return Dims(std::span(values_.data() + first, static_cast<std::size_t>(last - first)));
}

bool Dims::contains(std::int64_t value) const { return std::find(begin(), end(), value) != end(); }

bool operator==(const Dims& a, const Dims& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

Dims operator+(const Dims& a, const Dims& b) {
  Dims result = a;
  for (std::int64_t value : b) result.push_back(value);
  return result;
}

std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << '[';
  for (int i = 0; i < dims.rank(); ++i) out << (i ? ", " : "") << dims[i];
  return out << ']';
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t length : shape) count *= length;
  return count;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = Dims::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  Shape result = Dims::filled(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t from_a = i <= a.rank() ? a[-i] : 1;
    const std::int64_t from_b = i <= b.rank() ? b[-i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1)
      throw std::invalid_argument(str("[", op, "] shapes do not broadcast: ", a, " and ", b));
    result[-i] = from_a == 1 ? from_b : from_a;
  }
  return result;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int i = 1; i <= from.rank(); ++i)
    if (from[-i] != to[-i] && from[-i] != 1) return false;
  return true;
}

Axes axes_from_end(const char* op, const Axes& axes, int rank) {
  Axes result;
  if (axes.empty()) {
    for (int distance = rank; distance >= 1; --distance) result.push_back(distance);
    return result;
  }
  for (std::int64_t axis : axes) {
    if (axis < -rank || axis >= rank)
      throw std::invalid_argument(str("[", op, "] axis ", axis, " is out of range for rank ", rank));
    const std::int64_t distance = axis < 0 ? -axis : rank - axis;
    if (result.contains(distance)) throw std::invalid_argument(str("[", op, "] axis ", axis, " is named twice"));
    int position = 0;
    while (position < result.rank() && result[position] > distance) ++position;
    result.insert(position, distance);
  }
  return result;
}

}  // namespace brenier

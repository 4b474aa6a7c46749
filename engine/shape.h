// Shapes, strides and axes: short lists of integers kept inline, so that making a tensor never allocates for them.
//
// One convention runs through the whole engine: an operation names its axes *from the end*, and leaves all leading
// axes it does not name alone. A bundle of k tangents is then just a tensor with one more leading axis, and every
// operation already knows how to treat it (engine/op.h explains what follows from that).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>

namespace brenier {

// The largest number of axes. Images in vector mode need 6; two nested bundles on top make 8.
inline constexpr int kMaxRank = 8;

// A list of at most kMaxRank integers. Throws std::invalid_argument when it would grow beyond that.
class Dims {
 public:
  using value_type = std::int64_t;

  Dims() = default;
  Dims(std::initializer_list<std::int64_t> values);
  explicit Dims(std::span<const std::int64_t> values);
  static Dims filled(int count, std::int64_t value);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  // Negative positions count from the end: dims[-1] is the last entry.
  std::int64_t operator[](int i) const { return values_[i < 0 ? i + rank_ : i]; }
  std::int64_t& operator[](int i) { return values_[i < 0 ? i + rank_ : i]; }
  const std::int64_t* begin() const { return values_.data(); }
  const std::int64_t* end() const { return values_.data() + rank_; }

  void push_back(std::int64_t value);
  void insert(int position, std::int64_t value);
  void erase(int position);
  // The entries [first, last).
  Dims part(int first, int last) const;
  bool contains(std::int64_t value) const;

  friend bool operator==(const Dims& a, const Dims& b);
  friend Dims operator+(const Dims& a, const Dims& b);                   // concatenation
  friend std::ostream& operator<<(std::ostream& out, const Dims& dims);  // [2, 3]

 private:
  std::array<std::int64_t, kMaxRank> values_{};
  int rank_ = 0;
};

using Shape = Dims;
using Strides = Dims;  // in elements; 0 along a broadcast axis, negative along a flipped one
using Axes = Dims;

// The number of elements; 1 for a scalar, 0 if any axis is empty.
std::int64_t element_count(const Shape& shape);

// Row-major strides.
Strides contiguous_strides(const Shape& shape);

// NumPy broadcasting. Throws std::invalid_argument led by `[op]` with both shapes if they do not fit.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

// Whether a tensor of shape `from` may be broadcast to `to`.
bool broadcasts_to(const Shape& from, const Shape& to);

// Turns axes given as 0…rank-1 or -rank…-1 into distances from the end (1 is the last axis), sorted from the largest.
// An empty list means all axes. Throws std::invalid_argument led by `[op]` for an axis out of range or named twice.
Axes axes_from_end(const char* op, const Axes& axes, int rank);

}  // namespace brenier

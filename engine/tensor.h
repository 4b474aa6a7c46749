// The value everything is made of: an immutable array of numbers, with optionally a place on a tape.
//
// A Tensor is a cheap handle (storage, shape, strides, dtype). Operations never change their arguments; they return
// new tensors, or views of the same storage where only the indexing changes (transpose, broadcast, slice, flip).
// A tensor on a tape (engine/tape.h) remembers the position that produced it, so that derivatives can be asked for.
// When the tape ends, the tensor keeps its value and becomes a constant.
//
// Next on the walk: engine/tape.h, engine/op.h.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/memory.h"
#include "engine/shape.h"

namespace brenier {

enum class DType : std::uint8_t { Float32, Float64, Int64 };

const char* name_of(DType dtype);                          // "float32", "float64", "int64"
std::size_t size_of(DType dtype);                          // bytes per element
std::ostream& operator<<(std::ostream& out, DType dtype);  // its name

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::Float32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::Float64;
}
template <>
constexpr DType dtype_of<std::int64_t>() {
  return DType::Int64;
}

class Tape;

// Shared by a tape and the tensors recorded on it. The tape clears the pointer when it ends: a handle that outlives
// its tape is seen to be a constant instead of being followed into freed memory, and pins nothing but these bytes.
struct TapeAnchor {
  Tape* tape = nullptr;
};

class Tensor {
 public:
  // An undefined tensor: no value. Only defined() and assignment are allowed on it.
  Tensor() = default;
  // A new uninitialised row-major tensor. For kernels and readers; users start from the functions below.
  static Tensor uninitialized(const Shape& shape, DType dtype, const Backend& backend);

  // One of which only shape and dtype are known: what a tape leaves out while it records a program.
  static Tensor without_value(const Shape& shape, DType dtype, const Backend& backend);

  // A tensor over memory that somebody else manages, for programs and their arenas.
  static Tensor over(StoragePtr storage, const Shape& shape, const Strides& strides, std::int64_t offset, DType dtype);

  bool defined() const { return static_cast<bool>(storage_); }
  bool has_value() const { return storage_ && storage_->data; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  // The length of one axis; negative axes count from the end. Throws std::invalid_argument if there is no such axis.
  std::int64_t dim(int axis) const;
  std::int64_t size() const { return element_count(shape_); }  // number of elements
  DType dtype() const { return dtype_; }
  bool is_floating() const { return dtype_ != DType::Int64; }
  const Backend& backend() const { return *storage_->backend; }

  // Reading. All throw std::invalid_argument on misuse, and if the value belongs to a program that is being recorded
  // (TapeOptions::recording_program): what is decided by such a value would be frozen into the program.
  double item() const;                 // the only element
  double at(const Dims& index) const;  // one element; negative indices count from the end
  template <class T>
  std::vector<T> to_vector() const;  // row-major copy, converted to T (float, double, int64_t)

  // The same value, row-major, in the memory of another device; itself if it is there already. Counts as reading it.
  Tensor to(const Backend& backend) const;

  // Strided access for kernels.
  const Strides& strides() const { return strides_; }
  std::int64_t offset() const { return offset_; }
  bool contiguous() const;
  template <class T>
  const T* data() const {  // an address the host can read only if backend().host_readable()
    return static_cast<const T*>(storage_->data) + offset_;
  }
  // The first element, where its dtype is decided at run time.
  char* address() const {
    return static_cast<char*>(storage_->data) + offset_ * static_cast<std::int64_t>(size_of(dtype_));
  }
  // Writing is only for whoever has just made the tensor and has not shown it to anybody.
  template <class T>
  T* mutable_data() {
    return static_cast<T*>(storage_->data) + offset_;
  }
  // The same storage looked at differently; not recorded. Only ops/shape.cpp needs it.
  Tensor view(const Shape& shape, const Strides& strides, std::int64_t offset) const;
  // Whether two tensors show the same storage through the same strides.
  bool same_view(const Tensor& other) const;

  // The tape.
  bool recorded() const { return tape() != nullptr; }
  Tape* tape() const { return anchor_ ? anchor_->tape : nullptr; }  // null for a constant
  std::int32_t slot() const { return slot_; }                       // position on the tape; only if recorded()
  Tensor detached() const;  // the same value as a constant; counts as reading it
  // The same for the engine itself, which may look at any value.
  Tensor untracked() const { return defined() ? view(shape_, strides_, offset_) : Tensor(); }

 private:
  friend class Tape;
  void require_readable(const char* query) const;
  StoragePtr storage_;
  std::int64_t offset_ = 0;  // elements from the start of the storage
  Shape shape_;
  Strides strides_;
  DType dtype_ = DType::Float64;
  std::int32_t slot_ = -1;
  std::shared_ptr<TapeAnchor> anchor_;
};

// Making tensors. Row-major values; the number of values must match the shape. Everything is float64 unless told.
Tensor tensor(double value, DType dtype = DType::Float64);                          // a scalar, shape []
Tensor tensor(std::initializer_list<double> values, DType dtype = DType::Float64);  // shape [n]
Tensor tensor(std::initializer_list<std::initializer_list<double>> rows, DType dtype = DType::Float64);  // [n, m]
Tensor tensor(std::span<const double> values, const Shape& shape, DType dtype = DType::Float64);
Tensor tensor(std::span<const float> values, const Shape& shape);               // float32
Tensor index_tensor(std::span<const std::int64_t> values, const Shape& shape);  // int64
Tensor index_tensor(std::initializer_list<std::int64_t> values);                // int64, shape [n]
Tensor full(const Shape& shape, double value, DType dtype = DType::Float64);    // one stored number, strides 0
Tensor zeros(const Shape& shape, DType dtype = DType::Float64);
Tensor ones(const Shape& shape, DType dtype = DType::Float64);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor eye(std::int64_t n, DType dtype = DType::Float64);                                  // [n, n]
Tensor arange(std::int64_t n, DType dtype = DType::Float64);                               // 0, 1, …, n-1
Tensor linspace(double first, double last, std::int64_t n, DType dtype = DType::Float64);  // both ends included

// Prints shape, dtype and values; long axes are shortened with an ellipsis.
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace brenier

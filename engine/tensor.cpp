// Tensors: making and reading them. See engine/tensor.h.
#include "engine/tensor.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"
#include "engine/tape.h"

namespace brenier {
namespace {

// Calls f with a value of the C++ type that belongs to the dtype.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::Float32:
      return f(float{});
    case DType::Float64:
      return f(double{});
    default:
      return f(std::int64_t{});
  }
}

// A row-major tensor whose element i is make(i).
template <class Make>
Tensor generate(const Shape& shape, DType dtype, Make&& make) {
  Tensor result = Tensor::uninitialized(shape, dtype, cpu_backend());
  with_type(dtype, [&]<class T>(T) {
    T* const data = result.mutable_data<T>();
    for (std::int64_t i = 0, n = result.size(); i < n; ++i) data[i] = static_cast<T>(make(i));
  });
  return result.to(default_backend());
}

void require_lengths(const Shape& shape) {
  for (std::int64_t length : shape)
    if (length < 0) throw std::invalid_argument(str("[tensor] shape ", shape, " has a negative length"));
}

template <class Value>
void check_count(std::span<const Value> values, const Shape& shape) {
  if (static_cast<std::int64_t>(values.size()) != element_count(shape))
    throw std::invalid_argument(str("[tensor] ", values.size(), " values do not fill shape ", shape));
}

// Calls visit(position) with the storage position of every element, in row-major order.
template <class Visit>
void for_each_position(const Shape& shape, const Strides& strides, int axis, std::int64_t position, Visit&& visit) {
  if (axis == shape.rank()) return visit(position);
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    for_each_position(shape, strides, axis + 1, position + i * strides[axis], visit);
}

// The elements that a tensor shows, where the host can read them, at their distance from `first`.
class HostView {
 public:
  explicit HostView(const Tensor& x) : first_(x.address()) {
    if (x.backend().host_readable() || x.size() == 0) return;
    std::int64_t low = 0, high = 0;
    for (int axis = 0; axis < x.rank(); ++axis) {
      const std::int64_t reach = (x.shape()[axis] - 1) * x.strides()[axis];
      (reach < 0 ? low : high) += reach;
    }
    const auto bytes = static_cast<std::int64_t>(size_of(x.dtype()));
    copy_.resize(static_cast<std::size_t>((high - low + 1) * bytes));
    x.backend().copies.to_host(copy_.data(), first_ + low * bytes, copy_.size());
    first_ = copy_.data() - low * bytes;
  }
  template <class T>
  const T* first() const {
    return reinterpret_cast<const T*>(first_);
  }

 private:
  std::vector<char> copy_;
  const char* first_;
};

}  // namespace

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return "float32";
    case DType::Float64:
      return "float64";
    default:
      return "int64";
  }
}

std::size_t size_of(DType dtype) { return dtype == DType::Float32 ? 4 : 8; }

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

Tensor Tensor::uninitialized(const Shape& shape, DType dtype, const Backend& backend) {
  require_lengths(shape);
  Tensor result;
  result.storage_ = allocate_storage(static_cast<std::size_t>(element_count(shape)) * size_of(dtype), backend);
  result.shape_ = shape;
  result.strides_ = contiguous_strides(shape);
  result.dtype_ = dtype;
  return result;
}

Tensor Tensor::without_value(const Shape& shape, DType dtype, const Backend& backend) {
  require_lengths(shape);
  return over(storage_without_memory(backend), shape, contiguous_strides(shape), 0, dtype);
}

Tensor Tensor::over(StoragePtr storage, const Shape& shape, const Strides& strides, std::int64_t offset, DType dtype) {
  Tensor result;
  result.storage_ = std::move(storage);
  result.offset_ = offset;
  result.shape_ = shape;
  result.strides_ = strides;
  result.dtype_ = dtype;
  return result;
}

std::int64_t Tensor::dim(int axis) const {
  if (axis < -rank() || axis >= rank())
    throw std::invalid_argument(str("[dim] axis ", axis, " is out of range for shape ", shape_));
  return shape_[axis];
}

double Tensor::item() const {
  if (!defined()) throw std::invalid_argument("[item] the tensor is undefined");
  if (size() != 1) throw std::invalid_argument(str("[item] the tensor has shape ", shape_, ", not one element"));
  require_readable("item");
  const HostView view(*this);
  return with_type(dtype_, [&]<class T>(T) { return static_cast<double>(*view.first<T>()); });
}

double Tensor::at(const Dims& index) const {
  if (!defined()) throw std::invalid_argument("[at] the tensor is undefined");
  if (index.rank() != rank()) throw std::invalid_argument(str("[at] index ", index, " for shape ", shape_));
  require_readable("at");
  std::int64_t position = offset_;
  for (int axis = 0; axis < rank(); ++axis) {
    const std::int64_t i = index[axis] < 0 ? index[axis] + shape_[axis] : index[axis];
    if (i < 0 || i >= shape_[axis]) throw std::invalid_argument(str("[at] index ", index, " for shape ", shape_));
    position += i * strides_[axis];
  }
  return view({}, {}, position).item();
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  if (!defined()) throw std::invalid_argument("[to_vector] the tensor is undefined");
  require_readable("to_vector");
  std::vector<T> result;
  result.reserve(static_cast<std::size_t>(size()));
  const HostView view(*this);
  with_type(dtype_, [&]<class Stored>(Stored) {
    const Stored* const values = view.first<Stored>();
    for_each_position(shape_, strides_, 0, 0, [&](std::int64_t i) { result.push_back(static_cast<T>(values[i])); });
  });
  return result;
}
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<std::int64_t> Tensor::to_vector() const;

Tensor Tensor::to(const Backend& target) const {
  if (!defined()) throw std::invalid_argument("[to] the tensor is undefined");
  require_readable("to");
  if (&target == &backend()) return untracked();
  Tensor host = uninitialized(shape_, dtype_, cpu_backend());
  const HostView view(*this);
  with_type(dtype_, [&]<class T>(T) {
    T* to = host.mutable_data<T>();
    for_each_position(shape_, strides_, 0, 0, [&](std::int64_t i) { *to++ = view.first<T>()[i]; });
  });
  if (target.host_readable()) return host;
  Tensor result = uninitialized(shape_, dtype_, target);
  target.copies.to_device(result.address(), host.address(), static_cast<std::size_t>(size()) * size_of(dtype_));
  return result;
}

bool Tensor::contiguous() const {
  std::int64_t expected = 1;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    if (shape_[axis] == 0) return true;
    if (shape_[axis] != 1 && strides_[axis] != expected) return false;
    expected *= shape_[axis];
  }
  return true;
}

Tensor Tensor::view(const Shape& shape, const Strides& strides, std::int64_t offset) const {
  Tensor result;
  result.storage_ = storage_;
  result.offset_ = offset;
  result.shape_ = shape;
  result.strides_ = strides;
  result.dtype_ = dtype_;
  return result;
}

bool Tensor::same_view(const Tensor& other) const {
  return storage_.get() == other.storage_.get() && offset_ == other.offset_ && shape_ == other.shape_ &&
         strides_ == other.strides_ && dtype_ == other.dtype_;
}

Tensor Tensor::detached() const {
  require_readable("detached");
  return untracked();
}

void Tensor::require_readable(const char* query) const {
  if (Tape* const owner = tape()) owner->require_readable(query, *this);
  if (defined() && !has_value())
    throw std::invalid_argument(str("[", query, "] a tensor of shape ", shape_,
                                    " has no value: it was recorded for a program, which computes it when it is run"));
}

Tensor tensor(double value, DType dtype) {
  return generate({}, dtype, [&](std::int64_t) { return value; });
}

Tensor tensor(std::initializer_list<double> values, DType dtype) {
  return tensor(std::span(values.begin(), values.size()), {static_cast<std::int64_t>(values.size())}, dtype);
}

Tensor tensor(std::initializer_list<std::initializer_list<double>> rows, DType dtype) {
  std::vector<double> values;
  const std::size_t columns = rows.size() ? rows.begin()->size() : 0;
  for (const auto& row : rows) {
    if (row.size() != columns) throw std::invalid_argument("[tensor] the rows differ in length");
    values.insert(values.end(), row.begin(), row.end());
  }
  const Shape shape{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)};
  return tensor(values, shape, dtype);
}

Tensor tensor(std::span<const double> values, const Shape& shape, DType dtype) {
  check_count(values, shape);
  return generate(shape, dtype, [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
}

Tensor tensor(std::span<const float> values, const Shape& shape) {
  check_count(values, shape);
  return generate(shape, DType::Float32, [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
}

Tensor index_tensor(std::span<const std::int64_t> values, const Shape& shape) {
  check_count(values, shape);
  return generate(shape, DType::Int64, [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
}

Tensor index_tensor(std::initializer_list<std::int64_t> values) {
  return index_tensor(std::span(values.begin(), values.size()), {static_cast<std::int64_t>(values.size())});
}

Tensor full(const Shape& shape, double value, DType dtype) {
  require_lengths(shape);
  return tensor(value, dtype).view(shape, Dims::filled(shape.rank(), 0), 0);
}

Tensor zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor zeros_like(const Tensor& x) { return full(x.shape(), 0, x.dtype()); }
Tensor ones_like(const Tensor& x) { return full(x.shape(), 1, x.dtype()); }

Tensor eye(std::int64_t n, DType dtype) {
  return generate({n, n}, dtype, [&](std::int64_t i) { return i / n == i % n ? 1.0 : 0.0; });
}

Tensor arange(std::int64_t n, DType dtype) {
  return generate({n}, dtype, [](std::int64_t i) { return i; });
}

Tensor linspace(double first, double last, std::int64_t n, DType dtype) {
  const double step = n > 1 ? (last - first) / static_cast<double>(n - 1) : 0.0;
  return generate({n}, dtype,
                  [&](std::int64_t i) { return i == n - 1 && n > 1 ? last : first + step * static_cast<double>(i); });
}

}  // namespace brenier

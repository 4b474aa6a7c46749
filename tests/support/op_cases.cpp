// The table of operations, assembled from its families, and the arguments of a row. See op_cases.h.
#include "tests/support/op_cases.h"

#include <utility>

#include "engine/ops.h"

namespace brenier::testing {

Argument Argument::in(Layout other) const {
  Argument result = *this;
  result.layout = other;
  return result;
}

Argument Argument::held() const {
  Argument result = *this;
  result.differentiable = false;
  return result;
}

Argument uniform(const Shape& shape, double low, double high) { return {.shape = shape, .low = low, .high = high}; }

Argument both_signs(const Shape& shape, double low, double high) {
  return {.shape = shape, .sampling = Sampling::BothSigns, .low = low, .high = high};
}

Argument spaced(const Shape& shape, double low, double high) {
  return {.shape = shape, .sampling = Sampling::Spaced, .low = low, .high = high};
}

Argument including_zero(const Shape& shape, double low, double high) {
  return {.shape = shape, .sampling = Sampling::IncludingZero, .low = low, .high = high};
}

Argument spd(const Shape& shape, double low, double high) {
  return {.shape = shape, .sampling = Sampling::Spd, .low = low, .high = high};
}

Argument invertible(const Shape& shape, double low, double high) {
  return {.shape = shape, .sampling = Sampling::Invertible, .low = low, .high = high};
}

Argument given(const Shape& shape, std::vector<double> values) {
  return {.shape = shape, .sampling = Sampling::Given, .values = std::move(values)};
}

Argument integers(const Shape& shape, std::vector<double> values) {
  return {.shape = shape,
          .sampling = Sampling::Given,
          .values = std::move(values),
          .integer = true,
          .differentiable = false};
}

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> all;
    add_unary_cases(all);
    add_binary_cases(all);
    add_reduce_cases(all);
    add_matmul_cases(all);
    add_shape_cases(all);
    add_index_cases(all);
    add_linalg_cases(all);
    add_other_cases(all);
    return all;
  }();
  return cases;
}

namespace {

Tensor draw(const Argument& argument, Sampler& sampler) {
  switch (argument.sampling) {
    case Sampling::Uniform:
      return sampler.uniform(argument.shape, argument.low, argument.high);
    case Sampling::BothSigns:
      return sampler.both_signs(argument.shape, argument.low, argument.high);
    case Sampling::Spaced:
      return sampler.spaced(argument.shape, argument.low, argument.high);
    case Sampling::Spd:
      return sampler.spd(argument.shape, argument.low, argument.high);
    case Sampling::Invertible:
      return flip(sampler.spd(argument.shape, argument.low, argument.high), {-2});
    case Sampling::Given:
      return tensor(argument.values, argument.shape);
    case Sampling::IncludingZero:
      break;
  }
  std::vector<double> values = sampler.uniform(argument.shape, argument.low, argument.high).to_vector<double>();
  values.at(0) = 0;
  return tensor(values, argument.shape);
}

// Rounded to float32, then given the wanted dtype.
Tensor converted(const Tensor& x, DType dtype) {
  const std::vector<float> rounded = x.to_vector<float>();
  const std::vector<double> values(rounded.begin(), rounded.end());
  return tensor(values, x.shape(), dtype);
}

Axes all_axes(int rank) {
  Axes axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

Tensor copied(const Tensor& x) {
  if (x.dtype() == DType::Int64) return index_tensor(x.to_vector<std::int64_t>(), x.shape());
  return tensor(x.to_vector<double>(), x.shape(), x.dtype());
}

Tensor every_second(const Tensor& x) {
  const Tensor doubled = copied(stack({x, x}, x.rank()));  // [..., n, 2]
  Shape shape = x.shape();
  shape[-1] *= 2;
  return slice(reshape(doubled, shape), -1, 0, shape[-1], 2);
}

}  // namespace

Tensor lay_out(const Tensor& x, Layout layout) {
  switch (layout) {
    case Layout::RowMajor:
      return x;
    case Layout::Transposed:
      return transpose(copied(transpose(x)));
    case Layout::Flipped:
      return flip(copied(flip(x, all_axes(x.rank()))), all_axes(x.rank()));
    case Layout::Strided:
      return every_second(x);
    case Layout::Broadcast:
      break;
  }
  return broadcast_to(copied(slice(x, 0, 0, 1)), x.shape());
}

std::vector<Tensor> make_arguments(const OpCase& row, DType dtype, std::uint64_t seed) {
  Sampler sampler(seed);
  std::vector<Tensor> result;
  for (const Argument& argument : row.arguments) {
    const Tensor values = draw(argument, sampler);
    if (argument.integer) {
      result.push_back(index_tensor(values.to_vector<std::int64_t>(), values.shape()));
    } else {
      result.push_back(lay_out(converted(values, dtype), argument.layout));
    }
  }
  return result;
}

std::vector<std::size_t> differentiable_arguments(const OpCase& row) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < row.arguments.size(); ++i) {
    if (row.arguments[i].differentiable) positions.push_back(i);
  }
  return positions;
}

}  // namespace brenier::testing

// The matrix product as a kernel of the device: strides, batches and dtypes, against the CPU's product of doubles. The
// bound is that of a sum of k terms, once for each of the two: (k + 4) eps (|A||B|) for each entry.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/ops.h"
#include "tests/cuda/device_kernels.h"
#include "tests/support/kernel_call.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

using brenier::testing::from_formula;
using brenier::testing::Layout;
using brenier::testing::layouts;
using brenier::testing::run_kernel;

Tensor sample(const Shape& shape, DType dtype) {
  return from_formula(shape, dtype, [i = 0](const Dims&) mutable { return std::sin(1.0 + 1.7 * i++); });
}

Tensor in_double(const Tensor& x) {
  return from_formula(x.shape(), DType::Float64, [&](const Dims& index) { return x.at(index); });
}
Tensor magnitude(const Tensor& x) {
  return from_formula(x.shape(), DType::Float64, [&](const Dims& index) { return std::abs(x.at(index)); });
}

Shape product_shape(const Tensor& a, const Tensor& b) {
  const Shape batch = broadcast_shapes("test", a.shape().part(0, a.rank() - 2), b.shape().part(0, b.rank() - 2));
  return batch + Shape{a.dim(-2), b.dim(-1)};
}

// The largest error as a part of its bound; NaN where one is NaN. `before` is what the output held.
double relative_error(const Tensor& got, const Tensor& a, const Tensor& b, double before = 0) {
  const Shape shape = product_shape(a, b);
  const std::vector<double> values = got.to_vector<double>();
  const std::vector<double> sums = run_kernel(OpCode::MatMul, {in_double(a), in_double(b)}, shape).to_vector<double>();
  const std::vector<double> scales =
      run_kernel(OpCode::MatMul, {magnitude(a), magnitude(b)}, shape).to_vector<double>();
  const double bound = 2 * static_cast<double>(a.dim(-1) + 4) * epsilon(a.dtype());
  double worst = values.size() == sums.size() ? 0 : 1e30;
  for (std::size_t i = 0; i < std::min(values.size(), sums.size()); ++i) {
    const double error = std::abs(values[i] - sums[i] - before);
    const double ratio = error == 0 ? 0 : error / (bound * (scales[i] + std::abs(before)));
    worst = ratio <= worst ? worst : ratio;
  }
  return worst;
}

Tensor product(const Tensor& a, const Tensor& b) {
  return run_on_device(OpCode::MatMul, {a, b}, product_shape(a, b), a.dtype());
}

void check_shapes(const Shape& a_shape, const Shape& b_shape) {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor a = sample(a_shape, dtype), b = sample(b_shape, dtype);
    for (const Layout& a_layout : layouts()) {
      for (const Layout& b_layout : layouts()) {
        INFO(a_shape, " ", a_layout.name, " times ", b_shape, " ", b_layout.name, " ", dtype);
        const Tensor x = a_layout.of(a), y = b_layout.of(b);
        CHECK(relative_error(product(x, y), x, y) <= 1);
      }
    }
  }
}

}  // namespace

TEST_CASE("matrix products do not depend on the layout of their factors") {
  if (!available()) return;
  check_shapes({1, 1}, {1, 1});
  check_shapes({3, 5}, {5, 2});
  check_shapes({1, 70}, {70, 40});
  check_shapes({40, 70}, {70, 1});
  check_shapes({33, 35}, {35, 18});
}

TEST_CASE("batches broadcast, and merge into rows where they lie evenly") {
  if (!available()) return;
  check_shapes({3, 4, 5}, {5, 6});
  check_shapes({4, 5}, {3, 5, 6});
  check_shapes({2, 1, 4, 5}, {3, 5, 6});
  check_shapes({2, 1, 1, 3}, {1, 3, 3, 2});
  check_shapes({3, 1, 9}, {9, 20});
}

TEST_CASE("single rows of a batch need not have neighbours") {
  if (!available()) return;
  // Strides of 18, 1 and 2: the 1 is that of an axis of one row.
  const Tensor x = slice(sample({3, 18, 1}, DType::Float32), 1, 0, 18, 2), b = sample({9, 20}, DType::Float32);
  const Tensor a = transpose(x);
  CHECK(a.strides() == Dims{18, 1, 2});
  CHECK(relative_error(product(a, b), a, b) <= 1);
}

TEST_CASE("views with repeated lines multiply as if copied") {
  if (!available()) return;
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor row = broadcast_to(sample({1, 33}, dtype), {34, 33});
    const Tensor number = broadcast_to(sample({1, 1}, dtype), {33, 34});
    CHECK(relative_error(product(row, number), row, number) <= 1);
    CHECK(relative_error(product(transpose(row), transpose(number)), transpose(row), transpose(number)) <= 1);
    const Tensor gaps = slice(sample({17, 66}, dtype), 1, 0, 66, 2), b = sample({3, 33, 18}, dtype);
    const Tensor batch = broadcast_to(gaps, {3, 17, 33});
    CHECK(relative_error(product(batch, b), batch, b) <= 1);
  }
}

TEST_CASE("long sums are split where there are few tiles") {
  if (!available()) return;
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor a = sample({600, 20}, dtype), b = sample({600, 17}, dtype);
    const Tensor x = transpose(a);
    CHECK(relative_error(product(x, b), x, b) <= 1);
    CHECK(same_numbers(product(x, b), product(x, b)));
  }
}

TEST_CASE("products of no terms are zeros, and products without entries nothing") {
  if (!available()) return;
  const Tensor nothing = product(sample({2, 0}, DType::Float32), sample({0, 3}, DType::Float32));
  CHECK(nothing.to_vector<double>() == std::vector<double>(6, 0.0));
  CHECK(product(sample({0, 3}, DType::Float64), sample({3, 2}, DType::Float64)).size() == 0);
  CHECK(product(sample({0, 2, 3}, DType::Float64), sample({3, 2}, DType::Float64)).size() == 0);
}

TEST_CASE("products add to what the output holds") {
  if (!available()) return;
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (std::int64_t depth : {0, 3, 40, 600}) {
      const Tensor a = sample({20, depth}, dtype), b = sample({depth, 24}, dtype);
      const Tensor x = on_device(a), y = on_device(b);
      const Tensor* inputs[] = {&x, &y};
      Tensor output = on_device(full({20, 24}, 0.5, dtype).to(backend()).to(cpu_backend()));
      matmul_kernel({.inputs = inputs, .output = output, .attributes = {}, .accumulate = true});
      INFO("depth ", depth, " ", dtype);
      CHECK(relative_error(output.to(cpu_backend()), a, b, 0.5) <= 1);
    }
  }
}

TEST_CASE("products of integers and of mixed dtypes are refused") {
  if (!available()) return;
  const auto refuse = [](DType a, DType b) {
    return message_of([&] { run_on_device(OpCode::MatMul, {sample({2, 2}, a), sample({2, 2}, b)}, {2, 2}, a); });
  };
  CHECK(refuse(DType::Int64, DType::Int64) == "[matmul] has no int64 kernel");
  CHECK(refuse(DType::Float32, DType::Float64) == "[matmul] expects float32 inputs, got float64");
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

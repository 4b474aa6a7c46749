// The kernels of the CPU backend, called directly: elementwise, reductions, shape and index operations, each against
// its definition written with at(), for every memory layout, empty axes included.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/str.h"
#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

constexpr DType kAll[] = {DType::Float32, DType::Float64, DType::Int64};

// Whole numbers, so that sums and products are exact in every dtype.
Tensor whole_numbers(const Shape& shape, DType dtype, std::uint64_t seed = 3) {
  Sampler sampler(seed);
  return from_formula(shape, dtype, [&](const Dims&) { return std::floor(sampler.number(-9, 10)); });
}

Dims without(const Dims& index, const Axes& axes) {
  Dims rest;
  for (int axis = 0; axis < index.rank(); ++axis) {
    if (!axes.contains(index.rank() - axis)) rest.push_back(index[axis]);
  }
  return rest;
}

// Folds x over axes counted from the end, one element after another.
template <class F>
Tensor fold(const Tensor& x, const Axes& axes, double start, F f) {
  const Shape shape = without(x.shape(), axes);
  const Strides strides = contiguous_strides(shape);
  std::vector<double> result(static_cast<std::size_t>(element_count(shape)), start);
  for_each_index(x.shape(), [&](const Dims& index) {
    const Dims rest = without(index, axes);
    std::int64_t position = 0;
    for (int axis = 0; axis < rest.rank(); ++axis) position += rest[axis] * strides[axis];
    double& value = result[static_cast<std::size_t>(position)];
    value = f(value, x.at(index));
  });
  return tensor(result, shape, x.dtype());
}

Attributes over(const Axes& axes) {
  Attributes attributes;
  attributes.axes = axes;
  return attributes;
}

}  // namespace

TEST_CASE("a binary kernel broadcasts, in every layout and dtype") {
  const Shape shapes[][3] = {{{3, 4, 5}, {3, 4, 5}, {3, 4, 5}},
                             {{3, 4, 5}, {5}, {3, 4, 5}},
                             {{4, 1}, {3, 1, 5}, {3, 4, 5}},
                             {{}, {2, 7}, {2, 7}},
                             {{1, 1}, {1}, {1, 1}},
                             {{3, 1}, {1, 0}, {3, 0}},
                             {{2, 1, 3, 1}, {5, 1, 17}, {2, 5, 3, 17}}};
  for (const auto& [a_shape, b_shape, out_shape] : shapes) {
    for (DType dtype : kAll) {
      const Tensor a = whole_numbers(a_shape, dtype), b = whole_numbers(b_shape, dtype, 4);
      const Tensor expected =
          from_formula(out_shape, dtype, [&](const Dims& i) { return broadcast_at(a, i) - broadcast_at(b, i); });
      for (const Layout& a_layout : layouts()) {
        for (const Layout& b_layout : layouts()) {
          INFO(a_shape, " ", b_shape, " ", name_of(dtype), " ", a_layout.name, " ", b_layout.name);
          const Tensor got = run_kernel(OpCode::Sub, {a_layout.of(a), b_layout.of(b)}, out_shape, dtype);
          CHECK(mismatch(got, expected, 0) == "");
        }
      }
    }
  }
}

TEST_CASE("unary kernels and where walk every layout") {
  const Shape shape{3, 2, 37};
  Sampler sampler(5);
  const Tensor x = sampler.uniform(shape), condition = whole_numbers({2, 1}, DType::Float64);
  const Tensor mask = from_formula({2, 1}, DType::Float64, [&](const Dims& i) { return condition.at(i) > 0; });
  for (const Layout& layout : layouts()) {
    INFO(layout.name);
    const Tensor y = layout.of(x);
    const Tensor exponentials = from_formula(shape, DType::Float64, [&](const Dims& i) { return std::exp(x.at(i)); });
    CHECK(rounding_mismatch(run_kernel(OpCode::Exp, {y}, shape), exponentials) == "");
    const Tensor chosen =
        from_formula(shape, DType::Float64, [&](const Dims& i) { return broadcast_at(mask, i) != 0 ? x.at(i) : 0.5; });
    CHECK(mismatch(run_kernel(OpCode::Where, {mask, y, tensor(0.5)}, shape), chosen, 0) == "");
  }
}

TEST_CASE("a kernel that lacks a dtype says so") {
  const Tensor i = index_tensor({1, 2}), x = tensor({1, 2});
  CHECK(message_of([&] { run_kernel(OpCode::Exp, {i}, {2}, DType::Int64); }) == "[exp] has no int64 kernel");
  CHECK(message_of([&] { run_kernel(OpCode::Div, {i, i}, {2}, DType::Int64); }) == "[div] has no int64 kernel");
  CHECK(message_of([&] {
          run_kernel(OpCode::MatMul, {i, i}, {2, 2}, DType::Int64);
        }) == "[matmul] has no int64 kernel");
  CHECK(lacks(message_of([&] { run_kernel(OpCode::Add, {x, i}, {2}); }), {"[add]", "float64", "int64"}) == "");
}

TEST_CASE("cast truncates towards zero and stays in the range of int64") {
  const Tensor x = tensor({-1.9, 1.9, 1e300, -1e300, NAN, 9223372036854775808.0});
  const std::vector<std::int64_t> expected{-1,
                                           1,
                                           std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::int64_t>::min(),
                                           0,
                                           std::numeric_limits<std::int64_t>::max()};
  CHECK(run_kernel(OpCode::Cast, {x}, {6}, DType::Int64).to_vector<std::int64_t>() == expected);
  const Tensor third = tensor({1.0 / 3});
  CHECK(run_kernel(OpCode::Cast, {third}, {1}, DType::Float32).item() == static_cast<double>(1.0f / 3));
}

TEST_CASE("sum and max reduce any axes of any layout") {
  const Shape shapes[] = {{}, {1}, {17}, {300}, {3, 40}, {40, 3}, {2, 3, 4, 5}, {5, 1, 150}, {150, 9, 2}, {2, 130, 3}};
  for (const Shape& shape : shapes) {
    for (DType dtype : kAll) {
      const Tensor x = whole_numbers(shape, dtype);
      for (int subset = 0; subset < 1 << shape.rank(); ++subset) {
        Axes axes;
        for (int d = shape.rank(); d >= 1; --d) {
          if (subset >> (d - 1) & 1) axes.push_back(d);
        }
        const Tensor sum = fold(x, axes, 0, [](double a, double b) { return a + b; });
        const Tensor max = fold(x, axes, -100, [](double a, double b) { return std::max(a, b); });
        for (const Layout& layout : layouts()) {
          INFO(shape, " over ", axes, " ", name_of(dtype), " ", layout.name);
          const Tensor y = layout.of(x);
          CHECK(mismatch(run_kernel(OpCode::Sum, {y}, sum.shape(), dtype, over(axes)), sum, 0) == "");
          CHECK(mismatch(run_kernel(OpCode::Max, {y}, max.shape(), dtype, over(axes)), max, 0) == "");
        }
      }
    }
  }
}

TEST_CASE("a sum over an empty axis is zero, and an empty result is fine") {
  CHECK(mismatch(run_kernel(OpCode::Sum, {zeros({3, 0})}, {3}, DType::Float64, over({1})), zeros({3}), 0) == "");
  CHECK(run_kernel(OpCode::Sum, {zeros({3, 0})}, {0}, DType::Float64, over({2})).size() == 0);
  CHECK(run_kernel(OpCode::Max, {zeros({3, 0})}, {0}, DType::Float64, over({2})).size() == 0);
}

TEST_CASE("sums are pairwise: the error grows like the logarithm of the length") {
  // Equal addends make the roundings of a running sum point the same way, the worst case. Inside a block of rows or
  // lanes there are at most 31 roundings, and one for each level above it.
  constexpr std::int64_t n = 1000003;
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor tenth = full({n}, 0.1, dtype);
    const Tensor x = run_kernel(OpCode::Reshape, {tenth}, {n}, dtype);
    const double exact = x.at({0}) * n;
    const double bound = exact * (31 + std::log2(n)) * epsilon(dtype) / 2;
    CHECK(std::abs(run_kernel(OpCode::Sum, {x}, {}, dtype, over({1})).item() - exact) <= bound);
    const Tensor columns = x.view({n, 16}, {1, 0}, 0);  // sixteen equal columns
    CHECK(mismatch(run_kernel(OpCode::Sum, {columns}, {16}, dtype, over({2})), full({16}, exact), bound) == "");
  }
}

TEST_CASE("max passes NaN on from any place") {
  for (std::int64_t n : {1, 5, 40, 600}) {
    for (std::int64_t place : {std::int64_t{0}, n / 2, n - 1}) {
      const Tensor x = from_formula({n, 9}, DType::Float64, [&](const Dims& i) { return i[0] == place ? NAN : i[0]; });
      CHECK(std::isnan(run_kernel(OpCode::Max, {x}, {}, DType::Float64, over({2, 1})).item()));
      const Tensor columns = run_kernel(OpCode::Max, {x}, {9}, DType::Float64, over({2}));
      CHECK(mismatch(columns, full({9}, NAN), 0) == "");
    }
  }
}

TEST_CASE("argmax takes the first of equals and NaN before all") {
  const Tensor x = tensor({{1, 3, 3, 2}, {-1, NAN, 7, NAN}, {0, 0, 0, 0}});
  for (const Layout& layout : layouts()) {
    const Tensor rows = run_kernel(OpCode::ArgMax, {layout.of(x)}, {3}, DType::Int64, over({1}));
    CHECK(rows.to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 1, 0});
    const Tensor columns = run_kernel(OpCode::ArgMax, {layout.of(x)}, {4}, DType::Int64, over({2}));
    CHECK(columns.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 1, 1, 1});
  }
}

TEST_CASE("reshape, pad and concat copy from every layout") {
  for (DType dtype : kAll) {
    const Tensor x = whole_numbers({2, 3, 4}, dtype), y = whole_numbers({2, 2, 4}, dtype, 4);
    Attributes pad;
    pad.low = {1, 0};
    pad.high = {0, 2};
    pad.step = {1, 3};
    const Tensor padded = from_formula({2, 4, 12}, dtype, [&](const Dims& i) {
      const bool inside = i[1] >= 1 && i[2] % 3 == 0 && i[2] / 3 < 4;
      return inside ? x.at({i[0], i[1] - 1, i[2] / 3}) : 0;
    });
    const Tensor joined = from_formula({2, 5, 4}, dtype, [&](const Dims& i) {
      return i[1] < 3 ? x.at(i) : y.at({i[0], i[1] - 3, i[2]});
    });
    for (const Layout& layout : layouts()) {
      INFO(name_of(dtype), " ", layout.name);
      const Tensor from = layout.of(x);
      CHECK(run_kernel(OpCode::Reshape, {from}, {6, 4}, dtype).to_vector<double>() == x.to_vector<double>());
      CHECK(mismatch(run_kernel(OpCode::Pad, {from}, {2, 4, 12}, dtype, pad), padded, 0) == "");
      const std::vector<Tensor> parts{from, whole_numbers({2, 0, 4}, dtype), layout.of(y)};
      CHECK(mismatch(run_kernel(OpCode::Concat, parts, {2, 5, 4}, dtype, over({2})), joined, 0) == "");
    }
  }
}

}  // namespace brenier::testing

// Sums, largest elements and their positions on the device against the CPU's, whichever way a reduction takes:
// threads, warps or blocks along rows, columns with and without rows of threads, packs, and several stages.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/cuda/device_kernels.h"
#include "tests/support/kernel_call.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

using brenier::testing::Layout;
using brenier::testing::layouts;
using brenier::testing::run_kernel;

struct Case {
  Shape shape;
  Axes axes;  // from the end
};

Shape kept_shape(const Case& c) {
  Shape shape;
  for (int axis = 0; axis < c.shape.rank(); ++axis)
    if (!c.axes.contains(c.shape.rank() - axis)) shape.push_back(c.shape[axis]);
  return shape;
}

const Case kCases[] = {
    {{1}, {1}},           {{5}, {1}},
    {{4, 3}, {1}},        {{7, 131}, {1}},
    {{3, 300}, {1}},      {{70, 300}, {1}},
    {{2, 1500}, {1}},     {{2, 1504}, {1}},
    {{9001}, {1}},        {{8200}, {1}},
    {{3, 8193}, {1}},     {{7, 5}, {2}},
    {{40, 3}, {2}},       {{300, 37}, {2}},
    {{1000, 8}, {2}},     {{2100, 33}, {2}},
    {{5, 40, 6}, {2}},    {{6, 5, 8}, {3, 1}},
    {{6, 5, 7}, {3, 1}},  {{3, 4, 5, 6}, {3, 2}},
    {{2, 70, 9}, {3, 2}}, {{2, 4, 3, 4}, {4, 2}},
    {{9, 1, 5}, {2}},     {{2, 3, 130}, {1}},
};

std::string differs(OpCode code, const Case& c, const Tensor& x, std::int64_t gap) {
  const DType dtype = code == OpCode::ArgMax ? DType::Int64 : x.dtype();
  const Attributes attributes = axes_of(c.axes);
  const Tensor got = run_on_device(code, {x}, kept_shape(c), dtype, attributes, gap);
  const Tensor expected = run_kernel(code, {x}, kept_shape(c), dtype, attributes);
  if (!same_numbers(got, run_on_device(code, {x}, kept_shape(c), dtype, attributes, gap))) return "a rerun differs";
  const bool exact = code != OpCode::Sum || dtype == DType::Int64;
  const std::int64_t terms = x.size() / std::max<std::int64_t>(1, expected.size());
  // The longest way of a summand through the tree is far shorter than the sum.
  const double steps = std::min<double>(static_cast<double>(terms), 160);
  return mismatch(got, expected, exact ? 0 : steps * epsilon(dtype) * static_cast<double>(terms) * max_abs(x));
}

Tensor sample(const Shape& shape, DType dtype, std::uint64_t seed) {
  const Tensor x = Sampler(seed).uniform(shape, -100, 100, dtype == DType::Int64 ? DType::Float64 : dtype);
  return dtype == DType::Int64 ? run_kernel(OpCode::Cast, {x}, shape, DType::Int64) : x;
}

}  // namespace

TEST_CASE("reductions of every shape and layout are those of the CPU, and repeat bit for bit") {
  if (!available()) return;
  for (const Case& c : kCases) {
    for (DType dtype : kAllTypes) {
      const Tensor x = sample(c.shape, dtype, 1);
      for (const Layout& layout : layouts()) {
        if (x.size() > 20000 && layout.name == "gapped") continue;
        for (OpCode code : {OpCode::Sum, OpCode::Max, OpCode::ArgMax}) {
          if (code == OpCode::ArgMax && c.axes.rank() > 1) continue;
          INFO(name_of(code), " of ", dtype, " ", c.shape, " over ", c.axes, ", ", layout.name);
          CHECK(differs(code, c, layout.of(x), 0) == "");
        }
      }
    }
  }
}

TEST_CASE("reductions begin anywhere in memory, and at numbers that repeat") {
  if (!available()) return;
  for (const Case& c : {Case{{3, 8196}, {1}}, Case{{600, 36}, {2}}, Case{{4, 64}, {1}}}) {
    for (std::int64_t gap : {1, 2, 3}) {
      INFO(c.shape, " behind ", gap);
      CHECK(differs(OpCode::Sum, c, sample(c.shape, DType::Float32, 2), gap) == "");
      CHECK(differs(OpCode::Max, c, sample(c.shape, DType::Float64, 3), gap) == "");
    }
  }
  const Tensor row = sample({1, 40}, DType::Float32, 4), column = sample({50, 1}, DType::Float32, 5);
  const Case rows{{50, 40}, {1}}, columns{{50, 40}, {2}}, all{{50, 40}, {2, 1}};
  for (const Tensor& x :
       {row.view({50, 40}, {0, 1}, 0), column.view({50, 40}, {1, 0}, 0), column.view({50, 40}, {0, 0}, 3)}) {
    for (const Case& c : {rows, columns, all}) CHECK(differs(OpCode::Sum, c, x, 0) == "");
    for (const Case& c : {rows, columns}) CHECK(differs(OpCode::ArgMax, c, x, 0) == "");
  }
}

TEST_CASE("large reductions: a thread for each of many columns, chunks of chunks") {
  if (!available()) return;
  const Case cases[] = {{{300, 32768}, {2}}, {{3, 131072}, {2}}, {{1 << 20}, {1}}, {{700, 1030}, {1}}};
  for (const Case& c : cases) {
    INFO(c.shape, " over ", c.axes);
    const Tensor x = sample(c.shape, DType::Float32, 6);
    CHECK(differs(OpCode::Sum, c, x, 0) == "");
  }
  CHECK(differs(OpCode::ArgMax, {{1, 100003}, {1}}, sample({1, 100003}, DType::Float32, 7), 0) == "");
}

TEST_CASE("a sum of a million equal numbers is right to a few roundings") {
  if (!available()) return;
  const float number = 0.1f;
  const Tensor x = full({1 << 20}, number, DType::Float32).to(backend()).to(cpu_backend());  // row-major
  const Tensor sum = run_on_device(OpCode::Sum, {x}, {}, DType::Float32, axes_of({1}));
  const double exact = static_cast<double>(number) * (1 << 20);
  CHECK(std::abs(sum.item() - exact) <= 60 * epsilon(DType::Float32) * exact);
}

TEST_CASE("NaN wins, ties go to the first, signs of zero stay") {
  if (!available()) return;
  const double inf = std::numeric_limits<double>::infinity();
  for (std::int64_t n : {4, 40, 400, 4000}) {
    std::vector<double> values(static_cast<std::size_t>(2 * n), -inf);
    values[1] = values[static_cast<std::size_t>(n) - 1] = 3;  // the first row: a tie
    values[static_cast<std::size_t>(n) + 2] = NAN;            // the second row: two NaN and an infinity
    values[static_cast<std::size_t>(n) + 3] = NAN;
    values[static_cast<std::size_t>(n)] = inf;
    const Tensor x = tensor(values, {2, n});
    for (const Layout& layout : layouts()) {
      INFO(n, " ", layout.name);
      const Tensor y = layout.of(x);
      CHECK(run_on_device(OpCode::ArgMax, {y}, {2}, DType::Int64, axes_of({1})).to_vector<std::int64_t>() ==
            std::vector<std::int64_t>{1, 2});
      const Tensor most = run_on_device(OpCode::Max, {y}, {2}, DType::Float64, axes_of({1}));
      CHECK(most.at({0}) == 3);
      CHECK(std::isnan(most.at({1})));
      CHECK(std::isnan(run_on_device(OpCode::Sum, {y}, {}, DType::Float64, axes_of({2, 1})).item()));
    }
    const Tensor lowest = full({n}, -inf), zeros = full({n}, -0.0);
    CHECK(run_on_device(OpCode::Max, {lowest}, {}, DType::Float64, axes_of({1})).item() == -inf);
    CHECK(run_on_device(OpCode::ArgMax, {lowest}, {}, DType::Int64, axes_of({1})).item() == 0);
    CHECK(std::signbit(run_on_device(OpCode::Sum, {zeros}, {}, DType::Float64, axes_of({1})).item()));
  }
}

TEST_CASE("sums over nothing are zero, and nothing has no sums") {
  if (!available()) return;
  CHECK(mismatch(run_on_device(OpCode::Sum, {zeros({0, 3})}, {3}, DType::Float64, axes_of({2})), zeros({3}), 0) == "");
  CHECK(run_on_device(OpCode::Sum, {zeros({0, 3})}, {0}, DType::Float64, axes_of({1})).size() == 0);
  CHECK(run_on_device(OpCode::Sum, {zeros({2, 0})}, {}, DType::Float64, axes_of({2, 1})).item() == 0);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

// Gathers, scatters and sorting on the device against the CPU's, bit for bit, and indices out of range.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "tests/cuda/device_kernels.h"
#include "tests/support/kernel_call.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

using brenier::testing::from_formula;
using brenier::testing::Layout;
using brenier::testing::layouts;
using brenier::testing::run_kernel;

Tensor random_indices(const Shape& shape, std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<std::int64_t> values(static_cast<std::size_t>(element_count(shape)));
  for (std::int64_t& value : values) value = static_cast<std::int64_t>(generator() % static_cast<unsigned>(count));
  return index_tensor(values, shape);
}

Tensor sample(const Shape& shape, DType dtype) {
  const Tensor x = Sampler(3).uniform(shape, -100, 100, dtype == DType::Int64 ? DType::Float64 : dtype);
  return dtype == DType::Int64 ? run_kernel(OpCode::Cast, {x}, shape, DType::Int64) : x;
}

bool agrees(OpCode code, const std::vector<Tensor>& inputs, const Shape& shape, DType dtype, const Attributes& a) {
  const Tensor got = run_on_device(code, inputs, shape, dtype, a);
  return same_numbers(got, run_kernel(code, inputs, shape, dtype, a)) &&
         same_numbers(got, run_on_device(code, inputs, shape, dtype, a));
}

// Indices of the given shape into an axis of length `count` between `left` and `right` others.
void check_over_axis(std::int64_t left, const Shape& picked, std::int64_t right, std::int64_t count) {
  const Tensor indices = random_indices(picked, count, 1);
  for (DType dtype : kAllTypes) {
    const Shape shape = Shape{left, count, right}, taken = Shape{left} + picked + Shape{right};
    const Tensor x = sample(shape, dtype), y = sample(taken, dtype);
    for (const Layout& layout : layouts()) {
      INFO("axis of ", count, ", indices ", picked, ", ", dtype, ", ", layout.name);
      const Tensor i = layout.of(indices);
      CHECK(agrees(OpCode::Gather, {layout.of(x), i}, taken, dtype, axes_of({2}, picked.rank())));
      CHECK(agrees(OpCode::ScatterAdd, {layout.of(y), i}, shape, dtype, axes_of({2}, count)));
    }
  }
}

void check_along_axis(const Shape& batch, const Shape& picked, int axis, std::int64_t count) {
  const Tensor indices = random_indices(picked, count, 2);
  Shape rest = picked;
  rest[-axis] = count;
  for (DType dtype : kAllTypes) {
    const Tensor x = sample(batch + rest, dtype), y = sample(batch + picked, dtype);
    for (const Layout& layout : layouts()) {
      INFO("axis -", axis, " of ", count, ", indices ", picked, ", ", dtype, ", ", layout.name);
      const Tensor i = layout.of(indices);
      CHECK(agrees(OpCode::TakeAlong, {layout.of(x), i}, batch + picked, dtype, axes_of({axis})));
      CHECK(agrees(OpCode::ScatterAddAlong, {layout.of(y), i}, batch + rest, dtype, axes_of({axis}, count)));
    }
  }
}

}  // namespace

TEST_CASE("gather and scatter_add are the CPU's bit for bit, few indices or many") {
  if (!available()) return;
  check_over_axis(2, {2, 3}, 3, 5);
  check_over_axis(1, {5, 13}, 2, 7);
  check_over_axis(2, {1100}, 1, 3);
  check_over_axis(1, {}, 4, 3);
  check_over_axis(1, {3000}, 5, 4000);
}

TEST_CASE("take and scatter along an axis are the CPU's bit for bit, few indices or many") {
  if (!available()) return;
  check_along_axis({2}, {3, 2}, 1, 4);
  check_along_axis({2}, {70, 3}, 2, 4);
  check_along_axis({}, {3, 1200}, 1, 9);
  check_along_axis({2}, {2, 66, 2}, 2, 50);
}

TEST_CASE("additions to one entry happen in ascending order of the index position") {
  if (!available()) return;
  for (std::int64_t n : {3, 63, 300, 3000}) {
    // 1e8 takes the 1 before it away, whichever way they are grouped but this one.
    std::vector<double> values(static_cast<std::size_t>(n), 0.0);
    values[0] = 1, values[static_cast<std::size_t>(n) / 2] = 1e8, values[static_cast<std::size_t>(n) - 1] = -1e8;
    const Tensor x = tensor(values, {n}, DType::Float32), i = random_indices({n}, 1, 0);
    for (OpCode code : {OpCode::ScatterAdd, OpCode::ScatterAddAlong})
      CHECK(run_on_device(code, {x, i}, {1}, DType::Float32, axes_of({1}, 1)).item() == 0);
  }
}

TEST_CASE("an index out of range shows at the next read, once") {
  if (!available()) return;
  const auto refuses = [](OpCode code, const Tensor& x, const Tensor& i, const Shape& shape) {
    const std::string message = message_of([&] {
      run_on_device(code, {x, i}, shape, DType::Float64, axes_of({1}, shape[0]));
      synchronize();  // nothing is read of an empty result
    });
    CHECK(lacks(message, {"[cuda]", "index", "out of range"}) == "");
    CHECK(tensor({1, 2}).to(backend()).at({1}) == 2);  // everything works as before
  };
  const Tensor high = index_tensor({0, 5}), low = index_tensor({-1, 0}), many = random_indices({100}, 6, 5);
  for (const Tensor& i : {high, low}) {
    refuses(OpCode::Gather, zeros({5}), i, {2});
    refuses(OpCode::TakeAlong, zeros({5}), i, {2});
    refuses(OpCode::ScatterAdd, zeros({2}), i, {5});
    refuses(OpCode::ScatterAddAlong, zeros({2}), i, {5});
  }
  refuses(OpCode::ScatterAdd, zeros({100}), many, {5});
  refuses(OpCode::ScatterAddAlong, zeros({100}), many, {5});
  refuses(OpCode::ScatterAdd, zeros({2}), index_tensor({0, 0}), {0});
  refuses(OpCode::Gather, zeros({0}), high, {2});
}

TEST_CASE("empty indices take nothing and scatter zeros") {
  if (!available()) return;
  const Tensor none = index_tensor(std::vector<std::int64_t>{}, {0});
  CHECK(run_on_device(OpCode::Gather, {zeros({5, 2}), none}, {0, 2}, DType::Float64, axes_of({2}, 1)).size() == 0);
  const Tensor back = run_on_device(OpCode::ScatterAdd, {zeros({0, 2}), none}, {5, 2}, DType::Float64, axes_of({2}, 5));
  CHECK(mismatch(back, zeros({5, 2}), 0) == "");
}

TEST_CASE("argsort is the CPU's along any axis: ties, NaN, zeros of both signs, tiles and runs") {
  if (!available()) return;
  const Shape shapes[] = {{1, 1}, {7, 3}, {2, 4}, {300, 3}, {3, 300}, {1023, 1}, {1, 1024}, {2, 1025}, {1, 5000}};
  std::mt19937 generator(4);
  for (const Shape& shape : shapes) {
    for (DType dtype : kAllTypes) {
      // Few different numbers, hence many ties.
      const Tensor x = from_formula(shape, dtype, [&](const Dims&) {
        const double special[] = {NAN, 0.0, -0.0, INFINITY, -INFINITY, 1e300, -1e-310};
        const auto number = generator() % 40;
        return number < 7 && dtype != DType::Int64 ? special[number] : static_cast<double>(number) - 20;
      });
      for (const Layout& layout : layouts()) {
        INFO(shape, " ", dtype, " ", layout.name);
        for (std::int64_t axis : {1, 2})
          CHECK(agrees(OpCode::ArgSort, {layout.of(x)}, shape, DType::Int64, axes_of({axis})));
      }
    }
  }
  CHECK(run_on_device(OpCode::ArgSort, {zeros({0, 3})}, {0, 3}, DType::Int64, axes_of({2})).size() == 0);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

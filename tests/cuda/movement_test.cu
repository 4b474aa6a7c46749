// Tensors that go to the device and back, and the kernels that copy, convert, pad and join there.
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

Tensor counted(const Shape& shape, DType dtype) {
  return from_formula(shape, dtype, [&, i = 0](const Dims&) mutable { return i++; });
}

// On the device and on the CPU.
bool agrees(OpCode code, const std::vector<Tensor>& inputs, const Shape& shape, DType dtype,
            const Attributes& attributes = {}, std::int64_t gap = 0) {
  return same_numbers(run_on_device(code, inputs, shape, dtype, attributes, gap),
                      run_kernel(code, inputs, shape, dtype, attributes));
}

}  // namespace

TEST_CASE("tensors move to the device and back, strides or not") {
  if (!available()) return;
  for (DType dtype : kAllTypes) {
    const Tensor x = counted({3, 5}, dtype);
    for (const Layout& layout : layouts()) {
      const Tensor there = layout.of(x).to(backend());
      CHECK(&there.backend() == &backend());
      CHECK(there.to_vector<double>() == x.to_vector<double>());
      CHECK(on_device(layout.of(x)).to_vector<double>() == x.to_vector<double>());
      CHECK(same_numbers(transpose(there).to(cpu_backend()), transpose(x)));
      CHECK(there.at({2, -1}) == 14);
    }
  }
  CHECK(zeros({0, 2}).to(backend()).to_vector<double>().empty());
}

TEST_CASE("reshape reads in row-major order, along every way of copying") {
  if (!available()) return;
  const Shape shapes[] = {{}, {1}, {7}, {3, 5}, {40, 33}, {2, 33, 65}, {9, 3, 17}, {4, 2, 3, 35}, {1030}};
  for (const Shape& shape : shapes) {
    for (DType dtype : kAllTypes) {
      const Tensor x = counted(shape, dtype);
      for (const Layout& layout : layouts()) {
        INFO(shape, " ", dtype, " ", layout.name);
        CHECK(agrees(OpCode::Reshape, {layout.of(x)}, {x.size()}, dtype));
        CHECK(agrees(OpCode::Reshape, {layout.of(x)}, {x.size()}, dtype, {}, 1));
      }
    }
  }
  // The axis that is contiguous in the source need not be the last but one.
  const Tensor x = counted({36, 5, 3, 34}, DType::Float32);
  for (const Axes& order : {Axes{3, 0, 1, 2}, Axes{1, 3, 2, 0}, Axes{2, 3, 1, 0}, Axes{3, 2, 0, 1}}) {
    INFO(order);
    CHECK(agrees(OpCode::Reshape, {permute(x, order)}, {x.size()}, DType::Float32));
  }
  CHECK(agrees(OpCode::Reshape, {broadcast_to(counted({9, 1}, DType::Float64), {9, 9})}, {81}, DType::Float64));
  CHECK(run_on_device(OpCode::Reshape, {zeros({0, 3})}, {3, 0}, DType::Float64).size() == 0);
}

TEST_CASE("copies fill the strides of their target and leave the rest") {
  if (!available()) return;
  const Tensor room = full({4, 6}, 7.0).to(backend());
  Tensor target = slice(room, 1, 1, 6, 2);
  copy_elements(on_device(transpose(counted({3, 4}, DType::Float64))), target);
  const Tensor expected = tensor({{7, 0, 7, 4, 7, 8}, {7, 1, 7, 5, 7, 9}, {7, 2, 7, 6, 7, 10}, {7, 3, 7, 7, 7, 11}});
  CHECK(mismatch(room.to(cpu_backend()), expected, 0) == "");
  copy_elements(on_device(counted({12}, DType::Float64)), target);
  CHECK(mismatch(target.to(cpu_backend()), counted({4, 3}, DType::Float64), 0) == "");
  CHECK_THROWS_AS(copy_elements(on_device(zeros({11})), target), std::invalid_argument);
  CHECK_THROWS_AS(copy_elements(on_device(zeros({12}, DType::Float32)), target), std::invalid_argument);
}

TEST_CASE("casts round, cut and saturate as on the CPU") {
  if (!available()) return;
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = tensor({0.0, -0.0, 1.5, -1.5, 1e10, 16777217, 1e300, -1e300, inf, -inf, NAN, 9.3e18, -9.3e18,
                           9223372036854775808.0, -9223372036854775808.0, 0.1, 1e-310});
  for (DType from : kAllTypes) {
    const Tensor source = run_kernel(OpCode::Cast, {x}, {17}, from);
    for (DType to : kAllTypes) {
      INFO(from, " to ", to);
      CHECK(agrees(OpCode::Cast, {source}, {17}, to));
      for (const Layout& layout : layouts())
        CHECK(agrees(OpCode::Cast, {layout.of(counted({5, 3, 70}, from))}, {5, 3, 70}, to));
    }
  }
}

TEST_CASE("padding surrounds and spreads the elements") {
  if (!available()) return;
  for (DType dtype : kAllTypes) {
    for (const Layout& layout : layouts()) {
      const Tensor x = layout.of(counted({3, 4, 2}, dtype));
      Attributes attributes;
      attributes.low = {1, 0}, attributes.high = {2, 3}, attributes.step = {1, 1};
      CHECK(agrees(OpCode::Pad, {x}, {3, 7, 5}, dtype, attributes));
      attributes.step = {3, 2}, attributes.high = {0, 1};
      CHECK(agrees(OpCode::Pad, {x}, {3, 11, 4}, dtype, attributes));
      attributes.low = {2, 0, 0}, attributes.high = {1, 0, 0}, attributes.step = {1, 1, 1};
      CHECK(agrees(OpCode::Pad, {x}, {6, 4, 2}, dtype, attributes));
      attributes.step = {2, 1, 1};
      CHECK(agrees(OpCode::Pad, {x}, {8, 4, 2}, dtype, attributes));
    }
  }
  Attributes around;
  around.low = {2}, around.high = {1}, around.step = {1};
  CHECK(mismatch(run_on_device(OpCode::Pad, {zeros({0})}, {3}, DType::Float64, around), zeros({3}), 0) == "");
}

TEST_CASE("concat joins parts of any layout and length, and repeats leading axes") {
  if (!available()) return;
  for (DType dtype : kAllTypes) {
    for (const Layout& layout : layouts()) {
      const Tensor a = layout.of(counted({2, 3, 35}, dtype)), b = layout.of(counted({2, 1, 35}, dtype));
      const Tensor none = counted({2, 0, 35}, dtype), row = layout.of(counted({2, 35}, dtype));
      CHECK(agrees(OpCode::Concat, {a, none, b, row}, {2, 6, 35}, dtype, axes_of({2})));
      CHECK(agrees(OpCode::Concat, {a, a}, {2, 3, 70}, dtype, axes_of({1})));
      CHECK(agrees(OpCode::Concat, {a}, {2, 3, 35}, dtype, axes_of({3})));
    }
  }
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

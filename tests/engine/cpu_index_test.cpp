// The index kernels of the CPU backend against their definitions, with batch axes, in every layout.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

Attributes along(std::int64_t axis_from_end, std::int64_t count) {
  Attributes attributes;
  attributes.axes = {axis_from_end};
  attributes.count = count;
  return attributes;
}

// Adds up x over the positions that point at each entry: the definition of both scatters. `target` is the index of
// the entry that a position points at.
template <class Target>
Tensor scattered(const Tensor& x, const Shape& shape, Target target) {
  const Strides strides = contiguous_strides(shape);
  std::vector<double> result(static_cast<std::size_t>(element_count(shape)), 0);
  for_each_index(x.shape(), [&](const Dims& p) {
    const Dims entry = target(p);
    std::int64_t position = 0;
    for (int axis = 0; axis < entry.rank(); ++axis) position += entry[axis] * strides[axis];
    result[static_cast<std::size_t>(position)] += x.at(p);
  });
  return tensor(result, shape, x.dtype());
}

std::int64_t index_at(const Tensor& indices, const Dims& index) { return static_cast<std::int64_t>(indices.at(index)); }

const DType kFloating[] = {DType::Float32, DType::Float64};

}  // namespace

TEST_CASE("gather and scatter_add follow their definitions, with batch axes") {
  const Tensor indices = tensor({{4, 0, 0}, {2, 4, 1}});
  const Tensor picks = run_kernel(OpCode::Cast, {indices}, {2, 3}, DType::Int64);
  Sampler sampler(1);
  for (DType dtype : kFloating) {
    const Tensor x = sampler.uniform({2, 5, 3}, -1, 1, dtype), y = sampler.uniform({2, 2, 3, 3}, -1, 1, dtype);
    const Tensor gathered = from_formula({2, 2, 3, 3}, dtype, [&](const Dims& p) {
      return x.at({p[0], index_at(picks, {p[1], p[2]}), p[3]});
    });
    const Tensor added = scattered(y, {2, 5, 3}, [&](const Dims& p) {
      return Dims{p[0], index_at(picks, {p[1], p[2]}), p[3]};
    });
    for (const Layout& layout : layouts()) {
      for (const Layout& index_layout : layouts()) {
        INFO(layout.name, " ", index_layout.name);
        const Tensor i = index_layout.of(picks);
        const Tensor got = run_kernel(OpCode::Gather, {layout.of(x), i}, gathered.shape(), dtype, along(2, 2));
        CHECK(mismatch(got, gathered, 0) == "");
        const Tensor sum = run_kernel(OpCode::ScatterAdd, {layout.of(y), i}, added.shape(), dtype, along(2, 5));
        CHECK(rounding_mismatch(sum, added, 6) == "");
      }
    }
  }
}

TEST_CASE("gather takes a scalar index, and rows of a vector") {
  const Tensor x = tensor({10, 11, 12}), one = index_tensor(std::vector<std::int64_t>{2}, {});
  CHECK(run_kernel(OpCode::Gather, {x, one}, {}, DType::Float64, along(1, 0)).item() == 12);
  const Tensor back = run_kernel(OpCode::ScatterAdd, {tensor(5.0), one}, {3}, DType::Float64, along(1, 3));
  CHECK(mismatch(back, tensor({0, 0, 5}), 0) == "");
}

TEST_CASE("take and scatter along an axis follow their definitions, with a batch axis") {
  const Tensor picks = run_kernel(OpCode::Cast, {tensor({{3, 0}, {1, 1}, {2, 3}})}, {3, 2}, DType::Int64);
  Sampler sampler(2);
  for (DType dtype : kFloating) {
    const Tensor x = sampler.uniform({2, 3, 4}, -1, 1, dtype), y = sampler.uniform({2, 3, 2}, -1, 1, dtype);
    const Tensor taken = from_formula({2, 3, 2}, dtype, [&](const Dims& p) {
      return x.at({p[0], p[1], index_at(picks, {p[1], p[2]})});
    });
    const Tensor added = scattered(y, {2, 3, 4}, [&](const Dims& p) {
      return Dims{p[0], p[1], index_at(picks, {p[1], p[2]})};
    });
    for (const Layout& layout : layouts()) {
      INFO(layout.name);
      const Tensor i = layout.of(picks);
      const Tensor got = run_kernel(OpCode::TakeAlong, {layout.of(x), i}, taken.shape(), dtype, along(1, 0));
      CHECK(mismatch(got, taken, 0) == "");
      const Tensor sum = run_kernel(OpCode::ScatterAddAlong, {layout.of(y), i}, added.shape(), dtype, along(1, 4));
      CHECK(rounding_mismatch(sum, added, 2) == "");
    }
  }
}

TEST_CASE("scatters add in ascending order of the index position") {
  // (1 + 1e8) - 1e8 is 0 in float32, where neighbours of 1e8 are 8 apart; in descending order the result is 1.
  const Tensor x = tensor({1, 1e8, -1e8, 1}, DType::Float32), i = index_tensor({0, 0, 0, 1});
  const Tensor expected = tensor({0, 1}, DType::Float32);
  CHECK(mismatch(run_kernel(OpCode::ScatterAdd, {x, i}, {2}, DType::Float32, along(1, 2)), expected, 0) == "");
  CHECK(mismatch(run_kernel(OpCode::ScatterAddAlong, {x, i}, {2}, DType::Float32, along(1, 2)), expected, 0) == "");
}

TEST_CASE("an index outside its axis is refused by name") {
  const Tensor x = zeros({5}), i = index_tensor({1, 7}), negative = index_tensor({-1, 0});
  CHECK(message_of([&] {
          run_kernel(OpCode::Gather, {x, i}, {2}, DType::Float64, along(1, 1));
        }) == "[gather] index 7 is outside [0, 5)");
  CHECK(message_of([&] {
          run_kernel(OpCode::TakeAlong, {x, negative}, {2}, DType::Float64, along(1, 0));
        }) == "[take_along_axis] index -1 is outside [0, 5)");
  CHECK(message_of([&] {
          run_kernel(OpCode::ScatterAdd, {zeros({2}), i}, {5}, DType::Float64, along(1, 5));
        }) == "[scatter_add] index 7 is outside [0, 5)");
  CHECK(message_of([&] {
          run_kernel(OpCode::Gather, {zeros({0}), i}, {2}, DType::Float64, along(1, 1));
        }) == "[gather] index 1 is outside [0, 0)");
}

TEST_CASE("empty indices gather nothing and scatter zeros") {
  const Tensor none = index_tensor(std::vector<std::int64_t>{}, {0});
  CHECK(run_kernel(OpCode::Gather, {zeros({5, 2}), none}, {0, 2}, DType::Float64, along(2, 1)).size() == 0);
  const Tensor back = run_kernel(OpCode::ScatterAdd, {zeros({0, 2}), none}, {5, 2}, DType::Float64, along(2, 5));
  CHECK(mismatch(back, zeros({5, 2}), 0) == "");
}

TEST_CASE("argsort is stable, ascending, and puts NaN last, along any axis") {
  const Tensor x = tensor({{2, 1, 2, 1}, {NAN, -INFINITY, NAN, 0}});
  for (const Layout& layout : layouts()) {
    const Tensor rows = run_kernel(OpCode::ArgSort, {layout.of(x)}, {2, 4}, DType::Int64, along(1, 0));
    CHECK(rows.to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 3, 0, 2, 1, 3, 0, 2});
    const Tensor columns = run_kernel(OpCode::ArgSort, {layout.of(x)}, {2, 4}, DType::Int64, along(2, 0));
    CHECK(columns.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 1, 0, 1, 1, 0, 1, 0});
  }
  CHECK(run_kernel(OpCode::ArgSort, {zeros({0, 3})}, {0, 3}, DType::Int64, along(2, 0)).size() == 0);
}

}  // namespace brenier::testing

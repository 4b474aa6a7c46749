// The operations that move numbers, against arrays written out by hand: the semantics are those of NumPy.
#include <doctest/doctest.h>

#include <vector>

#include "engine/ops.h"
#include "tests/support/compare.h"

namespace brenier::testing {
namespace {

using Doubles = std::vector<double>;

// 0, 1, 2, … in the given shape.
Tensor counted(const Shape& shape) { return reshape(arange(element_count(shape)), shape); }

TEST_SUITE("movement") {
  TEST_CASE("reshape reads and fills in row-major order, of views too") {
    const Tensor x = counted({2, 3});
    CHECK(mismatch(reshape(x, {3, 2}), tensor({{0, 1}, {2, 3}, {4, 5}}), 0) == "");
    CHECK(mismatch(reshape(transpose(x), {2, 3}), tensor({{0, 3, 1}, {4, 2, 5}}), 0) == "");
    CHECK(mismatch(reshape(flip(x, {1}), {6}), tensor({2, 1, 0, 5, 4, 3}), 0) == "");
    CHECK(mismatch(reshape(slice(x, 1, 0, 3, 2), {4}), tensor({0, 2, 3, 5}), 0) == "");
    CHECK(mismatch(reshape(broadcast_to(tensor({7, 8}), {2, 2}), {4}), tensor({7, 8, 7, 8}), 0) == "");
    CHECK(reshape(counted({4, 6}), {2, -1, 3}).shape() == Shape{2, 4, 3});
    CHECK(reshape(zeros({0, 3}), {-1, 3}).shape() == Shape{0, 3});
    CHECK(reshape(tensor(5.0), {1, 1}).at({0, 0}) == 5);
  }

  TEST_CASE("permutations take axis i of the result from axis order[i]") {
    const Tensor x = counted({2, 3, 4});
    const Tensor y = permute(x, {2, 0, 1});
    CHECK(y.shape() == Shape{4, 2, 3});
    CHECK(y.at({3, 1, 2}) == x.at({1, 2, 3}));
    CHECK(y.at({1, 0, 2}) == x.at({0, 2, 1}));
    CHECK(permute(x, {-1, 0, -2}).same_view(y));
    CHECK(transpose(x).shape() == Shape{2, 4, 3});
    CHECK(transpose(x).at({1, 3, 2}) == x.at({1, 2, 3}));
    CHECK(move_axis(x, 0, 2).shape() == Shape{3, 4, 2});
    CHECK(move_axis(x, 2, 0).same_view(y));
    CHECK(move_axis(x, 0, -1).at({2, 3, 1}) == x.at({1, 2, 3}));
    CHECK(move_axis(x, 1, 1).same_view(x));
  }

  TEST_CASE("axes of length 1 come and go") {
    const Tensor x = counted({2, 3});
    CHECK(expand_axis(x, 0).shape() == Shape{1, 2, 3});
    CHECK(expand_axis(x, 1).shape() == Shape{2, 1, 3});
    CHECK(expand_axis(x, 2).shape() == Shape{2, 3, 1});
    CHECK(expand_axis(x, -1).shape() == Shape{2, 3, 1});
    CHECK(expand_axis(x, -3).shape() == Shape{1, 2, 3});
    CHECK(squeeze(expand_axis(x, 1), 1).same_view(x));
    CHECK(squeeze(expand_axis(x, 1), -2).same_view(x));
  }

  TEST_CASE("broadcasting repeats rows and columns") {
    CHECK(mismatch(broadcast_to(tensor({1, 2}), {2, 2}), tensor({{1, 2}, {1, 2}}), 0) == "");
    CHECK(mismatch(broadcast_to(reshape(tensor({1, 2}), {2, 1}), {2, 3}), tensor({{1, 1, 1}, {2, 2, 2}}), 0) == "");
    CHECK(mismatch(broadcast_to(tensor(4.0), {1, 2}), tensor({{4, 4}}), 0) == "");
    CHECK(broadcast_to(zeros({1, 2}), {0, 2}).size() == 0);
  }

  TEST_CASE("slices take start, start + step, … below stop") {
    const Tensor x = counted({3, 4});
    CHECK(mismatch(slice(x, 0, 1, 3), tensor({{4, 5, 6, 7}, {8, 9, 10, 11}}), 0) == "");
    CHECK(mismatch(slice(x, -1, 0, 4, 2), tensor({{0, 2}, {4, 6}, {8, 10}}), 0) == "");
    CHECK(mismatch(slice(x, 1, 1, 4, 2), tensor({{1, 3}, {5, 7}, {9, 11}}), 0) == "");
    CHECK(mismatch(slice(x, 1, 0, 4, 3), tensor({{0, 3}, {4, 7}, {8, 11}}), 0) == "");
    CHECK(mismatch(slice(x, 1, 0, 3, 3), reshape(tensor({0, 4, 8}), {3, 1}), 0) == "");
    CHECK(slice(x, 0, 3, 3).shape() == Shape{0, 4});
    CHECK(slice(x, 0, 1, 1).shape() == Shape{0, 4});
    CHECK(mismatch(slice(slice(x, 1, 1, 4), 1, 1, 3), tensor({{2, 3}, {6, 7}, {10, 11}}), 0) == "");
    CHECK(mismatch(slice(flip(x, {1}), 1, 0, 2), tensor({{3, 2}, {7, 6}, {11, 10}}), 0) == "");
    CHECK(mismatch(select(x, 0, -1), tensor({8, 9, 10, 11}), 0) == "");
    CHECK(mismatch(select(x, 1, 2), tensor({2, 6, 10}), 0) == "");
    CHECK(select(tensor({5, 6}), 0, 1).shape() == Shape{});
  }

  TEST_CASE("flip reverses the named axes, or all") {
    const Tensor x = counted({2, 3});
    CHECK(mismatch(flip(x, {0}), tensor({{3, 4, 5}, {0, 1, 2}}), 0) == "");
    CHECK(mismatch(flip(x, {-1}), tensor({{2, 1, 0}, {5, 4, 3}}), 0) == "");
    CHECK(mismatch(flip(x, {0, 1}), tensor({{5, 4, 3}, {2, 1, 0}}), 0) == "");
    CHECK(flip(flip(x, {0, 1}), {1, 0}).same_view(x));
  }

  TEST_CASE("pad surrounds with zeros") {
    CHECK(mismatch(pad(tensor({{1, 2}}), {1, 0}, {0, 2}), tensor({{0, 0, 0, 0}, {1, 2, 0, 0}}), 0) == "");
    CHECK(mismatch(pad(tensor({3}), {2}, {1}), tensor({0, 0, 3, 0}), 0) == "");
    CHECK(mismatch(pad(zeros({0}), {1}, {1}), tensor({0, 0}), 0) == "");
    CHECK(mismatch(pad(transpose(tensor({{1, 2}, {3, 4}})), {0, 1}, {0, 0}), tensor({{0, 1, 3}, {0, 2, 4}}), 0) == "");
    CHECK(pad(index_tensor({5}), {1}, {0}).to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 5});
  }

  TEST_CASE("concat joins along an axis, stack along a new one") {
    const Tensor a = tensor({{1, 2}, {3, 4}}), b = reshape(tensor({5, 6}), {2, 1}), c = tensor({{7, 8}});
    CHECK(mismatch(concat({a, b}, 1), tensor({{1, 2, 5}, {3, 4, 6}}), 0) == "");
    CHECK(mismatch(concat({c, a, c}, 0), tensor({{7, 8}, {1, 2}, {3, 4}, {7, 8}}), 0) == "");
    CHECK(mismatch(concat({transpose(a), zeros({0, 2})}, -2), tensor({{1, 3}, {2, 4}}), 0) == "");
    CHECK(mismatch(stack({tensor({1, 2}), tensor({3, 4})}), a, 0) == "");
    CHECK(mismatch(stack({tensor({1, 2}), tensor({3, 4})}, 1), tensor({{1, 3}, {2, 4}}), 0) == "");
    CHECK(mismatch(stack({tensor({1, 2}), tensor({3, 4})}, -1), tensor({{1, 3}, {2, 4}}), 0) == "");
    CHECK(stack({a, a}, 1).shape() == Shape{2, 2, 2});
    CHECK(stack({a, a * 2.0}, 1).at({1, 1, 0}) == 6);
  }

  TEST_CASE("gather replaces an axis by the axes of the indices") {
    const Tensor x = counted({3, 2});
    CHECK(mismatch(gather(x, index_tensor({2, 0, 2})), tensor({{4, 5}, {0, 1}, {4, 5}}), 0) == "");
    CHECK(mismatch(gather(x, index_tensor({1, 1, 0}), 1), tensor({{1, 1, 0}, {3, 3, 2}, {5, 5, 4}}), 0) == "");
    const Tensor two = gather(x, index_tensor(std::vector<std::int64_t>{0, 1, 2, 0}, {2, 2}), 0);
    CHECK(two.shape() == Shape{2, 2, 2});
    CHECK(two.to_vector<double>() == Doubles{0, 1, 2, 3, 4, 5, 0, 1});
    const Tensor middle = gather(counted({2, 3, 2}), index_tensor({2, 1}), 1);
    CHECK(middle.to_vector<double>() == Doubles{4, 5, 2, 3, 10, 11, 8, 9});
  }

  TEST_CASE("scatter_add adds entries with the same index") {
    CHECK(mismatch(scatter_add(tensor({1, 10, 100}), index_tensor({2, 0, 2}), 0, 4), tensor({10, 0, 101, 0}), 0) == "");
    CHECK(mismatch(scatter_add(tensor({{1, 2}, {3, 4}}), index_tensor({1, 1}), 0, 2), tensor({{0, 0}, {4, 6}}), 0) ==
          "");
    CHECK(mismatch(scatter_add(tensor({{1, 2}, {3, 4}}), index_tensor({1, 1}), 1, 3), tensor({{0, 3, 0}, {0, 7, 0}}),
                   0) == "");
  }

  TEST_CASE("take_along_axis and its transpose treat every row with its own indices") {
    const Tensor x = tensor({{10, 11, 12}, {20, 21, 22}});
    const Tensor columns = index_tensor(std::vector<std::int64_t>{2, 0, 1, 1}, {2, 2});
    CHECK(mismatch(take_along_axis(x, columns, 1), tensor({{12, 10}, {21, 21}}), 0) == "");
    CHECK(mismatch(scatter_add_along_axis(tensor({{1, 2}, {3, 4}}), columns, -1, 3), tensor({{2, 0, 1}, {0, 7, 0}}),
                   0) == "");
    const Tensor rows = index_tensor(std::vector<std::int64_t>{1, 0, 1}, {1, 3});
    CHECK(mismatch(take_along_axis(x, rows, 0), tensor({{20, 11, 22}}), 0) == "");
  }

  TEST_CASE("sort and argsort order every row, or every column") {
    const Tensor x = tensor({{3, 1, 2}, {0, 5, -4}});
    CHECK(mismatch(sort(x), tensor({{1, 2, 3}, {-4, 0, 5}}), 0) == "");
    CHECK(mismatch(sort(x, 0), tensor({{0, 1, -4}, {3, 5, 2}}), 0) == "");
    CHECK(argsort(x).to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 2, 0, 2, 0, 1});
    CHECK(argsort(x, 0).to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 0, 1, 0, 1, 0});
  }

  TEST_CASE("sum_to undoes broadcasting") {
    const Tensor x = counted({2, 3});
    CHECK(mismatch(sum_to(x, {3}), tensor({3, 5, 7}), 0) == "");
    CHECK(mismatch(sum_to(x, {2, 1}), reshape(tensor({3, 12}), {2, 1}), 0) == "");
    CHECK(mismatch(sum_to(x, {}), tensor(15.0), 0) == "");
    CHECK(sum_to(x, {2, 3}).same_view(x));
  }
}

}  // namespace
}  // namespace brenier::testing

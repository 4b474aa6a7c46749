// Shapes: the short list itself, row-major strides, the broadcasting rule and axes counted from the end.
#include <doctest/doctest.h>

#include "engine/shape.h"
#include "engine/str.h"
#include "tests/support/message_of.h"

namespace brenier::testing {
namespace {

TEST_SUITE("shape") {
  TEST_CASE("a list grows, shrinks, and counts from either end") {
    Dims dims{2, 3, 5};
    CHECK(dims.rank() == 3);
    CHECK(dims[0] == 2);
    CHECK(dims[-1] == 5);
    CHECK(dims[-3] == 2);
    dims.push_back(7);
    dims.insert(1, 11);
    CHECK(dims == Dims{2, 11, 3, 5, 7});
    dims.erase(0);
    CHECK(dims == Dims{11, 3, 5, 7});
    CHECK(dims.part(1, 3) == Dims{3, 5});
    CHECK(dims.part(2, 2) == Dims{});
    CHECK(dims + Dims{1, 2} == Dims{11, 3, 5, 7, 1, 2});
    CHECK(dims.contains(7));
    CHECK_FALSE(dims.contains(2));
    CHECK(Dims::filled(3, 4) == Dims{4, 4, 4});
    CHECK(Dims{} != Dims{1});
    CHECK(Dims{2, 3} != Dims{3, 2});
    CHECK(Dims().empty());
  }

  TEST_CASE("shapes print as lists") {
    CHECK(str(Shape{2, 3}) == "[2, 3]");
    CHECK(str(Shape{}) == "[]");
    CHECK(str(Shape{4}) == "[4]");
  }

  TEST_CASE("a ninth axis is refused") {
    Dims dims = Dims::filled(kMaxRank, 1);
    CHECK(lacks(message_of([&] { dims.push_back(1); }), {"[shape]", "8"}) == "");
    CHECK(lacks(message_of([&] { dims + Dims{1}; }), {"[shape]", "8"}) == "");
    CHECK(lacks(message_of([&] { Dims::filled(9, 1); }), {"[shape]"}) == "");
  }

  TEST_CASE("elements and strides of a row-major array") {
    CHECK(element_count({}) == 1);
    CHECK(element_count({2, 3, 4}) == 24);
    CHECK(element_count({2, 0, 4}) == 0);
    CHECK(contiguous_strides({2, 3, 4}) == Strides{12, 4, 1});
    CHECK(contiguous_strides({}) == Strides{});
  }

  TEST_CASE("broadcasting aligns shapes at the end") {
    CHECK(broadcast_shapes("add", {2, 3}, {3}) == Shape{2, 3});
    CHECK(broadcast_shapes("add", {3}, {2, 3}) == Shape{2, 3});
    CHECK(broadcast_shapes("add", {2, 1}, {1, 3}) == Shape{2, 3});
    CHECK(broadcast_shapes("add", {}, {4, 5}) == Shape{4, 5});
    CHECK(broadcast_shapes("add", {}, {}) == Shape{});
    CHECK(broadcast_shapes("add", {1}, {0}) == Shape{0});
    CHECK(broadcast_shapes("add", {5, 1, 4}, {3, 1}) == Shape{5, 3, 4});
  }

  TEST_CASE("shapes that do not broadcast are named with the operation") {
    CHECK(lacks(message_of([] { broadcast_shapes("mul", {2, 3}, {2}); }), {"[mul]", "[2, 3]", "[2]"}) == "");
    CHECK(lacks(message_of([] { broadcast_shapes("mul", {0}, {2}); }), {"[mul]", "[0]", "[2]"}) == "");
  }

  TEST_CASE("broadcasts_to is one-sided") {
    CHECK(broadcasts_to({3}, {2, 3}));
    CHECK(broadcasts_to({1, 3}, {2, 3}));
    CHECK(broadcasts_to({}, {2}));
    CHECK(broadcasts_to({1}, {0}));
    CHECK_FALSE(broadcasts_to({2, 3}, {3}));
    CHECK_FALSE(broadcasts_to({2}, {2, 3}));
    CHECK_FALSE(broadcasts_to({3}, {1}));
  }

  TEST_CASE("axes are turned into distances from the end, largest first") {
    CHECK(axes_from_end("sum", {0, -1}, 3) == Axes{3, 1});
    CHECK(axes_from_end("sum", {2, 0, 1}, 3) == Axes{3, 2, 1});
    CHECK(axes_from_end("sum", {}, 2) == Axes{2, 1});
    CHECK(axes_from_end("sum", {}, 0) == Axes{});
    CHECK(lacks(message_of([] { axes_from_end("sum", {2}, 2); }), {"[sum]", "2"}) == "");
    CHECK(lacks(message_of([] { axes_from_end("sum", {-3}, 2); }), {"[sum]", "-3"}) == "");
    CHECK(lacks(message_of([] { axes_from_end("sum", {0, -2}, 2); }), {"[sum]", "twice"}) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

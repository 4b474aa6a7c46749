// Rows for the reductions: over all, some, empty and single axes, kept or not, of every layout. prod is sampled with
// no zero, one and two zeros, where dividing the product by an entry would fail.
#include <utility>

#include "engine/ops.h"
#include "engine/str.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Reduction = Tensor (*)(const Tensor&, const Axes&, bool);

OpCase reduction_case(std::string name, Reduction f, Argument argument, const Axes& axes, bool keep_axes, int order) {
  return {.name = std::move(name),
          .function = [=](const std::vector<Tensor>& x) { return f(x[0], axes, keep_axes); },
          .arguments = {std::move(argument)},
          .order = order};
}

struct ReductionShape {
  const char* text;
  Shape shape;
  Axes axes;
  bool keep_axes;
};

const ReductionShape kShapes[] = {
    {"", {2, 3}, {}, false},
    {" over the first axis", {2, 3}, {0}, false},
    {" over the last axis, kept", {2, 3}, {-1}, true},
    {" over a middle axis", {2, 3, 2}, {1}, false},
    {" over outer axes", {2, 3, 2}, {0, 2}, false},
    {" over outer axes, kept", {2, 2, 3}, {-1, 0}, true},
    {" of a scalar", {}, {}, false},
    {" over an axis of length 1", {3, 1}, {1}, false},
    {" over one axis beside an empty one", {0, 2}, {1}, false},
};

// Every reduction over every shape. The entries are distinct, so that max and min have no ties.
void add_all_shapes(std::vector<OpCase>& cases) {
  const std::pair<const char*, Reduction> reductions[] = {
      {"sum", sum}, {"mean", mean}, {"variance", variance},  {"max", max},
      {"min", min}, {"prod", prod}, {"logsumexp", logsumexp}};
  for (const auto& [name, f] : reductions) {
    for (const ReductionShape& s : kShapes) {
      cases.push_back(reduction_case(std::string(name) + s.text, f, spaced(s.shape), s.axes, s.keep_axes, 2));
    }
    for (Layout layout : {Layout::Transposed, Layout::Flipped, Layout::Strided}) {
      const std::string text = " of a view " + std::to_string(static_cast<int>(layout));
      cases.push_back(reduction_case(name + text, f, spaced({2, 3}).in(layout), {0}, false, 1));
    }
  }
  cases.push_back(reduction_case("sum of a broadcast view", sum, uniform({3, 2}).in(Layout::Broadcast), {0}, false, 2));
  cases.push_back(reduction_case("sum of many numbers", sum, uniform({3, 131}), {1}, false, 1));
}

void add_empty(std::vector<OpCase>& cases) {
  cases.push_back(reduction_case("sum over an empty axis", sum, uniform({0, 2}), {0}, false, 2));
  cases.push_back(reduction_case("prod over an empty axis", prod, uniform({2, 0}), {1}, true, 2));
  cases.push_back(reduction_case("sum of nothing", sum, uniform({0}), {}, false, 2));
}

void add_zeros(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, Argument argument, const Axes& axes) {
    cases.push_back(reduction_case(name, prod, std::move(argument), axes, false, 3));
  };
  add("prod without zeros", both_signs({4}, 0.5, 1.5), {});
  add("prod with one zero", given({4}, {1.5, 0.0, -0.5, 2.0}), {});
  add("prod with two zeros", given({4}, {0.0, 0.75, 0.0, -2.0}), {});
  add("prod of zeros", given({3}, {0.0, 0.0, 0.0}), {});
  add("prod of rows with zeros", given({3, 3}, {0.5, 0.0, 2.0, 0.0, 0.0, -1.5, 1.25, -1.0, 0.75}), {1});
}

void add_ties(std::vector<OpCase>& cases) {
  const Argument tied = given({2, 4}, {1, 1, 0, 1, -2, -2, -2, -2});
  cases.push_back(reduction_case("max at ties", max, tied, {1}, false, 0));
  cases.push_back(reduction_case("min at ties", min, tied, {1}, false, 0));
  cases.push_back(reduction_case("logsumexp at ties", logsumexp, tied, {1}, false, 3));
  cases.push_back(reduction_case("logsumexp far apart", logsumexp, given({3}, {700, -700, 699}), {}, false, 2));
}

void add_others(std::vector<OpCase>& cases) {
  for (int axis : {-1, 0}) {
    cases.push_back({.name = axis == 0 ? "softmax of columns" : "softmax of rows",
                     .function = [axis](const std::vector<Tensor>& x) { return softmax(x[0], axis); },
                     .arguments = {uniform({2, 3})},
                     .order = 3});
    cases.push_back(
        {.name = axis == 0 ? "argmax of columns" : "argmax of rows",
         .function = [axis](const std::vector<Tensor>& x) { return cast(argmax(x[0], axis), x[0].dtype()); },
         .arguments = {spaced({2, 3})}});
  }
  for (const Shape& target : {Shape{}, Shape{3}, Shape{2, 1}, Shape{1, 1, 1}, Shape{4, 2, 3}}) {
    cases.push_back({.name = str("sum_to ", target),
                     .function = [target](const std::vector<Tensor>& x) { return sum_to(x[0], target); },
                     .arguments = {uniform({4, 2, 3})}});
  }
}

}  // namespace

void add_reduce_cases(std::vector<OpCase>& cases) {
  add_all_shapes(cases);
  add_empty(cases);
  add_zeros(cases);
  add_ties(cases);
  add_others(cases);
}

}  // namespace brenier::testing

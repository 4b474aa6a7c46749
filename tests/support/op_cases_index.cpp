// Rows for the operations that move numbers by index: gathering, scattering (with repeated indices, which add up),
// and sorting of distinct numbers.
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

struct IndexRow {
  const char* name;
  Argument values;
  Argument indices;
  Tensor (*f)(const Tensor& x, const Tensor& indices);
  bool moves_only;
};

void add(std::vector<OpCase>& cases, IndexRow row) {
  cases.push_back({.name = row.name,
                   .function = [f = row.f](const std::vector<Tensor>& x) { return f(x[0], x[1]); },
                   .arguments = {std::move(row.values), std::move(row.indices)},
                   .moves_only = row.moves_only});
}

void add_gathers(std::vector<OpCase>& cases) {
  add(cases, {"gather", uniform({4, 2}), integers({3}, {2, 0, 2}),
              [](const Tensor& x, const Tensor& i) { return gather(x, i, 0); }, true});
  add(cases, {"gather of columns", uniform({2, 4}), integers({3}, {3, 3, 1}),
              [](const Tensor& x, const Tensor& i) { return gather(x, i, -1); }, true});
  add(cases, {"gather with a matrix of indices", uniform({2, 3, 2}), integers({2, 2}, {0, 2, 1, 2}),
              [](const Tensor& x, const Tensor& i) { return gather(x, i, 1); }, true});
  add(cases, {"gather with a scalar index", uniform({3, 2}), integers({}, {1}),
              [](const Tensor& x, const Tensor& i) { return gather(x, i, 0); }, true});
  add(cases, {"gather of nothing", uniform({3, 2}), integers({0}, {}),
              [](const Tensor& x, const Tensor& i) { return gather(x, i, 0); }, true});
  add(cases, {"gather from a transposed view", uniform({3, 2}).in(Layout::Transposed), integers({2}, {2, 1}),
              [](const Tensor& x, const Tensor& i) { return gather(x, i, 0); }, true});
  add(cases, {"take_along_axis", uniform({2, 3}), integers({2, 2}, {2, 0, 1, 1}),
              [](const Tensor& x, const Tensor& i) { return take_along_axis(x, i, -1); }, true});
  add(cases, {"take_along_axis of columns", uniform({3, 2}), integers({4, 2}, {2, 0, 1, 1, 2, 0, 0, 2}),
              [](const Tensor& x, const Tensor& i) { return take_along_axis(x, i, 0); }, true});
}

void add_scatters(std::vector<OpCase>& cases) {
  add(cases, {"scatter_add", uniform({3, 2}), integers({3}, {2, 0, 2}),
              [](const Tensor& x, const Tensor& i) { return scatter_add(x, i, 0, 4); }, false});
  add(cases, {"scatter_add to columns", uniform({2, 3}), integers({3}, {1, 1, 0}),
              [](const Tensor& x, const Tensor& i) { return scatter_add(x, i, -1, 3); }, false});
  add(cases, {"scatter_add with a matrix of indices", uniform({2, 2, 2, 2}), integers({2, 2}, {0, 2, 2, 2}),
              [](const Tensor& x, const Tensor& i) { return scatter_add(x, i, 1, 3); }, false});
  add(cases, {"scatter_add of a scalar index", uniform({2}), integers({}, {2}),
              [](const Tensor& x, const Tensor& i) { return scatter_add(x, i, 0, 3); }, false});
  add(cases, {"scatter_add of a flipped view", uniform({3}).in(Layout::Flipped), integers({3}, {1, 1, 1}),
              [](const Tensor& x, const Tensor& i) { return scatter_add(x, i, 0, 2); }, false});
  add(cases, {"scatter_add_along_axis", uniform({2, 3}), integers({2, 3}, {0, 3, 0, 1, 1, 2}),
              [](const Tensor& x, const Tensor& i) { return scatter_add_along_axis(x, i, -1, 4); }, false});
  add(cases, {"scatter_add_along_axis of columns", uniform({3, 2}), integers({3, 2}, {1, 0, 1, 2, 0, 2}),
              [](const Tensor& x, const Tensor& i) { return scatter_add_along_axis(x, i, 0, 3); }, false});
}

void add_sorts(std::vector<OpCase>& cases) {
  for (int axis : {0, -1}) {
    const std::string text = axis == 0 ? " of columns" : " of rows";
    cases.push_back({.name = "sort" + text,
                     .function = [axis](const std::vector<Tensor>& x) { return sort(x[0], axis); },
                     .arguments = {spaced({3, 4})}});
    cases.push_back(
        {.name = "argsort" + text,
         .function = [axis](const std::vector<Tensor>& x) { return cast(argsort(x[0], axis), x[0].dtype()); },
         .arguments = {spaced({3, 4}).in(Layout::Transposed)}});
  }
  cases.push_back({.name = "sort of squares",
                   .function = [](const std::vector<Tensor>& x) { return x[0] * sort(square(x[0])); },
                   .arguments = {spaced({4}, 0.5, 2)},
                   .order = 3});
  cases.push_back({.name = "sort at ties",
                   .function = [](const std::vector<Tensor>& x) { return sort(x[0]); },
                   .arguments = {given({5}, {1, -1, 1, 0, -1})},
                   .order = 0});
}

}  // namespace

void add_index_cases(std::vector<OpCase>& cases) {
  add_gathers(cases);
  add_scatters(cases);
  add_sorts(cases);
}

}  // namespace brenier::testing

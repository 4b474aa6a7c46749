// Rows for the operations that only move numbers: views, padding and joining. All are linear, and take int64 too.
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Move = Tensor (*)(const Tensor&);

void add_move(std::vector<OpCase>& cases, const char* name, Argument argument, Move f) {
  cases.push_back({.name = name,
                   .function = [f](const std::vector<Tensor>& x) { return f(x[0]); },
                   .arguments = {std::move(argument)},
                   .moves_only = true});
}

void add_reshapes(std::vector<OpCase>& cases) {
  add_move(cases, "reshape", uniform({2, 3}), [](const Tensor& x) { return reshape(x, {3, 2}); });
  add_move(cases, "reshape with an open axis", uniform({2, 6}), [](const Tensor& x) { return reshape(x, {3, -1, 2}); });
  add_move(cases, "reshape to a row", uniform({2, 3}), [](const Tensor& x) { return reshape(x, {-1}); });
  add_move(cases, "reshape to a scalar", uniform({1, 1}), [](const Tensor& x) { return reshape(x, {}); });
  add_move(cases, "reshape of a scalar", uniform({}), [](const Tensor& x) { return reshape(x, {1, 1}); });
  add_move(cases, "reshape of nothing", uniform({0, 3}), [](const Tensor& x) { return reshape(x, {3, 0, 2}); });
  add_move(cases, "reshape of a transposed view", uniform({2, 3}).in(Layout::Transposed),
           [](const Tensor& x) { return reshape(x, {6}); });
  add_move(cases, "reshape of a transpose", uniform({2, 3}), [](const Tensor& x) {
    return reshape(transpose(x), {2, 3});
  });
  add_move(cases, "reshape that keeps leading axes", uniform({2, 4}), [](const Tensor& x) {
    return reshape(x, {2, 2, 2});
  });
  add_move(cases, "expand_axis", uniform({2, 3}), [](const Tensor& x) { return expand_axis(x, 1); });
  add_move(cases, "expand_axis at the end", uniform({2, 3}), [](const Tensor& x) { return expand_axis(x, -1); });
  add_move(cases, "expand_axis of a scalar", uniform({}), [](const Tensor& x) { return expand_axis(x, 0); });
  add_move(cases, "squeeze", uniform({2, 1, 3}), [](const Tensor& x) { return squeeze(x, 1); });
  add_move(cases, "squeeze from the end", uniform({1, 2, 1}), [](const Tensor& x) { return squeeze(x, -1); });
}

void add_permutations(std::vector<OpCase>& cases) {
  add_move(cases, "transpose", uniform({2, 3}), [](const Tensor& x) { return transpose(x); });
  add_move(cases, "transpose of a batch", uniform({2, 3, 2}), [](const Tensor& x) { return transpose(x); });
  add_move(cases, "permute", uniform({2, 3, 4}), [](const Tensor& x) { return permute(x, {2, 0, 1}); });
  add_move(cases, "permute with equal lengths", uniform({2, 2, 2}), [](const Tensor& x) {
    return permute(x, {1, 2, 0});
  });
  add_move(cases, "move_axis", uniform({2, 3, 4}), [](const Tensor& x) { return move_axis(x, 0, 2); });
  add_move(cases, "move_axis to the front", uniform({2, 3, 4}), [](const Tensor& x) { return move_axis(x, -1, 0); });
  add_move(cases, "flip", uniform({2, 3}), [](const Tensor& x) { return flip(x, {1}); });
  add_move(cases, "flip of two axes", uniform({2, 3, 2}), [](const Tensor& x) { return flip(x, {0, -1}); });
  add_move(cases, "flip of a flipped view", uniform({2, 3}).in(Layout::Flipped),
           [](const Tensor& x) { return flip(x, {0}); });
}

void add_broadcasts(std::vector<OpCase>& cases) {
  add_move(cases, "broadcast_to", uniform({3}), [](const Tensor& x) { return broadcast_to(x, {2, 3}); });
  add_move(cases, "broadcast_to of a column", uniform({2, 1}), [](const Tensor& x) { return broadcast_to(x, {2, 3}); });
  add_move(cases, "broadcast_to of a scalar", uniform({}), [](const Tensor& x) { return broadcast_to(x, {2, 2}); });
  add_move(cases, "broadcast_to on both sides", uniform({3, 1}), [](const Tensor& x) {
    return broadcast_to(x, {2, 3, 2});
  });
  add_move(cases, "broadcast_to of nothing", uniform({1, 2}), [](const Tensor& x) { return broadcast_to(x, {0, 2}); });
  add_move(cases, "broadcast_to of the same shape", uniform({2, 3}), [](const Tensor& x) {
    return broadcast_to(x, {2, 3});
  });
}

void add_slices(std::vector<OpCase>& cases) {
  add_move(cases, "slice", uniform({4, 3}), [](const Tensor& x) { return slice(x, 0, 1, 3); });
  add_move(cases, "slice of the last axis", uniform({2, 5}), [](const Tensor& x) { return slice(x, -1, 1, 4); });
  add_move(cases, "slice with a step", uniform({7}), [](const Tensor& x) { return slice(x, 0, 1, 7, 3); });
  add_move(cases, "slice with a step that overshoots", uniform({2, 6}),
           [](const Tensor& x) { return slice(x, 1, 0, 6, 4); });
  add_move(cases, "slice of nothing", uniform({3}), [](const Tensor& x) { return slice(x, 0, 2, 2); });
  add_move(cases, "slice of a flipped view", uniform({5}).in(Layout::Flipped),
           [](const Tensor& x) { return slice(x, 0, 1, 5, 2); });
  add_move(cases, "select", uniform({3, 2}), [](const Tensor& x) { return select(x, 0, 1); });
  add_move(cases, "select of the last entry", uniform({2, 3}), [](const Tensor& x) { return select(x, 1, -1); });
  add_move(cases, "pad", uniform({2, 3}), [](const Tensor& x) { return pad(x, {1, 0}, {0, 2}); });
  add_move(cases, "pad of nothing", uniform({0, 2}), [](const Tensor& x) { return pad(x, {1, 1}, {2, 0}); });
  add_move(cases, "pad of a transposed view", uniform({3, 2}).in(Layout::Transposed), [](const Tensor& x) {
    return pad(x, {0, 1}, {1, 1});
  });
}

void add_joins(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, std::vector<Argument> arguments, TensorFunction f) {
    cases.push_back({.name = name, .function = std::move(f), .arguments = std::move(arguments), .moves_only = true});
  };
  add("concat", {uniform({2, 3}), uniform({1, 3})}, [](const std::vector<Tensor>& x) { return concat(x, 0); });
  add("concat along the last axis", {uniform({2, 1}), uniform({2, 3}), uniform({2, 2})},
      [](const std::vector<Tensor>& x) { return concat(x, -1); });
  add("concat with an empty part", {uniform({0, 2}), uniform({2, 2})},
      [](const std::vector<Tensor>& x) { return concat(x, 0); });
  add("concat of one part", {uniform({2})}, [](const std::vector<Tensor>& x) { return concat(x, 0); });
  add("concat of the same part", {uniform({2, 2})}, [](const std::vector<Tensor>& x) {
    return concat({x[0], transpose(x[0])}, 1);
  });
  add("concat of views", {uniform({2, 3}).in(Layout::Flipped), uniform({2, 2}).in(Layout::Transposed)},
      [](const std::vector<Tensor>& x) { return concat(x, 1); });
  add("stack", {uniform({3}), uniform({3})}, [](const std::vector<Tensor>& x) { return stack(x); });
  add("stack at the end", {uniform({2, 3}), uniform({2, 3})},
      [](const std::vector<Tensor>& x) { return stack(x, -1); });
  add("stack of scalars", {uniform({}), uniform({}), uniform({})},
      [](const std::vector<Tensor>& x) { return stack(x); });
}

}  // namespace

void add_shape_cases(std::vector<OpCase>& cases) {
  add_reshapes(cases);
  add_permutations(cases);
  add_broadcasts(cases);
  add_slices(cases);
  add_joins(cases);
}

}  // namespace brenier::testing

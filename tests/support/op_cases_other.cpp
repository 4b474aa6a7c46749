// Rows for what is neither arithmetic nor movement: casts, stop_gradient, random numbers (constant, but recorded once
// their counter is), custom rules with either or both modes, checkpoints, and compositions in which one operation
// meets itself or a constant.
#include <cmath>
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Arguments = std::vector<Tensor>;

// x exp(y) as a rule of its own, with the tangent rule, the cotangent rule, or both.
CustomRule scaled_exp(bool accepts_bundles) {
  return {.name = "scaled_exp",
          .value = [](const Arguments& in) { return in[0] * exp(in[1]); },
          .jvp = nullptr,
          .vjp = nullptr,
          .accepts_bundles = accepts_bundles};
}

Tensor scaled_exp_jvp(const Arguments& in, const Tensor& output, const Arguments& t) {
  return t[0] * exp(in[1]) + t[1] * output;
}

Arguments scaled_exp_vjp(const Arguments& in, const Tensor& output, const Tensor& ct) {
  return {ct * exp(in[1]), ct * output};
}

void add_custom(std::vector<OpCase>& cases) {
  for (bool accepts_bundles : {false, true}) {
    CustomRule forward = scaled_exp(accepts_bundles), reverse = forward, both = forward;
    forward.jvp = both.jvp = scaled_exp_jvp;
    reverse.vjp = both.vjp = scaled_exp_vjp;
    for (const auto& [text, rule] : {std::pair{"tangent", forward}, {"cotangent", reverse}, {"complete", both}}) {
      cases.push_back({.name = std::string(accepts_bundles ? "bundled " : "") + "custom " + text + " rule",
                       .function = [rule = rule](const Arguments& x) { return apply_custom(rule, x); },
                       .arguments = {uniform({3}), uniform({3}, -1, 1)},
                       .order = 3});
    }
  }
}

void add_checkpoints(std::vector<OpCase>& cases) {
  cases.push_back({.name = "checkpoint",
                   .function =
                       [](const Arguments& x) {
                         return checkpoint([](const Arguments& in) { return sin(in[0]) * exp(in[1]); }, x);
                       },
                   .arguments = {uniform({2, 3}), uniform({3}, -1, 1)},
                   .order = 3});
  cases.push_back({.name = "checkpoint in a checkpoint",
                   .function =
                       [](const Arguments& x) {
                         const TensorFunction inside = [](const Arguments& in) { return tanh(in[0]); };
                         return checkpoint([inside](const Arguments& in) { return square(checkpoint(inside, in)); }, x);
                       },
                   .arguments = {uniform({3})},
                   .order = 3});
}

void add_casts(std::vector<OpCase>& cases) {
  cases.push_back(
      {.name = "cast to float32 and back",
       .function = [](const Arguments& x) { return cast(square(cast(x[0], DType::Float32)), x[0].dtype()); },
       .arguments = {uniform({2, 3})},
       .precision = DType::Float32});
  cases.push_back({.name = "cast to float64 and back",
                   .function = [](const Arguments& x) { return cast(exp(cast(x[0], DType::Float64)), x[0].dtype()); },
                   .arguments = {uniform({3})}});
  cases.push_back({.name = "cast to int64 and back",
                   .function = [](const Arguments& x) { return x[0] * cast(cast(x[0], DType::Int64), x[0].dtype()); },
                   .arguments = {given({4}, {1.75, -1.75, 0.5, 3.25})}});
  cases.push_back({.name = "stop_gradient",
                   .function = [](const Arguments& x) { return x[0] * stop_gradient(exp(x[0])); },
                   .arguments = {uniform({3})},
                   .order = 0});
}

void add_random(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, Tensor (*draw)(const RandomKey&, const Shape&, DType)) {
    cases.push_back(
        {.name = name,
         .function = [draw](const Arguments& x) { return x[0] * draw(RandomKey(7, x[1]), x[0].shape(), x[0].dtype()); },
         .arguments = {uniform({2, 3}), integers({}, {5})}});
  };
  add("random_uniform", random_uniform);
  add("random_normal", random_normal);
  add("random_rademacher", random_rademacher);
  cases.push_back(
      {.name = "random_permutation",
       .function = [](const Arguments& x) { return gather(x[0], random_permutation(RandomKey(7, x[1]), 4)); },
       .arguments = {uniform({4, 2}), integers({}, {5})}});
}

// Rules meeting rules: the same value used twice, a constant factor, a chain of all kinds of operations.
void add_compositions(std::vector<OpCase>& cases) {
  cases.push_back({.name = "x^x written with log",
                   .function = [](const Arguments& x) { return exp(x[0] * log(x[0])); },
                   .arguments = {uniform({3}, 0.7, 2)},
                   .order = 4});
  cases.push_back({.name = "a constant factor",
                   .function =
                       [](const Arguments& x) {
                         return sin(x[0]) * tensor({0.5, -2.0, 3.0}, x[0].dtype());
                       },
                   .arguments = {uniform({2, 3})},
                   .order = 4});
  cases.push_back({.name = "a normalised layer",
                   .function =
                       [](const Arguments& x) {
                         const Tensor z = matmul(x[0], transpose(x[1]));
                         return tanh((z - mean(z, {-1}, true)) / sqrt(variance(z, {-1}, true) + 0.5));
                       },
                   .arguments = {uniform({2, 3}), uniform({4, 3})},
                   .order = 3});
}

}  // namespace

void add_other_cases(std::vector<OpCase>& cases) {
  add_casts(cases);
  add_random(cases);
  add_custom(cases);
  add_checkpoints(cases);
  add_compositions(cases);
}

}  // namespace brenier::testing

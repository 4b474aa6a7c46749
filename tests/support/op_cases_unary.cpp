// Rows for the elementwise operations of one argument, to order four, at smooth points and in every memory layout.
//
// Operations with a kink are sampled on both sides of it but never near it; what holds at the kink itself is in
// tests/engine/ties_test.cpp. Smooth ones are sampled at exactly zero too, where formulas like x/|x| break.
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Unary = Tensor (*)(const Tensor&);

OpCase unary_case(std::string name, Unary f, Argument argument) {
  return {.name = std::move(name),
          .function = [f](const std::vector<Tensor>& x) { return f(x[0]); },
          .arguments = {std::move(argument)},
          .order = 4};
}

void add_kinked(std::vector<OpCase>& cases) {
  cases.push_back(unary_case("abs", abs, both_signs({4}, 0.3, 2)));
  cases.push_back(unary_case("sign", sign, both_signs({4}, 0.3, 2)));
  cases.push_back(unary_case("floor", floor, given({3}, {0.4, -1.5, 2.625})));
  cases.push_back(unary_case("is_finite", is_finite, uniform({3})));
  cases.push_back(unary_case("relu", relu, both_signs({4}, 0.3, 2)));
  cases.push_back(unary_case("laplace_cdf", laplace_cdf, both_signs({4}, 0.3, 3)));
  cases.push_back(unary_case("laplace_softplus", laplace_softplus, both_signs({4}, 0.3, 3)));
}

void add_with_restricted_domain(std::vector<OpCase>& cases) {
  cases.push_back(unary_case("sqrt", sqrt, uniform({3}, 0.5, 3)));
  cases.push_back(unary_case("log", log, uniform({3}, 0.5, 3)));
  cases.push_back(unary_case("log1p", log1p, including_zero({3}, -0.4, 2)));
  cases.push_back(unary_case("reciprocal", reciprocal, both_signs({4}, 0.6, 2)));
}

void add_smooth(std::vector<OpCase>& cases) {
  const std::pair<const char*, Unary> smooth[] = {{"neg", neg},
                                                  {"square", square},
                                                  {"exp", exp},
                                                  {"expm1", expm1},
                                                  {"sin", sin},
                                                  {"cos", cos},
                                                  {"tanh", tanh},
                                                  {"log_cosh", log_cosh},
                                                  {"sigmoid", sigmoid},
                                                  {"erf", erf},
                                                  {"erfc", erfc},
                                                  {"softplus", softplus},
                                                  {"normal_pdf", normal_pdf},
                                                  {"normal_cdf", normal_cdf},
                                                  {"gaussian_softplus", gaussian_softplus}};
  for (const auto& [name, f] : smooth) cases.push_back(unary_case(name, f, including_zero({4}, -2.5, 2.5)));
}

// The shape and layout of the argument, for one representative: all unary operations share their kernel loops.
void add_layouts(std::vector<OpCase>& cases) {
  const auto add = [&](const char* what, Argument argument) {
    cases.push_back(unary_case(std::string("sigmoid of ") + what, sigmoid, std::move(argument)));
    cases.back().order = 2;
  };
  add("a scalar", uniform({}));
  add("an empty axis", uniform({2, 0, 3}));
  add("axes of length 1", uniform({1, 3, 1}));
  add("a transposed view", uniform({3, 2}).in(Layout::Transposed));
  add("a flipped view", uniform({2, 3}).in(Layout::Flipped));
  add("a strided view", uniform({2, 3}).in(Layout::Strided));
  add("a broadcast view", uniform({3, 2}).in(Layout::Broadcast));
  add("a long row", uniform({37}));
}

}  // namespace

void add_unary_cases(std::vector<OpCase>& cases) {
  add_smooth(cases);
  add_with_restricted_domain(cases);
  add_kinked(cases);
  add_layouts(cases);
}

}  // namespace brenier::testing

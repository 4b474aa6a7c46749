// Rows for the elementwise operations of two and three arguments: each at equal shapes to order four, and with every
// kind of broadcasting to order three, where a forgotten sum over a broadcast axis shows.
#include <string>
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&);

TensorFunction of_two(Binary f) {
  return [f](const std::vector<Tensor>& x) { return f(x[0], x[1]); };
}

struct ShapePair {
  const char* text;
  Shape a, b;
  int order;
};

const ShapePair kShapePairs[] = {
    {"", {3}, {3}, 4},
    {" of a row and a matrix", {3}, {2, 3}, 3},
    {" of a matrix and a row", {2, 3}, {3}, 3},
    {" of a column and a row", {2, 1}, {1, 3}, 3},
    {" of a scalar and a matrix", {}, {2, 3}, 3},
    {" of a matrix and a scalar", {2, 3}, {}, 3},
    {" of a matrix and a single element", {2, 2}, {1, 1, 1}, 2},
    {" of scalars", {}, {}, 2},
    {" with an empty axis", {2, 0}, {2, 1}, 2},
};

struct BinaryCase {
  const char* name;
  Binary f;
  double low_a, high_a, low_b, high_b;
};

// add, sub and mul at any numbers, the others away from their singularities.
const BinaryCase kSmooth[] = {{"add", add, -2, 2, -2, 2},
                              {"sub", sub, -2, 2, -2, 2},
                              {"mul", mul, -2, 2, -2, 2},
                              {"div", div, -2, 2, 0.7, 2},
                              {"pow", pow, 0.6, 2, -2, 3}};
// Which argument is larger must not change under a small step: the second lies between the values of the first.
const std::pair<const char*, Binary> kComparing[] = {{"maximum", maximum},
                                                     {"minimum", minimum},
                                                     {"equal", equal},
                                                     {"less", less},
                                                     {"less_equal", less_equal},
                                                     {"greater", greater},
                                                     {"greater_equal", greater_equal}};

void add_smooth(std::vector<OpCase>& cases) {
  for (const BinaryCase& op : kSmooth) {
    for (const ShapePair& shapes : kShapePairs) {
      cases.push_back({.name = std::string(op.name) + shapes.text,
                       .function = of_two(op.f),
                       .arguments = {uniform(shapes.a, op.low_a, op.high_a), uniform(shapes.b, op.low_b, op.high_b)},
                       .order = shapes.order});
    }
  }
}

void add_comparing(std::vector<OpCase>& cases) {
  const Argument a = given({2, 3}, {-1.5, 0.25, 2.0, 1.25, -0.5, -2.0});
  for (const auto& [name, f] : kComparing) {
    const std::string op = name;
    cases.push_back({.name = op,
                     .function = of_two(f),
                     .arguments = {a, given({2, 3}, {-0.5, -1.0, 1.0, 2.0, 0.5, -3.0})},
                     .order = 4});
    cases.push_back({.name = op + " of a matrix and a row",
                     .function = of_two(f),
                     .arguments = {a, given({3}, {0.5, -0.125, 0.0})},
                     .order = 3});
    cases.push_back({.name = op + " of a scalar and a matrix",
                     .function = of_two(f),
                     .arguments = {given({}, {0.5}), a},
                     .order = 2});
    cases.push_back({.name = op + " at ties",
                     .function = of_two(f),
                     .arguments = {a, given({2, 3}, {-1.5, 0.25, 2.0, 1.25, -0.5, -2.0})},
                     .order = 0});
  }
}

void add_pow_at_integers(std::vector<OpCase>& cases) {
  const Argument base = given({3}, {0.0, -1.25, 0.75});
  for (double exponent : {0.0, 1.0, 2.0, 3.0}) {
    cases.push_back({.name = "pow of zero and negative numbers to " + std::to_string(static_cast<int>(exponent)),
                     .function = [exponent](const std::vector<Tensor>& x) { return pow(x[0], exponent); },
                     .arguments = {base},
                     .order = 4});
  }
  cases.push_back({.name = "pow with integer exponents in a tensor",
                   .function = of_two(pow),
                   .arguments = {base, given({3}, {2, 3, -1}).held()},
                   .order = 4});
}

// The overloads that take a plain number on either side.
void add_numbers(std::vector<OpCase>& cases) {
  const auto add_row = [&](const char* name, Tensor (*f)(const Tensor&), Argument argument) {
    cases.push_back({.name = name,
                     .function = [f](const std::vector<Tensor>& x) { return f(x[0]); },
                     .arguments = {std::move(argument)},
                     .order = 3});
  };
  add_row(
      "x + 1.5", [](const Tensor& x) { return x + 1.5; }, uniform({3}));
  add_row(
      "1.5 - x", [](const Tensor& x) { return 1.5 - x; }, uniform({3}));
  add_row(
      "x - 1.5", [](const Tensor& x) { return x - 1.5; }, uniform({3}));
  add_row(
      "-2.5 x", [](const Tensor& x) { return -2.5 * x; }, uniform({3}));
  add_row(
      "x / 3", [](const Tensor& x) { return x / 3.0; }, uniform({3}));
  add_row(
      "2 / x", [](const Tensor& x) { return 2.0 / x; }, both_signs({3}, 0.7, 2));
  add_row(
      "x^1.5", [](const Tensor& x) { return pow(x, 1.5); }, uniform({3}, 0.6, 2));
  add_row(
      "1.5^x", [](const Tensor& x) { return pow(1.5, x); }, uniform({3}));
  add_row(
      "maximum(x, 0.25)", [](const Tensor& x) { return maximum(x, 0.25); }, given({3}, {1.0, -1.0, 0.0}));
  add_row(
      "minimum(0.25, x)", [](const Tensor& x) { return minimum(0.25, x); }, given({3}, {1.0, -1.0, 0.0}));
  add_row(
      "clamp", [](const Tensor& x) { return clamp(x, -0.5, 1.0); }, given({4}, {-1.0, 0.25, 0.75, 2.0}));
  add_row(
      "-x x", [](const Tensor& x) { return -x * x; }, uniform({3}));
}

void add_where(std::vector<OpCase>& cases) {
  const TensorFunction choose = [](const std::vector<Tensor>& x) { return where(x[0], x[1], x[2]); };
  const auto add_row = [&](const char* name, Argument condition, Argument a, Argument b, int order) {
    cases.push_back({.name = name,
                     .function = choose,
                     .arguments = {condition.held(), std::move(a), std::move(b)},
                     .order = order});
  };
  add_row("where", given({4}, {1, 0, 2, 0}), uniform({4}), uniform({4}), 4);
  add_row("where with a broadcast condition", given({2, 1}, {1, 0}), uniform({2, 3}), uniform({3}), 3);
  add_row("where with broadcast branches", given({2, 3}, {1, 0, 0, 1, 1, 0}), uniform({}), uniform({2, 1}), 3);
  cases.push_back({.name = "where with a number",
                   .function = [](const std::vector<Tensor>& x) { return where(less(x[0], 0.25), exp(x[0]), 2.0); },
                   .arguments = {given({3}, {-1.0, 0.5, 0.0})},
                   .order = 4});
}

void add_layouts(std::vector<OpCase>& cases) {
  const Layout layouts[] = {Layout::Transposed, Layout::Flipped, Layout::Strided, Layout::Broadcast};
  for (Layout a : layouts) {
    for (Layout b : layouts) {
      cases.push_back(
          {.name = "mul of views " + std::to_string(static_cast<int>(a)) + std::to_string(static_cast<int>(b)),
           .function = of_two(mul),
           .arguments = {uniform({3, 2}).in(a), uniform({2, 3, 2}).in(b)},
           .order = 1});
    }
  }
}

}  // namespace

void add_binary_cases(std::vector<OpCase>& cases) {
  add_smooth(cases);
  add_comparing(cases);
  add_pow_at_integers(cases);
  add_numbers(cases);
  add_where(cases);
  add_layouts(cases);
}

}  // namespace brenier::testing

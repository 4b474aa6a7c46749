// Rows for the matrix products: every pairing of vectors, matrices and batches, every transpose, every layout of the
// arguments, empty and single axes. The lengths of all axes differ, so that a wrong transpose cannot fit by accident;
// square rows are there because then a wrong one does fit and must show in the numbers.
#include <utility>

#include "engine/ops.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

namespace {

using Product = Tensor (*)(const Tensor&, const Tensor&);

OpCase product_case(std::string name, Product f, Argument a, Argument b, int order = 2) {
  return {.name = std::move(name),
          .function = [f](const std::vector<Tensor>& x) { return f(x[0], x[1]); },
          .arguments = {std::move(a), std::move(b)},
          .order = order};
}

void add_shapes(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, const Shape& a, const Shape& b) {
    cases.push_back(product_case(name, matmul, uniform(a), uniform(b)));
  };
  add("matmul", {2, 3}, {3, 4});
  add("matmul of square matrices", {3, 3}, {3, 3});
  add("matmul of a vector and a matrix", {3}, {3, 2});
  add("matmul of a matrix and a vector", {2, 3}, {3});
  add("matmul of vectors", {3}, {3});
  add("matmul of a row and a column", {1, 3}, {3, 1});
  add("matmul of a column and a row", {3, 1}, {1, 2});
  add("matmul of single elements", {1, 1}, {1, 1});
  add("matmul of batches", {2, 2, 3}, {2, 3, 2});
  add("matmul of a batch and a matrix", {2, 2, 3}, {3, 2});
  add("matmul of a matrix and a batch", {2, 3}, {2, 3, 2});
  add("matmul of a batch and a vector", {2, 2, 3}, {3});
  add("matmul of a vector and a batch", {3}, {2, 3, 2});
  add("matmul of broadcast batches", {2, 1, 2, 3}, {3, 3, 1});
  add("matmul of crossed batches", {2, 1, 1, 2}, {1, 3, 2, 2});
  add("matmul with an empty inner axis", {2, 0}, {0, 3});
  add("matmul with an empty row axis", {0, 3}, {3, 2});
  add("matmul with an empty batch", {0, 2, 3}, {3, 2});
}

void add_transposes(std::vector<OpCase>& cases) {
  cases.push_back(product_case(
      "matmul A'B", [](const Tensor& a, const Tensor& b) { return matmul(transpose(a), b); }, uniform({3, 2}),
      uniform({3, 4})));
  cases.push_back(product_case(
      "matmul AB'", [](const Tensor& a, const Tensor& b) { return matmul(a, transpose(b)); }, uniform({2, 3}),
      uniform({4, 3})));
  cases.push_back(product_case(
      "matmul A'B'", [](const Tensor& a, const Tensor& b) { return matmul(transpose(a), transpose(b)); },
      uniform({3, 2}), uniform({4, 3})));
  cases.push_back(product_case(
      "matmul of permuted batches",
      [](const Tensor& a, const Tensor& b) {
        return matmul(permute(a, {1, 2, 0}), transpose(b));
      },
      uniform({3, 2, 2}), uniform({2, 4, 3})));
  cases.push_back({.name = "matmul AA'",
                   .function = [](const std::vector<Tensor>& x) { return matmul(x[0], transpose(x[0])); },
                   .arguments = {uniform({2, 3})},
                   .order = 3});
  cases.push_back({.name = "matmul AAA",
                   .function = [](const std::vector<Tensor>& x) { return matmul(matmul(x[0], x[0]), x[0]); },
                   .arguments = {uniform({2, 2})},
                   .order = 4});
}

void add_layouts(std::vector<OpCase>& cases) {
  for (Layout a : {Layout::RowMajor, Layout::Transposed, Layout::Flipped, Layout::Strided, Layout::Broadcast}) {
    for (Layout b : {Layout::RowMajor, Layout::Transposed, Layout::Flipped, Layout::Strided, Layout::Broadcast}) {
      cases.push_back(
          product_case("matmul of views " + std::to_string(static_cast<int>(a)) + std::to_string(static_cast<int>(b)),
                       matmul, uniform({5, 3}).in(a), uniform({3, 4}).in(b), 1));
    }
  }
  cases.push_back(product_case("matmul of a batch of views", matmul, uniform({2, 3, 2}).in(Layout::Broadcast),
                               uniform({2, 2, 3}).in(Layout::Flipped), 1));
  cases.push_back(product_case("matmul of many rows", matmul, uniform({19, 33}), uniform({33, 17}), 1));
}

void add_others(std::vector<OpCase>& cases) {
  cases.push_back(product_case("dot", dot, uniform({4}), uniform({4})));
  cases.push_back(product_case("dot of matrices", dot, uniform({2, 3}), uniform({2, 3}).in(Layout::Transposed)));
  cases.push_back(product_case("dot of scalars", dot, uniform({}), uniform({})));
  cases.push_back(product_case("outer", outer, uniform({2}), uniform({3})));
  cases.push_back(product_case("outer with an empty factor", outer, uniform({0}), uniform({3})));
}

// Matrix, vector and scale; the scale may be held.
void add_log_matvec(std::vector<OpCase>& cases) {
  const auto add = [&](const char* name, Argument a, Argument v, Argument scale, int order = 2) {
    cases.push_back({.name = name,
                     .function = [](const std::vector<Tensor>& x) { return log_matvec(x[0], x[1], x[2]); },
                     .arguments = {std::move(a), std::move(v), std::move(scale)},
                     .order = order});
  };
  const Argument scale = uniform({}, 0.5, 1.5);
  add("log_matvec", uniform({2, 3}), uniform({3}), scale);
  add("log_matvec with a fixed scale", uniform({3, 2}), uniform({2}), scale.held(), 3);
  add("log_matvec of batches", uniform({2, 2, 3}), uniform({2, 3}), scale);
  add("log_matvec of a batch and a vector", uniform({2, 2, 3}), uniform({3}), scale);
  add("log_matvec of a matrix and a batch", uniform({2, 3}), uniform({2, 3}), scale, 1);
  add("log_matvec of one column", uniform({3, 1}), uniform({1}), scale);
  add("log_matvec without rows", uniform({0, 3}), uniform({3}), scale);
  add("log_matvec of a long row", uniform({2, 35}), uniform({35}), scale, 1);
  add("log_matvec of a transpose", uniform({2, 3}).in(Layout::Transposed), uniform({3}).in(Layout::Flipped), scale, 1);
}

}  // namespace

void add_matmul_cases(std::vector<OpCase>& cases) {
  add_shapes(cases);
  add_transposes(cases);
  add_layouts(cases);
  add_others(cases);
  add_log_matvec(cases);
}

}  // namespace brenier::testing

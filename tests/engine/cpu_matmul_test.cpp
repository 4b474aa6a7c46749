// The matrix product against three loops in long double: all sizes around the tiles and blocks, all layouts, and
// broadcast batches. Bound: |error| <= (k + 1) eps (|A||B|) for each entry (Higham 2002, section 3.5), in any order
// of summation.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/str.h"
#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"
#include "tests/support/sampler.h"
#include "tests/support/with_threads.h"

namespace brenier::testing {
namespace {

Dims replaced(Dims index, int axis, std::int64_t value) {
  index[axis] = value;
  return index;
}

Shape product_shape(const Tensor& a, const Tensor& b) {
  const Shape batch = broadcast_shapes("test", a.shape().part(0, a.rank() - 2), b.shape().part(0, b.rank() - 2));
  return batch + Shape{a.dim(-2), b.dim(-1)};
}

// The product in long double, and the bound for each entry, in row-major order.
struct Reference {
  std::vector<long double> sum, bound;
};

Reference reference(const Tensor& a, const Tensor& b) {
  Reference result;
  const std::int64_t depth = a.dim(-1);
  for_each_index(product_shape(a, b), [&](const Dims& index) {
    long double sum = 0, scale = 0;
    for (std::int64_t p = 0; p < depth; ++p) {
      const long double term =
          static_cast<long double>(broadcast_at(a, replaced(index, -1, p))) * broadcast_at(b, replaced(index, -2, p));
      sum += term;
      scale += std::abs(term);
    }
    result.sum.push_back(sum);
    result.bound.push_back((depth + 1) * epsilon(a.dtype()) * scale);
  });
  return result;
}

// Empty if every entry of c is within the bound.
std::string product_error(const Reference& expected, const Tensor& c) {
  std::string message;
  std::size_t i = 0;
  for_each_index(c.shape(), [&](const Dims& index) {
    const long double error = std::abs(static_cast<long double>(c.at(index)) - expected.sum[i]);
    if (!(error <= expected.bound[i])) message = str("error ", error, " at ", index);
    ++i;
  });
  return message;
}

std::string product_error(const Tensor& a, const Tensor& b, const Tensor& c) {
  return product_error(reference(a, b), c);
}

// Every layout of both factors.
void check_product(const Shape& a_shape, const Shape& b_shape, DType dtype) {
  Sampler sampler(7);
  const Tensor a = sampler.uniform(a_shape, -1, 1, dtype), b = sampler.uniform(b_shape, -1, 1, dtype);
  const Reference expected = reference(a, b);
  for (const Layout& a_layout : layouts()) {
    for (const Layout& b_layout : layouts()) {
      INFO(a_shape, " x ", b_shape, " ", name_of(dtype), " ", a_layout.name, " ", b_layout.name);
      const Tensor c = run_kernel(OpCode::MatMul, {a_layout.of(a), b_layout.of(b)}, product_shape(a, b), dtype);
      CHECK(product_error(expected, c) == "");
    }
  }
}

struct Part {
  std::int64_t rows, cols;
};

const DType kFloating[] = {DType::Float32, DType::Float64};

}  // namespace

TEST_CASE("matmul agrees with three loops for small sizes, in every layout") {
  for (DType dtype : kFloating) {
    for (std::int64_t m : {1, 2, 3, 4, 5, 9}) {
      for (std::int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 17}) {
        for (std::int64_t k : {1, 2, 3, 4, 5}) check_product({m, k}, {k, n}, dtype);
      }
    }
  }
}

TEST_CASE("matmul agrees with three loops for sizes around the tiles of every instruction set, in every layout") {
  // Tiles have 4, 6 or 14 rows, and 2 packs of 2, 4, 8 or 16 columns.
  for (DType dtype : kFloating) {
    for (std::int64_t m : {6, 7, 8, 12, 13, 14, 15, 28, 29}) {
      for (std::int64_t n : {6, 15, 16, 23, 24, 31, 32, 33, 48, 49}) check_product({m, 9}, {9, n}, dtype);
    }
  }
}

TEST_CASE("matmul agrees with three loops for sizes around the blocks, in every layout") {
  for (DType dtype : kFloating) {
    check_product({2, 389}, {389, 3}, dtype);     // several stretches of k
    check_product({29, 389}, {389, 33}, dtype);   // the same, with edges
    check_product({15, 7}, {7, 133}, dtype);      // A packed, B in place
    check_product({89, 7}, {7, 33}, dtype);       // B packed, A in place
    check_product({89, 195}, {195, 131}, dtype);  // both packed
    check_product({5, 6}, {6, 1037}, dtype);      // several blocks of columns
    check_product({89, 6}, {6, 1037}, dtype);     // the same, packed
    check_product({3, 2}, {2, 519}, dtype);       // few terms, many columns
    check_product({65, 258}, {258, 1}, dtype);    // a column
    check_product({1, 258}, {258, 65}, dtype);    // a row
  }
}

TEST_CASE("an entry of a product does not depend on the size of the product, bit for bit") {
  Sampler sampler(9);
  for (DType dtype : kFloating) {
    const Tensor a = sampler.uniform({93, 401}, -1, 1, dtype), b = sampler.uniform({401, 181}, -1, 1, dtype);
    const Tensor c = run_kernel(OpCode::MatMul, {a, b}, {93, 181}, dtype);
    for (const auto& [m, n] : {Part{92, 180}, Part{17, 33}, Part{3, 160}, Part{2, 5}}) {
      const Tensor rows = a.view({m, 401}, {401, 1}, 0), columns = b.view({401, n}, {181, 1}, 0);
      const Tensor part = run_kernel(OpCode::MatMul, {rows, columns}, {m, n}, dtype);
      CHECK(mismatch(part, c.view({m, n}, {181, 1}, 0), 0) == "");
    }
  }
}

TEST_CASE("a matrix times its transpose is the product with a copy of it, bit for bit, for every number of threads") {
  Sampler sampler(10);
  for (DType dtype : kFloating) {
    // Around the sizes from which on half of it is computed, and several blocks of columns and of terms.
    for (const auto& [m, k] : {Part{31, 40}, Part{48, 31}, Part{48, 32}, Part{95, 33}, Part{111, 300}, Part{112, 32},
                               Part{130, 65}, Part{257, 40}, Part{600, 530}, Part{1100, 32}}) {
      const Tensor a = sampler.uniform({m, k}, -1, 1, dtype), copy = tensor(a.to_vector<double>(), {m, k}, dtype);
      const auto by_columns = [](const Tensor& x) { return x.view({x.dim(1), x.dim(0)}, {1, x.dim(1)}, 0); };
      const Tensor expected = run_kernel(OpCode::MatMul, {a, by_columns(copy)}, {m, m}, dtype);
      for (const int count : {1, 2, 3}) {
        INFO(m, " ", k, " ", name_of(dtype), " ", count, " threads");
        const WithThreads with(count);
        CHECK(mismatch(run_kernel(OpCode::MatMul, {a, by_columns(a)}, {m, m}, dtype), expected, 0) == "");
      }
    }
    const Tensor a = sampler.uniform({300, 130}, -1, 1, dtype), copy = tensor(a.to_vector<double>(), {300, 130}, dtype);
    const Tensor left = a.view({130, 300}, {1, 130}, 0);
    const Tensor expected = run_kernel(OpCode::MatMul, {left, copy}, {130, 130}, dtype);
    CHECK(mismatch(run_kernel(OpCode::MatMul, {left, a}, {130, 130}, dtype), expected, 0) == "");
  }
}

TEST_CASE("matmul broadcasts leading axes, in every layout") {
  for (DType dtype : kFloating) {
    check_product({3, 4, 5}, {5, 2}, dtype);  // one product with more rows
    check_product({3, 1, 5}, {5, 2}, dtype);
    check_product({4, 5}, {3, 5, 2}, dtype);
    check_product({3, 4, 5}, {3, 5, 2}, dtype);
    check_product({2, 1, 4, 3}, {3, 3, 2}, dtype);
    check_product({2, 3, 4, 3}, {2, 1, 3, 2}, dtype);
    check_product({2, 1, 1, 3}, {1, 3, 3, 5}, dtype);
    check_product({2, 3, 2, 3}, {3, 5}, dtype);
  }
}

TEST_CASE("matmul reads factors with stride 0") {
  Sampler sampler(8);
  const Tensor a = sampler.uniform({6, 7}), row = sampler.uniform({1, 9}), column = sampler.uniform({7, 1});
  for (const Tensor& b : {row.view({7, 9}, {0, 1}, 0), column.view({7, 9}, {1, 0}, 0), row.view({7, 9}, {0, 0}, 0)}) {
    CHECK(product_error(a, b, run_kernel(OpCode::MatMul, {a, b}, {6, 9})) == "");
    const Tensor left = b.view({9, 7}, {b.strides()[1], b.strides()[0]}, 0);
    const Tensor right = a.view({7, 6}, {1, 7}, 0);
    CHECK(product_error(left, right, run_kernel(OpCode::MatMul, {left, right}, {9, 6})) == "");
  }
}

TEST_CASE("matmul over an empty k is zero, and empty results are fine") {
  for (DType dtype : kFloating) {
    check_product({3, 0}, {0, 4}, dtype);
    check_product({2, 3, 0}, {0, 4}, dtype);
    check_product({0, 3}, {3, 4}, dtype);
    check_product({2, 3}, {3, 0}, dtype);
    check_product({0, 2, 3}, {3, 4}, dtype);
    check_product({0, 2, 3}, {1, 3, 4}, dtype);
    check_product({0, 0}, {0, 0}, dtype);
  }
}

TEST_CASE("matmul passes NaN and infinities on, and only where they belong") {
  // Zeros that pad a panel must never meet an infinity of a neighbour.
  const double inf = INFINITY;
  const Tensor a = tensor({{1, 2}, {inf, 1}, {1, 1}}), b = tensor({{1, 1, 1}, {1, NAN, 1}});
  const Tensor c = run_kernel(OpCode::MatMul, {a, b}, {3, 3});
  CHECK(mismatch(c, tensor({{3, NAN, 3}, {inf, NAN, inf}, {2, NAN, 2}}), 0) == "");
}

}  // namespace brenier::testing

// The kernels for matrix products, each by name, against sums in double on the host. Factors lie in memory that holds
// NaN around and between their lines.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/cuda/gemm.h"
#include "tests/cuda/array.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

// `batches` matrices of side x depth on the host, with the strides of their place on the device.
template <class T>
struct Matrices {
  std::int64_t side, depth, batches;
  Along along;
  std::int64_t offset, stride, batch_stride;
  std::vector<T> values;

  // Lines begin at multiples of 16 bytes, or at no such place.
  Matrices(std::int64_t side_, std::int64_t depth_, std::int64_t batches_, Along along_, bool aligned)
      : side(side_), depth(depth_), batches(batches_), along(along_), offset(aligned ? 8 : 1) {
    const std::int64_t length = along == Along::Depth ? depth : side, lines = along == Along::Depth ? side : depth;
    stride = aligned ? (length + 7) / 4 * 4 : length + 1 + length % 2;
    batch_stride = lines * stride + (aligned ? 4 : 1);
    values.assign(static_cast<std::size_t>(offset + batches * batch_stride), std::numeric_limits<T>::quiet_NaN());
  }
  T& at(std::int64_t batch, std::int64_t i, std::int64_t k) {
    const std::int64_t in_matrix = along == Along::Depth ? i * stride + k : k * stride + i;
    return values[static_cast<std::size_t>(offset + batch * batch_stride + in_matrix)];
  }
  void fill(unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> number(-1, 1);
    for (std::int64_t b = 0; b < batches; ++b) {
      for (std::int64_t i = 0; i < side; ++i) {
        for (std::int64_t k = 0; k < depth; ++k) at(b, i, k) = static_cast<T>(number(random));
      }
    }
  }
};

struct Case {
  GemmPlan plan;
  GemmShape shape;
  Along a = Along::Depth, b = Along::Side;
  bool aligned = true, accumulate = false;
  bool one_b = false;  // for all products of the batch
};

std::string describe(const Case& c) {
  const auto layout = [](Along along) { return along == Along::Depth ? "depth" : "side"; };
  return str(name_of(c.plan.rung), c.plan.large_tile ? " large" : "", " ", c.shape.batches, " x ", c.shape.rows, " x ",
             c.shape.cols, " x ", c.shape.depth, ", A along ", layout(c.a), ", B along ", layout(c.b),
             c.aligned ? ", aligned" : "", c.accumulate ? ", accumulate" : "", ", split ", c.plan.split_depth);
}

template <class T>
struct Product {
  Matrices<T> a, b;
  explicit Product(const Case& c)
      : a(c.shape.rows, c.shape.depth, c.shape.batches, c.a, c.aligned),
        b(c.shape.cols, c.shape.depth, c.one_b ? 1 : c.shape.batches, c.b, c.aligned) {
    a.fill(1);
    b.fill(2);
  }
};

// What the output holds before; 0.5 is exact in every format.
constexpr double kBefore = 0.5;

template <class T>
std::vector<T> compute(const Case& c, Product<T>& product) {
  const GemmShape& s = c.shape;
  const auto size = static_cast<std::size_t>(s.batches * s.rows * s.cols);
  Array<T> a(product.a.values), b(product.b.values);
  // One element more, so that there always is one.
  Array<T> out(std::vector<T>(size + 1, c.accumulate ? T(kBefore) : std::numeric_limits<T>::quiet_NaN()));
  Array<T> scratch(scratch_bytes(c.plan, s, dtype_of<T>()) / sizeof(T) + 1);
  GemmArguments<T> arguments{.rows = static_cast<int>(s.rows),
                             .cols = static_cast<int>(s.cols),
                             .depth = static_cast<int>(s.depth),
                             .a = {a.data() + product.a.offset, product.a.stride, c.a, c.aligned},
                             .b = {b.data() + product.b.offset, product.b.stride, c.b, c.aligned},
                             .c = out.data(),
                             .accumulate = c.accumulate,
                             .batches = s.batches};
  arguments.batch.rank = 1;
  arguments.batch.length[0] = s.batches;
  arguments.batch.stride[0][0] = product.a.batch_stride;
  arguments.batch.stride[1][0] = c.one_b ? 0 : product.b.batch_stride;
  gemm(c.plan, arguments, scratch.data());
  std::vector<T> result = out.values();
  result.pop_back();
  return result;
}

// Calls visit(entry, sum, sum of absolute values) for each entry of C.
template <class T, class Visit>
void for_each_sum(const Case& c, Product<T>& product, const Visit& visit) {
  std::size_t entry = 0;
  for (std::int64_t batch = 0; batch < c.shape.batches; ++batch) {
    for (std::int64_t i = 0; i < c.shape.rows; ++i) {
      for (std::int64_t j = 0; j < c.shape.cols; ++j, ++entry) {
        double sum = c.accumulate ? kBefore : 0, absolute = std::abs(sum);
        for (std::int64_t k = 0; k < c.shape.depth; ++k) {
          const double term = double{product.a.at(batch, i, k)} * double{product.b.at(c.one_b ? 0 : batch, j, k)};
          sum += term;
          absolute += std::abs(term);
        }
        visit(entry, sum, absolute);
      }
    }
  }
}

// Each entry is off by at most k eps sum |a b|, and a little for the products and the sum with what was there before.
// The oracle's own error counts where it has no more digits.
template <class T>
void check_product(const Case& c) {
  INFO(describe(c));
  Product<T> product(c);
  const std::vector<T> got = compute<T>(c, product);
  double worst = 0;
  const double bound = static_cast<double>(c.shape.depth + 4) * std::numeric_limits<T>::epsilon();
  for_each_sum(c, product, [&](std::size_t entry, double sum, double absolute) {
    const double error = std::abs(got[entry] - sum);
    const double ratio = error == 0 ? 0 : error / (bound * absolute);
    worst = ratio <= worst ? worst : ratio;  // NaN stays
  });
  CHECK(worst <= 1);
}

std::vector<Gemm> rungs_here() {
  std::vector<Gemm> rungs(all_gemms().begin(), all_gemms().end());
  std::erase_if(rungs, [](Gemm rung) { return !runs_here(rung); });
  return rungs;
}

void check(Case c) {
  if (computes(c.plan.rung, DType::Float32)) check_product<float>(c);
  if (computes(c.plan.rung, DType::Float64)) check_product<double>(c);
}

template <class Visit>
void for_each_layout(const Visit& visit) {
  for (Along a : {Along::Depth, Along::Side}) {
    for (Along b : {Along::Depth, Along::Side}) visit(a, b);
  }
}

void check_rung(const GemmPlan& plan) {
  const GemmShape shapes[] = {{1, 1, 1},    {3, 1, 17},    {1, 65, 33},  {17, 33, 3},
                              {65, 17, 40}, {33, 130, 64}, {130, 65, 35}};
  bool aligned = false;
  for (const GemmShape& shape : shapes) {
    for_each_layout([&](Along a, Along b) {
      check({plan, shape, a, b, aligned});
      aligned = !aligned;
    });
    aligned = !aligned;  // so that each layout is met with both
  }
}

double largest_error(Gemm rung, const Case& base) {
  Case c = base;
  c.plan.rung = rung;
  Product<float> product(c);
  const std::vector<float> got = compute<float>(c, product);
  double largest = 0;
  for_each_sum(c, product, [&](std::size_t entry, double sum, double absolute) {
    largest = std::max(largest, std::abs(got[entry] - sum) / absolute);
  });
  return largest;
}

}  // namespace

TEST_CASE("the naive product is right for all layouts and odd sizes") {
  if (available()) check_rung({Gemm::Naive});
}
TEST_CASE("the tiled product is right for all layouts and odd sizes") {
  if (available()) check_rung({Gemm::Tiled});
}
TEST_CASE("the vectorised product is right for all layouts and odd sizes") {
  if (available()) check_rung({Gemm::Vectorised});
}
TEST_CASE("the warp-tiled product is right for all layouts and odd sizes") {
  if (!available()) return;
  check_rung({Gemm::WarpTiled, false});
  check_rung({Gemm::WarpTiled, true});
}
TEST_CASE("the product in three TF32 parts is right for all layouts and odd sizes") {
  if (available()) check_rung({Gemm::Tf32x3});
}
TEST_CASE("the product in three TF32 parts by warpgroups is right for all layouts and odd sizes") {
  if (!available() || !runs_here(Gemm::WgmmaTf32x3)) return;
  check_rung({Gemm::WgmmaTf32x3});
  // More tiles of terms than are under way at a time.
  for_each_layout([](Along a, Along b) { check({{Gemm::WgmmaTf32x3}, {129, 20, 321}, a, b}); });
}
TEST_CASE("the product of doubles on tensor cores is right for all layouts and odd sizes") {
  if (available()) check_rung({Gemm::TensorF64});
}

TEST_CASE("three TF32 parts are at most twice as far off as float32") {
  if (!available()) return;
  for (Gemm rung : {Gemm::Tf32x3, Gemm::WgmmaTf32x3}) {
    if (!runs_here(rung)) continue;
    for (std::int64_t depth : {8, 32, 64, 257, 1000}) {
      const Case c{.plan = {}, .shape = {24, 24, depth}};
      INFO(name_of(rung), ", depth ", depth);
      CHECK(largest_error(rung, c) <= 2 * largest_error(Gemm::Tiled, c));
    }
  }
}

TEST_CASE("every rung sums in splits, and repeats every bit") {
  if (!available()) return;
  for (Gemm rung : rungs_here()) {
    for (bool accumulate : {false, true}) {
      const Case c{.plan = {rung, false, 64}, .shape = {19, 35, 200}, .a = Along::Side, .accumulate = accumulate};
      check(c);
      if (!computes(rung, DType::Float32)) continue;
      Product<float> product(c);
      CHECK(compute<float>(c, product) == compute<float>(c, product));
    }
  }
}

TEST_CASE("every rung adds to what is there") {
  if (!available()) return;
  for (Gemm rung : rungs_here()) {
    check({.plan = {rung}, .shape = {21, 36, 18}, .accumulate = true});
    check({.plan = {rung}, .shape = {21, 35, 18}, .b = Along::Depth, .aligned = false, .accumulate = true});
  }
}

TEST_CASE("every rung multiplies batches, and batches with one factor") {
  if (!available()) return;
  for (Gemm rung : rungs_here()) {
    check({.plan = {rung}, .shape = {5, 7, 9, 3}});
    check({.plan = {rung}, .shape = {5, 8, 9, 3}, .a = Along::Side, .one_b = true});
    check({.plan = {rung, false, 32}, .shape = {5, 8, 70, 2}, .one_b = true});
  }
}

TEST_CASE("more products than a grid has places along z") {
  if (!available()) return;
  check_product<float>({.plan = {Gemm::Naive}, .shape = {1, 1, 2, 65537}});
}

TEST_CASE("no terms give zeros, or leave what is there") {
  if (!available()) return;
  for (Gemm rung : rungs_here()) {
    check({.plan = {rung}, .shape = {5, 4, 0}});
    check({.plan = {rung}, .shape = {5, 4, 0}, .accumulate = true});
    check({.plan = {rung}, .shape = {0, 4, 3}});
    check({.plan = {rung}, .shape = {4, 0, 3}});
  }
}

TEST_CASE("a NaN reaches its row and nothing else") {
  if (!available()) return;
  for (Gemm rung : rungs_here()) {
    if (!computes(rung, DType::Float32)) continue;
    const Case c{.plan = {rung}, .shape = {20, 18, 19}};
    Product<float> product(c);
    product.a.at(0, 7, 18) = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> got = compute<float>(c, product);
    bool right = true;
    for (std::size_t entry = 0; entry < got.size(); ++entry)
      right = right && std::isnan(got[entry]) == (entry / 18 == 7);
    INFO(name_of(rung));
    CHECK(right);
  }
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

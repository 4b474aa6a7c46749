// Linear algebra on the device, by the equations that results have to satisfy, evaluated on the CPU in double: sides from
// 1 up through all kinds of teams to matrices that do not fit into shared memory, all layouts, and bad matrices.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/ops.h"
#include "tests/cuda/device_kernels.h"
#include "tests/support/kernel_call.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

using brenier::testing::Layout;
using brenier::testing::layouts;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Tensor wide(const Tensor& x) { return cast(x, DType::Float64); }
Tensor unit(std::int64_t n) { return eye(n, DType::Float64); }

// Symmetric with eigenvalues between 1 and about 5, rounded to the dtype; what is asked for besides lies in the diagonal's
// antisymmetric neighbours, which nothing may read but through the symmetric part.
Tensor spd(std::int64_t batch, std::int64_t n, DType dtype, std::uint64_t seed) {
  const Tensor g = Sampler(seed).uniform({batch, n, n}, -1, 1);
  const Tensor symmetric = unit(n) + matmul(g, transpose(g)) * (3.0 / static_cast<double>(n));
  const Tensor h = Sampler(seed + 1).uniform({batch, n, n}, -1, 1);
  return cast(symmetric + (h - transpose(h)), dtype);
}
Tensor symmetric_part(const Tensor& a) { return 0.5 * (wide(a) + wide(transpose(a))); }
Tensor general(std::int64_t batch, std::int64_t n, DType dtype, std::uint64_t seed) {
  return cast(Sampler(seed).uniform({batch, n, n}, -1, 1) + 2.0 * unit(n), dtype);
}

Tensor device_op(OpCode code, const std::vector<Tensor>& inputs, const Shape& shape, std::int64_t count = 0) {
  Attributes attributes;
  attributes.count = count;
  return run_on_device(code, inputs, shape, inputs.back().dtype(), attributes);
}

double largest(const Tensor& x) { return x.size() == 0 ? 0 : max_abs(x); }

// Backward errors of these algorithms grow at most like n eps times the numbers involved; 40 covers the growth of LU.
double tolerance(std::int64_t n, DType dtype) { return 40 * static_cast<double>(n) * epsilon(dtype); }

// P A from the exchanges in row n of the factor.
Tensor exchanged(const Tensor& a, const Tensor& factor) {
  const std::int64_t n = a.dim(-1), batch = a.dim(0);
  std::vector<double> values = a.to_vector<double>();
  const std::vector<double> pivots = select(factor, -2, n).to_vector<double>();
  for (std::int64_t m = 0; m < batch; ++m)
    for (std::int64_t k = 0; k < n; ++k) {
      const auto row = [&](std::int64_t i) { return values.begin() + (m * n + i) * n; };
      const auto pivot = static_cast<std::int64_t>(pivots[static_cast<std::size_t>(m * n + k)]);
      if (pivot != k) std::swap_ranges(row(k), row(k) + n, row(pivot));
    }
  return tensor(values, a.shape());
}

Tensor triangle(std::int64_t n, double above, double diagonal, double below) {
  return brenier::testing::from_formula({n, n}, DType::Float64, [&](const Dims& at) {
    return at[0] == at[1] ? diagonal : at[0] < at[1] ? above : below;
  });
}

struct Sizes {
  std::int64_t batch, n, cols;
};
struct Batch {
  std::int64_t size, n;
};
// Threads, warps, blocks; groups of teams that are not full; space in global memory.
const Sizes kSizes[] = {{1, 1, 1},   {35, 2, 3}, {5, 7, 1},   {33, 16, 5}, {6, 17, 2},
                        {3, 33, 40}, {5, 43, 1}, {2, 64, 64}, {2, 70, 3},  {1, 130, 75}};

}  // namespace

TEST_CASE("Cholesky factors, and systems, inverses and determinants by them") {
  if (!available()) return;
  for (const auto& [batch, n, cols] : kSizes) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      INFO(batch, " matrices ", n, " x ", n, " with ", cols, " right-hand sides, ", dtype);
      const Tensor a = spd(batch, n, dtype, 1), s = symmetric_part(a);
      const Tensor b = Sampler(3).uniform({batch, n, cols}, -1, 1, dtype);
      const Tensor l = device_op(OpCode::Cholesky, {a}, a.shape()), factor = wide(l);
      const double eps = tolerance(n, dtype);
      CHECK(largest(matmul(factor, transpose(factor)) - s) <= eps * largest(s));
      CHECK(largest(factor * triangle(n, 1, 0, 0)) == 0);
      const Tensor x = wide(device_op(OpCode::SpdSolve, {a, l, b}, b.shape()));
      CHECK(largest(matmul(s, x) - wide(b)) <= eps * largest(s) * largest(x));
      const Tensor inverse = wide(device_op(OpCode::SpdInverse, {a, l}, a.shape()));
      CHECK(largest(matmul(s, inverse) - unit(n)) <= eps * largest(s));
      const Tensor logdet = wide(device_op(OpCode::SpdLogdet, {a, l}, {batch}));
      const Tensor diagonal = sum(factor * unit(n), {-1});
      CHECK(largest(logdet - 2.0 * sum(log(diagonal), {-1})) <= eps * 4);
    }
  }
}

TEST_CASE("triangular systems read their triangle alone") {
  if (!available()) return;
  for (const auto& [batch, n, cols] : kSizes) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      for (const bool upper : {false, true}) {
        INFO(batch, " triangles ", n, " x ", n, upper ? ", upper, " : ", lower, ", dtype);
        // Small beside the diagonal, so that the condition does not grow with n.
        const Tensor t = Sampler(4).uniform({batch, n, n}, -1, 1) / static_cast<double>(n) + 2.0 * unit(n);
        const Tensor kept = cast(t, dtype), mask = upper ? triangle(n, 1, 1, 0) : triangle(n, 0, 1, 1);
        const Tensor other = cast(where(mask, t, kNaN), dtype);
        const Tensor b = Sampler(5).uniform({batch, n, cols}, -1, 1, dtype);
        const Tensor x = wide(device_op(OpCode::TriangularSolve, {other, b}, b.shape(), upper ? 1 : 0));
        CHECK(largest(matmul(wide(kept) * mask, x) - wide(b)) <= tolerance(n, dtype) * 3);
      }
    }
  }
}

TEST_CASE("LU factors with exchanges, and systems, inverses and determinants by them") {
  if (!available()) return;
  for (const auto& [batch, n, cols] : kSizes) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      INFO(batch, " matrices ", n, " x ", n, " with ", cols, " right-hand sides, ", dtype);
      const Tensor a = flip(general(batch, n, dtype, 6), {-1}), exact = wide(a);  // the diagonal is not the largest
      const Tensor b = Sampler(7).uniform({batch, n, cols}, -1, 1, dtype);
      const Tensor f = device_op(OpCode::LuFactor, {a}, {batch, n + 1, n}), factor = wide(f);
      const Tensor lu = slice(factor, -2, 0, n);
      const Tensor lower = lu * triangle(n, 0, 0, 1) + unit(n), upper = lu * triangle(n, 1, 1, 0);
      const double eps = tolerance(n, dtype);
      CHECK(largest(lower) <= 1);
      CHECK(largest(matmul(lower, upper) - exchanged(exact, factor)) <= eps * largest(upper));
      const Tensor x = wide(device_op(OpCode::LuSolve, {a, f, b}, b.shape()));
      CHECK(largest(matmul(exact, x) - wide(b)) <= eps * largest(upper) * largest(x));
      const Tensor y = wide(device_op(OpCode::LuSolve, {a, f, b}, b.shape(), 1));
      CHECK(largest(matmul(transpose(exact), y) - wide(b)) <= eps * largest(upper) * largest(y));
      const Tensor inverse = wide(device_op(OpCode::LuInverse, {a, f}, a.shape()));
      CHECK(largest(matmul(exact, inverse) - unit(n)) <= eps * largest(upper) * largest(inverse));
      const Tensor logdet = wide(device_op(OpCode::LuLogdet, {a, f}, {batch}));
      const Tensor diagonal = sum(upper * unit(n), {-1});
      CHECK(largest(logdet - sum(log(abs(diagonal)), {-1})) <= eps * 4);
    }
  }
}

TEST_CASE("the sign of a determinant is that of its permutation and its pivots") {
  if (!available()) return;
  const Tensor exchange = tensor({{0, 1, 0}, {1, 0, 0}, {0, 0, 1}}), turn = tensor({{0, 1, 0}, {0, 0, 1}, {1, 0, 0}});
  const Tensor singular = tensor({{1, 2, 3}, {2, 4, 6}, {0, 0, 5}}), bad = tensor({{2, 0, 0}, {0, kNaN, 0}, {0, 0, 1}});
  const Tensor a = stack({exchange, turn, singular, bad});
  const Tensor f = device_op(OpCode::LuFactor, {a}, {4, 4, 3});
  const std::vector<double> signs = device_op(OpCode::LuSign, {f}, {4}).to_vector<double>();
  CHECK(signs[0] == -1);
  CHECK(signs[1] == 1);
  CHECK(signs[2] == 0);
  CHECK(std::isnan(signs[3]));
  const std::vector<double> logs = device_op(OpCode::LuLogdet, {a, f}, {4}).to_vector<double>();
  CHECK(logs[2] == -std::numeric_limits<double>::infinity());
}

TEST_CASE("eigenvalues and eigenvectors, also of zero and of repeated eigenvalues") {
  if (!available()) return;
  for (const auto& [batch, n] : {Batch{3, 1}, Batch{35, 3}, Batch{4, 16}, Batch{3, 21}, Batch{1, 75}}) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      INFO(batch, " matrices ", n, " x ", n, ", ", dtype);
      const Tensor v = Sampler(8).uniform({batch, n, 1}, -1, 1);
      const Tensor projection = cast(matmul(v, transpose(v)) / sum(square(v), {-2}, true), dtype);  // 0, …, 0, 1
      for (const Tensor& a : {spd(batch, n, dtype, 9), projection, zeros({batch, n, n}, dtype)}) {
        const Tensor s = symmetric_part(a);
        const Tensor packed = wide(device_op(OpCode::SymmetricEigen, {a}, {batch, n + 1, n}));
        const Tensor values = slice(packed, -2, 0, 1), vectors = slice(packed, -2, 1, n + 1);
        const double eps = tolerance(n, dtype);
        CHECK(largest(matmul(transpose(vectors), vectors) - unit(n)) <= eps);
        CHECK(largest(matmul(s, vectors) - vectors * values) <= eps * std::max(largest(s), 1e-300));
        const Tensor steps = n > 1 ? slice(values, -1, 1, n) - slice(values, -1, 0, n - 1) : zeros({1});
        CHECK(min(steps).item() >= 0);
      }
    }
  }
}

TEST_CASE("tridiagonal eigenvalues and first components make the moments of the matrix") {
  if (!available()) return;
  for (const auto& [batch, m] : {Batch{2, 1}, Batch{70, 5}, Batch{3, 40}, Batch{1, 150}}) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      INFO(batch, " matrices of side ", m, ", ", dtype);
      const Tensor d = Sampler(10).uniform({batch, m}, -1, 1, dtype);
      const Tensor e = Sampler(11).uniform({batch, m - 1}, 0.2, 1, dtype);
      const Tensor packed = wide(device_op(OpCode::TridiagonalEigen, {d, e}, {batch, 2, m}));
      const Tensor nodes = select(packed, -2, 0), weights = square(select(packed, -2, 1));
      CHECK(min(packed).item() >= min(nodes).item());
      CHECK(min(select(packed, -2, 1)).item() >= 0);
      // e₁ᵀ Tᵏ e₁ for k = 0, 1, 2, and the trace.
      const Tensor d0 = wide(select(d, -1, 0));
      const Tensor e0 = m > 1 ? wide(select(e, -1, 0)) : zeros({batch});
      const double eps = tolerance(m, dtype);
      CHECK(largest(sum(weights, {-1}) - 1.0) <= eps);
      CHECK(largest(sum(weights * nodes, {-1}) - d0) <= eps);
      CHECK(largest(sum(weights * square(nodes), {-1}) - square(d0) - square(e0)) <= 3 * eps);
      CHECK(largest(sum(nodes, {-1}) - sum(wide(d), {-1})) <= eps * static_cast<double>(m));
    }
  }
}

TEST_CASE("matrices in every layout, and broadcast along the batch") {
  if (!available()) return;
  const Tensor a = general(3, 9, DType::Float64, 12), b = Sampler(13).uniform({3, 9, 2}, -1, 1);
  const Tensor f = device_op(OpCode::LuFactor, {a}, {3, 10, 9}), x = device_op(OpCode::LuSolve, {a, f, b}, {3, 9, 2});
  for (const Layout& layout : layouts()) {
    INFO(layout.name);
    CHECK(same_numbers(device_op(OpCode::LuFactor, {layout.of(a)}, {3, 10, 9}), f));
    CHECK(same_numbers(device_op(OpCode::LuSolve, {a, layout.of(f), layout.of(b)}, {3, 9, 2}), x));
  }
  const Tensor one = slice(f, 0, 1, 2), many = Sampler(14).uniform({4, 1, 9, 2}, -1, 1);
  const Tensor solved = device_op(OpCode::LuSolve, {slice(a, 0, 1, 2), one, many}, {4, 1, 9, 2});
  for (std::int64_t i = 0; i < 4; ++i) {
    const Tensor alone = device_op(OpCode::LuSolve, {slice(a, 0, 1, 2), one, select(many, 0, i)}, {1, 9, 2});
    CHECK(same_numbers(select(solved, 0, i), alone));
  }
}

TEST_CASE("a bad matrix spoils its own result alone") {
  if (!available()) return;
  for (const std::int64_t n : {4, 20, 70}) {
    INFO("side ", n);
    std::vector<Tensor> matrices;
    for (std::uint64_t i = 0; i < 3; ++i) matrices.push_back(select(spd(1, n, DType::Float64, 20 + i), 0, 0));
    const Tensor corner = outer(select(unit(n), 0, 1), select(unit(n), 0, 1));
    matrices[1] = matrices[1] - 100.0 * corner;  // negative in the second pivot
    const Tensor a = stack(matrices);
    const Tensor l = device_op(OpCode::Cholesky, {a}, a.shape());
    CHECK(std::isfinite(sum(select(l, 0, 0)).item()));
    CHECK(std::isfinite(sum(select(l, 0, 2)).item()));
    const Tensor bad = select(l, 0, 1);
    CHECK(std::isfinite(sum(slice(bad, 1, 0, 1)).item()));
    for (std::int64_t j = 1; j < n; ++j) CHECK(std::isnan(select(select(bad, 0, n - 1), 0, j).item()));
    const Tensor spoiled = stack({matrices[0], matrices[2] + kNaN * corner});
    const Tensor packed = device_op(OpCode::SymmetricEigen, {spoiled}, {2, n + 1, n});
    CHECK(std::isfinite(sum(select(packed, 0, 0)).item()));
    for (const double number : select(packed, 0, 1).to_vector<double>()) CHECK(std::isnan(number));
  }
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

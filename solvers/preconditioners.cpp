// Both restrict to rows by taking the rows of what they store. Vectors of the Nyström approximation are kept as rows,
// [rows, ℓ, d].
#include "solvers/preconditioners.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/lanczos.h"
#include "solvers/trace.h"

namespace brenier {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double epsilon(DType dtype) {
  return dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

// v + Uᵀ (c · U v), for U [rows, ℓ, d] and c [rows, ℓ, 1].
LinearOperator low_rank_update(const Tensor& u, const Tensor& c) {
  const auto map = [u, c](const Tensor& v) {
    const Tensor inside = matmul(u, expand_axis(v, -1)) * c;
    return v + squeeze(matmul(transpose(inside), u), -2);
  };
  return {map, [u, c](const Tensor& rows) { return low_rank_update(gather(u, rows, 0), gather(c, rows, 0)); }};
}

// `rank` orthonormal vectors, [rank, rows, d].
Tensor orthonormal_probes(const RandomKey& key, std::int64_t rank, const Shape& shape, DType dtype) {
  const Tensor normal = draw_probes(key, rank, shape, ProbeDistribution::Normal, dtype);
  std::vector<Tensor> basis;
  for (std::int64_t i = 0; i < rank; ++i) {
    const Tensor v = select(normal, 0, i), rest = basis.empty() ? v : orthogonalize(v, basis).rest;
    basis.push_back(rest / sqrt(sum(square(rest), {-1}, true)));
  }
  return stack(basis);
}

struct LowRank {
  Tensor values;   // λ, [rows, ℓ, 1], ascending
  Tensor vectors;  // U, [rows, ℓ, d]
};

// A ≈ Y (Ωᵀ Y)⁻¹ Yᵀ with Y = (A + ν I) Ω, less ν: the shift keeps the Cholesky factor from meeting rounding errors.
LowRank nystrom_approximation(const LinearOperator& a, const Tensor& probes) {
  const auto as_rows = [](const Tensor& x) { return permute(x, {1, 0, 2}); };
  const Tensor omega = as_rows(probes), y = as_rows(a(probes).detached());
  const Tensor size = sqrt(sum(square(y), {-2, -1}, true));
  const double relative = std::sqrt(static_cast<double>(y.dim(-1))) * epsilon(y.dtype());
  const Tensor shift = where(less(0.0, size), size * relative, 1.0), shifted = y + shift * omega;
  const Tensor root = triangular_solve(cholesky(matmul(omega, transpose(shifted))), shifted, Triangle::Lower);
  const auto [values, vectors] = symmetric_eigen(matmul(root, transpose(root)));
  const Tensor squares = expand_axis(values, -1);
  const Tensor unit = matmul(transpose(vectors), root) / sqrt(where(less(0.0, squares), squares, 1.0));
  return {maximum(squares - shift, 0.0), unit};
}

}  // namespace

LinearOperator diagonal_preconditioner(const Tensor& diagonal) {
  if (diagonal.rank() != 1 && diagonal.rank() != 2)
    throw std::invalid_argument(
        str("[diagonal_preconditioner] expected a diagonal [d] or [rows, d], got ", diagonal.shape()));
  const auto map = [diagonal](const Tensor& v) { return v / diagonal; };
  return {map, [diagonal](const Tensor& rows) {
            return diagonal_preconditioner(diagonal.rank() == 1 ? diagonal : gather(diagonal, rows, 0));
          }};
}

LinearOperator nystrom_preconditioner(const LinearOperator& a, const Shape& shape, const RandomKey& key,
                                      const NystromOptions& options, DType dtype) {
  if (shape.rank() != 2 || options.rank < 1 || options.rank > shape[1] || !(options.shift >= 0))
    throw std::invalid_argument(
        str("[nystrom_preconditioner] needs a shape [rows, d], a rank in 1 … d and a shift >= 0, got ", shape, ", ",
            options.rank, " and ", options.shift));
  const auto [values, vectors] = nystrom_approximation(a, orthonormal_probes(key, options.rank, shape, dtype));
  const double negligible = 10 * static_cast<double>(shape[1]) * epsilon(dtype);
  const Tensor kept = less(negligible * max(values, {-2}, true), values);
  const Tensor smallest = min(where(kept, values, kInfinity), {-2}, true) + options.shift;
  const Tensor c = where(kept, smallest / where(kept, values + options.shift, 1.0) - 1.0, 0.0);
  return low_rank_update(vectors, c);
}

}  // namespace brenier

// In XTrace, q_1 … q_m is an orthonormal basis of the range of Y = A Ω, Y = Q R. Without column i of Y the range is that
// of Q less the direction s_i, the unit vector orthogonal to the other columns of R: row i of R⁻¹, put to length 1.
// All vectors are kept as rows, [rows, m, d].
#include "solvers/trace.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/lanczos.h"

namespace brenier {
namespace {

void require_shape(const char* name, const Shape& shape) {
  if (shape.rank() != 2 || shape[0] < 1 || shape[1] < 1)
    throw std::invalid_argument(str("[", name, "] expected the shape [rows, d] of a batch of vectors, got ", shape));
}

struct OrthonormalBasis {
  Tensor q;        // [rows, m, d]
  Tensor inverse;  // of R, [rows, m, m]
};

// Y = Q R for Y given as m tensors [rows, d].
OrthonormalBasis orthonormal_basis(const std::vector<Tensor>& y) {
  const auto m = static_cast<std::int64_t>(y.size());
  std::vector<Tensor> q, columns;
  for (const Tensor& column : y) {
    Orthogonalized split{column, zeros({column.dim(0), 0}, column.dtype())};
    if (!q.empty()) split = orthogonalize(column, q);
    const Tensor norm = sqrt(sum(square(split.rest), {-1}, true));
    const auto done = static_cast<std::int64_t>(q.size());
    columns.push_back(pad(concat({split.coefficients, norm}, -1), {0, 0}, {0, m - done - 1}));
    q.push_back(split.rest / norm);
  }
  const Tensor r = stack(columns, -1);
  const Tensor unit = broadcast_to(eye(m, r.dtype()), r.shape());
  return {stack(q, -2), triangular_solve(r, unit, Triangle::Upper)};
}

// Y with a trace of Ω in it, so that it has full rank where A has not. The rest of the formulas keep A Ω itself.
std::vector<Tensor> full_rank(const Tensor& y, const Tensor& omega) {
  const double eps =
      y.dtype() == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const Tensor size = sqrt(max(sum(square(y), {-1}, true), {0}));
  const Tensor shift = where(less(0.0, size), size * eps * std::sqrt(static_cast<double>(y.dim(-1))), 1.0);
  const Tensor shifted = y + shift * omega;
  std::vector<Tensor> result;
  for (std::int64_t i = 0; i < y.dim(0); ++i) result.push_back(select(shifted, 0, i));
  return result;
}

}  // namespace

TraceEstimate mean_and_error(const Tensor& estimates) {
  const auto n = static_cast<double>(estimates.dim(0));
  const Tensor value = mean(estimates, {0});
  return {value, sqrt(sum(square(estimates - value), {0}) / (n * (n - 1)))};
}

Tensor draw_probes(const RandomKey& key, std::int64_t count, const Shape& shape, ProbeDistribution distribution,
                   DType dtype) {
  require_shape("draw_probes", shape);
  if (count < 1) throw std::invalid_argument(str("[draw_probes] cannot draw ", count, " probes"));
  const Shape all = Shape{count} + shape;
  return distribution == ProbeDistribution::Normal ? random_normal(key, all, dtype)
                                                   : random_rademacher(key, all, dtype);
}

TraceEstimate hutchinson_trace(const LinearOperator& a, const Shape& shape, const RandomKey& key,
                               const HutchinsonOptions& options) {
  const Tensor probes = draw_probes(key, options.probes, shape, options.distribution, options.dtype);
  return mean_and_error(sum(probes * a(probes), {-1}));
}

TraceEstimate xtrace(const LinearOperator& a, const Shape& shape, const RandomKey& key, const XTraceOptions& options) {
  require_shape("xtrace", shape);
  const std::int64_t m = options.test_vectors, d = shape[1];
  if (m < 2 || m > d)
    throw std::invalid_argument(str("[xtrace] test_vectors must be in 2 … ", d, " for shape ", shape, ", got ", m));
  const auto as_rows = [](const Tensor& x) { return permute(x, {1, 0, 2}); };  // [m, rows, d] -> [rows, m, d]
  const Tensor omega = draw_probes(key, m, shape, ProbeDistribution::Normal, options.dtype);
  const Tensor y = a(omega).detached();
  const auto [q, inverse] = orthonormal_basis(full_rank(y, omega));
  const Tensor z = as_rows(a(permute(q, {1, 0, 2})).detached());

  const Tensor s = inverse / sqrt(sum(square(inverse), {-1}, true));  // [rows, m, m], s_i in row i
  const Tensor w = matmul(as_rows(omega), transpose(q));              // ω_i in the basis, in row i
  const Tensor inside = w - sum(s * w, {-1}, true) * s;               // the part of it in the range without column i
  const Tensor rest = as_rows(omega) - matmul(inside, q), image = as_rows(y) - matmul(inside, z);
  const Tensor h = matmul(q, transpose(z));             // Qᵀ A Q
  const Tensor on_range = sum(q * z, {-2, -1}, false);  // its trace
  const Tensor left_out = sum(matmul(s, h) * s, {-1});  // [rows, m]
  const Tensor length = static_cast<double>(d - m + 1) / sum(square(rest), {-1});
  const Tensor estimates = expand_axis(on_range, -1) - left_out + length * sum(rest * image, {-1});
  return mean_and_error(transpose(estimates));
}

}  // namespace brenier

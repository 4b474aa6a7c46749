// Eigenvalues and eigenvectors of symmetric matrices.
//
//   operation                value                                                           result
//   SymmetricEigen(A)        A = V diag(λ) Vᵀ, λ ascending                                   [..., n+1, n]: λ, then V
//   TridiagonalEigen(d, e)   λ of the tridiagonal matrix, w the first row of V, w >= 0       [..., 2, m]: λ, then w
//
// With M = Vᵀ dA V:  dλ_i = M_ii,  dV = V (F ∘ M),  F_ij = 1/(λ_j - λ_i), and 0 where the gap is at most n eps max|λ|
// (Magnus, On differentiating eigenvalues and eigenvectors, 1985; Giles 2008). Where eigenvalues repeat, V is one
// choice of many and has no derivative; F = 0 keeps what is computed from it finite. See engine/ops.h for what is
// right then. The tridiagonal rule is that of the assembled matrix.
#include <limits>

#include "engine/ops/matrix.h"

namespace brenier {
namespace {

// [..., n+1, n] or [..., 2, m], taken apart.
Tensor values_of(const Tensor& packed) { return select(packed, -2, 0); }
Tensor vectors_of(const Tensor& packed) { return slice(packed, -2, 1, packed.dim(-2)); }
Tensor pack(const Tensor& values, const Tensor& vectors) { return concat({expand_axis(values, -2), vectors}, -2); }

// F; the choice of what counts as repeated is constant.
Tensor inverse_gaps(const Tensor& values) {
  const double eps =
      values.dtype() == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const Tensor gaps = expand_axis(values, -2) - expand_axis(values, -1);
  const Tensor largest = max(abs(stop_gradient(values)), {-1}, true) * (static_cast<double>(values.dim(-1)) * eps);
  const Tensor apart = greater(abs(stop_gradient(gaps)), expand_axis(largest, -1));
  return apart / where(apart, gaps, 1.0);
}

// The tangents of λ and V, packed, from that of the symmetric matrix.
Tensor eigen_tangent(const Tensor& values, const Tensor& vectors, const Tensor& t) {
  const Tensor moved = matmul(t, vectors);
  const Tensor inner = matmul(transpose(vectors), moved);
  return pack(sum(vectors * moved, {-2}), matmul(vectors, inverse_gaps(values) * inner));
}

// The cotangent of the matrix, symmetric, from those of λ and of Vᵀ V̄.
Tensor eigen_cotangent(const Tensor& values, const Tensor& vectors, const Tensor& value_ct, const Tensor& inner_ct) {
  const Tensor inner = inverse_gaps(values) * inner_ct;
  const Tensor scaled = vectors * expand_axis(value_ct, -2);
  return matmul(scaled + matmul(vectors, symmetric_part(inner)), transpose(vectors));
}

// -- dense --

const Op symmetric_eigen_op = custom(
    "symmetric_eigen", OpCode::SymmetricEigen,
    [](const Op& op, Inputs in, const Attributes&) -> OutputType {
      require_square(op, *in[0]);
      const std::int64_t n = in[0]->shape()[-1];
      return {batch_of(*in[0]) + Shape{n + 1, n}, in[0]->dtype()};
    },
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      if (call.output.size() == 0) return {Tensor()};
      const Tensor values = values_of(call.output), vectors = vectors_of(call.output);
      return {eigen_cotangent(values, vectors, values_of(ct), matmul(transpose(vectors), vectors_of(ct)))};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      if (call.output.size() == 0) return Tensor();
      return eigen_tangent(values_of(call.output), vectors_of(call.output), symmetric_part(tangents[0]));
    });

// -- tridiagonal --

// The matrix [..., m, m] with that diagonal and these numbers on both sides of it.
Tensor assembled(const Tensor& diagonal, const Tensor& offdiagonal) {
  const std::int64_t m = diagonal.dim(-1);
  const Tensor main = expand_axis(diagonal, -1) * eye(m, diagonal.dtype());
  if (m < 2) return main;
  // Row i of [m-1, m] has its number in column i+1.
  const Tensor shifted = slice(eye(m, diagonal.dtype()), 0, 1, m);
  Dims low = Dims::filled(diagonal.rank() + 1, 0), high = low;
  high[-2] = 1;
  const Tensor upper = pad(expand_axis(offdiagonal, -1) * shifted, low, high);
  return main + upper + transpose(upper);
}

// Eigenvectors in columns, with the sign that makes their first components positive.
struct SignedEigen {
  Tensor values, vectors;
  explicit SignedEigen(const Call& call) {
    const auto [ascending, columns] = symmetric_eigen(assembled(call.inputs[0], call.inputs[1]));
    const Tensor first = stop_gradient(slice(columns, -2, 0, 1));
    values = ascending;
    vectors = columns * where(less(first, 0.0), -1.0, ones_like(first));
  }
};

OutputType tridiagonal_type(const Op& op, Inputs in, const Attributes&) {
  const Tensor &diagonal = *in[0], &off = *in[1];
  if (diagonal.rank() < 1 || off.rank() != diagonal.rank() || diagonal.shape()[-1] < 1 ||
      off.shape() != diagonal.shape().part(0, diagonal.rank() - 1) + Shape{diagonal.shape()[-1] - 1})
    misuse(op, str("expects a diagonal [..., m] with m >= 1 and an off-diagonal [..., m-1], got shapes ",
                   diagonal.shape(), " and ", off.shape()));
  if (diagonal.dtype() != off.dtype() || !diagonal.is_floating())
    misuse(op, str("expects two arguments of one floating-point dtype, got ", diagonal.dtype(), " and ", off.dtype()));
  return {diagonal.shape().part(0, diagonal.rank() - 1) + Shape{2, diagonal.shape()[-1]}, diagonal.dtype()};
}

// The tangents or zeros.
Tensor assembled_tangent(std::span<const Tensor> tangents, const Call& call) {
  std::array<Tensor, 2> filled{tangents[0], tangents[1]};
  const std::size_t given = tangents[0].defined() ? 0 : 1;
  const Shape bundle = filled[given].shape().part(0, bundle_axes(filled[given], call.inputs[given]));
  for (std::size_t i = 0; i < 2; ++i)
    if (!filled[i].defined()) filled[i] = zeros(bundle + call.inputs[i].shape(), call.inputs[i].dtype());
  return assembled(filled[0], filled[1]);
}

const Op tridiagonal_eigen_op = custom(
    "tridiagonal_eigen", OpCode::TridiagonalEigen, tridiagonal_type,
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      if (call.output.size() == 0) return {Tensor(), Tensor()};
      const SignedEigen eigen(call);
      const std::int64_t m = eigen.values.dim(-1);
      const Tensor first = slice(eigen.vectors, -2, 0, 1);  // V̄ has one row that is not 0, and Vᵀ V̄ is a product
      const Tensor matrix_ct =
          eigen_cotangent(eigen.values, eigen.vectors, values_of(ct), transpose(first) * vectors_of(ct));
      const Tensor identity = eye(m, ct.dtype());
      const Tensor beside = sum(slice(matrix_ct, -2, 0, m - 1) * slice(identity, 0, 1, m), {-1});
      return {sum(matrix_ct * identity, {-1}), 2.0 * beside};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      if (call.output.size() == 0) return Tensor();
      const SignedEigen eigen(call);
      const Tensor t = eigen_tangent(eigen.values, eigen.vectors, assembled_tangent(tangents, call));
      return slice(t, -2, 0, 2);
    });

}  // namespace

SymmetricEigen symmetric_eigen(const Tensor& a) {
  require_defined(symmetric_eigen_op, a);
  const Tensor packed = apply(symmetric_eigen_op, {&a});
  return {values_of(packed), vectors_of(packed)};
}

TridiagonalEigen tridiagonal_eigen(const Tensor& diagonal, const Tensor& offdiagonal) {
  require_defined(tridiagonal_eigen_op, diagonal);
  require_defined(tridiagonal_eigen_op, offdiagonal);
  const Tensor packed = apply(tridiagonal_eigen_op, {&diagonal, &offdiagonal});
  return {select(packed, -2, 0), select(packed, -2, 1)};
}

}  // namespace brenier

// Small vocabulary shared by the operations of linear algebra. Internal to engine/ops. Matrices are the last two axes.
#pragma once

#include "engine/op.h"
#include "engine/ops/axis.h"
#include "engine/ops/bundle.h"

namespace brenier {

inline void require_square(const Op& op, const Tensor& a) {
  if (a.rank() < 2 || a.shape()[-1] != a.shape()[-2])
    misuse(op, str("expects square matrices [..., n, n], got shape ", a.shape()));
  if (!a.is_floating()) misuse(op, str("expects floating-point matrices, got ", a.dtype()));
}

inline Shape batch_of(const Tensor& a) { return lead_shape(a, 2); }

// The result of A X = B, A [..., n, n] and B [..., n, k] with broadcast leading axes.
inline OutputType solution_type(const Op& op, const Tensor& a, const Tensor& b) {
  require_square(op, a);
  if (a.dtype() != b.dtype())
    misuse(op, str("dtypes differ: ", a.dtype(), " ", a.shape(), " and ", b.dtype(), " ", b.shape(), "; use cast()"));
  if (b.rank() < 2 || b.shape()[-2] != a.shape()[-1])
    misuse(op, str("a matrix of shape ", a.shape(), " has no solution for right-hand sides of shape ", b.shape()));
  return {broadcast_shapes(op.name, batch_of(a), batch_of(b)) + b.shape().part(b.rank() - 2, b.rank()), a.dtype()};
}

// (A + A^T)/2
inline Tensor symmetric_part(const Tensor& a) { return 0.5 * (a + transpose(a)); }

// [n, n]: `diagonal` on the diagonal, 1 on one side of it, 0 on the other. Constant.
inline Tensor triangle_mask(std::int64_t n, Triangle side, double diagonal, DType dtype) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      values.push_back(i == j ? diagonal : (side == Triangle::Lower) == (i > j) ? 1.0 : 0.0);
  return tensor(values, {n, n}, dtype);
}

// The number of bundle axes of a direction.
inline int bundle_axes(const Tensor& direction, const Tensor& primal) { return direction.rank() - primal.rank(); }

// A tangent of one input, ready to meet tensors of the result's rank.
inline Tensor aligned_tangent(const Tensor& t, const Tensor& input, const Tensor& output) {
  return align_bundle(t, bundle_axes(t, input), input.rank(), output.rank());
}

// Tangents of a solve: those of the right-hand side, less what a changing matrix does to the solution; either may be
// undefined. `change` is the product with the solution.
inline Tensor changed_right_side(const Tensor& right_side, const Tensor& change) {
  if (!change.defined()) return right_side;
  return right_side.defined() ? right_side - change : -change;
}

// One matrix for many right-hand sides [..., n, k]: they become columns of one, so that nothing is computed per batch.
template <class Solve>
Tensor solve_as_columns(const Tensor& b, const Solve& solve) {
  Axes to_front{b.rank() - 2}, back;
  for (int axis = 0; axis < b.rank(); ++axis)
    if (axis != b.rank() - 2) to_front.push_back(axis);
  for (int axis = 0; axis < b.rank() - 2; ++axis) back.push_back(axis + 1);
  back.push_back(0);
  back.push_back(b.rank() - 1);
  const Tensor columns = permute(b, to_front);  // [n, ..., k]
  const Tensor x = solve(reshape(columns, {b.dim(-2), b.size() / b.dim(-2)}));
  return permute(reshape(x, columns.shape()), back);
}

// What all solves do with their arguments before `solve`, which takes b of rank 2 or more.
template <class Solve>
Tensor solve_shaped(const Op& op, const Tensor& a, const Tensor& b, const Solve& solve) {
  require_defined(op, a);
  require_defined(op, b);
  require_square(op, a);
  if (b.rank() == 1) return squeeze(solve(expand_axis(b, 1)), -1);
  if (a.rank() == 2 && b.rank() > 2 && b.size() > 0 && b.dim(-2) == a.dim(-1)) return solve_as_columns(b, solve);
  return solve(b);
}

}  // namespace brenier

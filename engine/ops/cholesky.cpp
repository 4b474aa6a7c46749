// Symmetric positive definite and triangular matrices. Products and transposes are of the last two axes.
//
//   operation           value                           tangent                              attributes
//   Cholesky(A)         L with L Lᵀ = A                 L Φ(L⁻¹ dA L⁻ᵀ)
//   TriangularSolve     X with T X = B                  T⁻¹ (dB - tri(dT) X)                 count: 0 lower, 1 upper
//   SpdSolve(A, L, B)   X with A X = B, from L          A⁻¹ (dB - dA X)
//   SpdInverse(A, L)    X = A⁻¹, from L                 -X dA X
//   SpdLogdet(A, L)     2 Σ ln L_ii                     tr(A⁻¹ dA)
//
// Φ keeps the lower triangle and halves the diagonal (Murray, Differentiation of the Cholesky decomposition, 2016;
// Giles, Collected matrix derivative results, 2008). A stands for its symmetric part, and so does dA. The last three
// read only L; their rules differentiate with respect to A and hold L fixed, for it says how and not what. So one
// factorisation serves the value and all derivatives of all orders.
#include "engine/ops/matrix.h"

namespace brenier {
namespace {

// -- Cholesky --

OutputType square_type(const Op& op, Inputs in, const Attributes&) {
  require_square(op, *in[0]);
  return {in[0]->shape(), in[0]->dtype()};
}

Tensor lower_half(const Tensor& x) { return x * triangle_mask(x.dim(-1), Triangle::Lower, 0.5, x.dtype()); }

Tensor solve_transposed(const Tensor& l, const Tensor& x) { return triangular_solve(transpose(l), x, Triangle::Upper); }

const Op cholesky_op = custom(
    "cholesky", OpCode::Cholesky, square_type,
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      const Tensor& l = call.output;
      const Tensor inner = symmetric_part(lower_half(matmul(transpose(l), ct)));
      return {solve_transposed(l, transpose(solve_transposed(l, inner)))};  // L⁻ᵀ inner L⁻¹
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      const Tensor& l = call.output;
      const Tensor half = triangular_solve(l, symmetric_part(tangents[0]), Triangle::Lower);
      return matmul(l, lower_half(triangular_solve(l, transpose(half), Triangle::Lower)));
    });

// -- triangular systems --

Triangle triangle_of(const Attributes& attributes) { return attributes.count == 0 ? Triangle::Lower : Triangle::Upper; }
Triangle opposite(Triangle side) { return side == Triangle::Lower ? Triangle::Upper : Triangle::Lower; }

Tensor keep_triangle(const Tensor& x, Triangle side) { return x * triangle_mask(x.dim(-1), side, 1, x.dtype()); }

Tensor apply_triangular(const Tensor& t, const Tensor& b, Triangle side);

const Op triangular_solve_op = custom(
    "triangular_solve", OpCode::TriangularSolve,
    [](const Op& op, Inputs in, const Attributes&) { return solution_type(op, *in[0], *in[1]); },
    [](const Tensor& ct, const Call& call, std::span<const bool> wanted) {
      const Triangle side = triangle_of(call.attributes);
      const int bundle = bundle_axes(ct, call.output);
      const Tensor pulled = apply_triangular(transpose(call.inputs[0]), ct, opposite(side));
      std::vector<Tensor> result(2);
      if (wanted[0]) {
        const Tensor outer = sum_to_input(matmul(pulled, transpose(call.output)), bundle, call.inputs[0].shape());
        result[0] = -keep_triangle(outer, side);
      }
      if (wanted[1]) result[1] = sum_to_input(pulled, bundle, call.inputs[1].shape());
      return result;
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      const Triangle side = triangle_of(call.attributes);
      Tensor right_side, change;
      if (tangents[1].defined()) right_side = aligned_tangent(tangents[1], call.inputs[1], call.output);
      if (tangents[0].defined())
        change = matmul(aligned_tangent(keep_triangle(tangents[0], side), call.inputs[0], call.output), call.output);
      const Tensor t = apply_triangular(call.inputs[0], changed_right_side(right_side, change), side);
      return spread_to_output(t, t.rank() - call.output.rank(), call.output.shape());
    });

Tensor apply_triangular(const Tensor& t, const Tensor& b, Triangle side) {
  const std::array<const Tensor*, 2> inputs{&t, &b};
  return apply(triangular_solve_op, inputs, {.count = side == Triangle::Lower ? 0 : 1});
}

// -- systems, inverse and determinant by a Cholesky factor --

extern const Op spd_solve_op;

Tensor apply_spd_solve(const Tensor& a, const Tensor& l, const Tensor& b) { return apply(spd_solve_op, {&a, &l, &b}); }

const Op spd_solve_op = custom(
    "spd_solve", OpCode::SpdSolve,
    [](const Op& op, Inputs in, const Attributes&) { return solution_type(op, *in[1], *in[2]); },
    [](const Tensor& ct, const Call& call, std::span<const bool> wanted) {
      const int bundle = bundle_axes(ct, call.output);
      const Tensor pulled = apply_spd_solve(call.inputs[0], call.inputs[1], ct);
      std::vector<Tensor> result(3);
      if (wanted[0]) {
        const Tensor outer = sum_to_input(matmul(pulled, transpose(call.output)), bundle, call.inputs[0].shape());
        result[0] = -symmetric_part(outer);
      }
      if (wanted[2]) result[2] = sum_to_input(pulled, bundle, call.inputs[2].shape());
      return result;
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      Tensor right_side, change;
      if (tangents[2].defined()) right_side = aligned_tangent(tangents[2], call.inputs[2], call.output);
      if (tangents[0].defined())
        change = matmul(aligned_tangent(symmetric_part(tangents[0]), call.inputs[0], call.output), call.output);
      const Tensor t = apply_spd_solve(call.inputs[0], call.inputs[1], changed_right_side(right_side, change));
      return spread_to_output(t, t.rank() - call.output.rank(), call.output.shape());
    });

// The inverse and its tangents are symmetric.
const Op spd_inverse_op = custom(
    "spd_inverse", OpCode::SpdInverse, square_type,
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      return {-matmul(matmul(call.output, symmetric_part(ct)), call.output), Tensor()};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      return -matmul(matmul(call.output, symmetric_part(tangents[0])), call.output);
    });

Tensor inverse_of(const Call& call) { return apply(spd_inverse_op, {&call.inputs[0], &call.inputs[1]}); }

const Op spd_logdet_op = custom(
    "spd_logdet", OpCode::SpdLogdet,
    [](const Op& op, Inputs in, const Attributes&) -> OutputType {
      require_square(op, *in[1]);
      return {batch_of(*in[1]), in[1]->dtype()};
    },
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      return {expand_axis(expand_axis(ct, ct.rank()), ct.rank() + 1) * inverse_of(call), Tensor()};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      return sum(tangents[0] * inverse_of(call), {-2, -1});
    });

// The factor as a constant.
Tensor fixed_factor(const Op& op, const Tensor& a) {
  require_defined(op, a);
  require_square(op, a);
  return cholesky(stop_gradient(a));
}

}  // namespace

Tensor cholesky(const Tensor& a) { return apply(cholesky_op, {&a}); }

Tensor triangular_solve(const Tensor& t, const Tensor& b, Triangle side) {
  return solve_shaped(triangular_solve_op, t, b,
                      [&](const Tensor& shaped) { return apply_triangular(t, shaped, side); });
}

Tensor spd_solve(const Tensor& a, const Tensor& b) {
  return solve_shaped(spd_solve_op, a, b,
                      [&](const Tensor& shaped) { return apply_spd_solve(a, fixed_factor(spd_solve_op, a), shaped); });
}

Tensor spd_inverse(const Tensor& a) {
  const Tensor l = fixed_factor(spd_inverse_op, a);
  return apply(spd_inverse_op, {&a, &l});
}

Tensor spd_logdet(const Tensor& a) {
  const Tensor l = fixed_factor(spd_logdet_op, a);
  return apply(spd_logdet_op, {&a, &l});
}

}  // namespace brenier

// General matrices, by P A = L U with row interchanges (Golub & Van Loan, Matrix Computations, 4th ed., 2013, section
// 3.4). Products and transposes are of the last two axes.
//
//   operation           value                                   tangent                       attributes
//   LuFactor(A)         L below and U above the diagonal, row   constant
//                       n the pivots: [..., n+1, n]
//   LuSolve(A, F, B)    X with A X = B or Aᵀ X = B              A⁻¹ (dB - dA X)               count: 0 A, 1 Aᵀ
//   LuInverse(A, F)     X = A⁻¹                                 -X dA X
//   LuLogdet(A, F)      Σ ln |U_ii| = ln |det A|                tr(A⁻¹ dA)
//   LuSign(F)           the sign of det A: -1, 0 or 1           constant
//
// As with the Cholesky factor (engine/ops/cholesky.cpp), rules differentiate with respect to A and hold F fixed. Row k
// was exchanged with row pivot[k] before step k.
#include <limits>

#include "engine/ops/matrix.h"

namespace brenier {
namespace {

const Op lu_factor_op =
    constant("lu_factor", OpCode::LuFactor, [](const Op& op, Inputs in, const Attributes&) -> OutputType {
      require_square(op, *in[0]);
      const std::int64_t n = in[0]->shape()[-1];
      return {batch_of(*in[0]) + Shape{n + 1, n}, in[0]->dtype()};
    });

extern const Op lu_solve_op;

// `transposed`: 0 or 1.
Tensor apply_lu_solve(const Tensor& a, const Tensor& f, const Tensor& b, std::int64_t transposed) {
  const std::array<const Tensor*, 3> inputs{&a, &f, &b};
  return apply(lu_solve_op, inputs, {.count = transposed});
}

const Op lu_solve_op = custom(
    "solve", OpCode::LuSolve,
    [](const Op& op, Inputs in, const Attributes&) { return solution_type(op, *in[0], *in[2]); },
    [](const Tensor& ct, const Call& call, std::span<const bool> wanted) {
      const int bundle = bundle_axes(ct, call.output);
      const std::int64_t transposed = call.attributes.count;
      const Tensor pulled = apply_lu_solve(call.inputs[0], call.inputs[1], ct, 1 - transposed);
      std::vector<Tensor> result(3);
      if (wanted[0]) {
        const Tensor outer =
            transposed ? matmul(call.output, transpose(pulled)) : matmul(pulled, transpose(call.output));
        result[0] = -sum_to_input(outer, bundle, call.inputs[0].shape());
      }
      if (wanted[2]) result[2] = sum_to_input(pulled, bundle, call.inputs[2].shape());
      return result;
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      const std::int64_t transposed = call.attributes.count;
      Tensor right_side, change;
      if (tangents[2].defined()) right_side = aligned_tangent(tangents[2], call.inputs[2], call.output);
      if (tangents[0].defined()) {
        const Tensor t = aligned_tangent(tangents[0], call.inputs[0], call.output);
        change = matmul(transposed ? transpose(t) : t, call.output);
      }
      const Tensor t =
          apply_lu_solve(call.inputs[0], call.inputs[1], changed_right_side(right_side, change), transposed);
      return spread_to_output(t, t.rank() - call.output.rank(), call.output.shape());
    });

const Op lu_inverse_op = custom(
    "inverse", OpCode::LuInverse,
    [](const Op& op, Inputs in, const Attributes&) -> OutputType {
      require_square(op, *in[0]);
      return {in[0]->shape(), in[0]->dtype()};
    },
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      const Tensor transposed = transpose(call.output);
      return {-matmul(matmul(transposed, ct), transposed), Tensor()};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      return -matmul(matmul(call.output, tangents[0]), call.output);
    });

Tensor transposed_inverse_of(const Call& call) {
  return transpose(apply(lu_inverse_op, {&call.inputs[0], &call.inputs[1]}));
}

// One number for each factored matrix.
OutputType number_type(const Op&, Inputs in, const Attributes&) { return {batch_of(*in[0]), in[0]->dtype()}; }

const Op lu_logdet_op = custom(
    "slogdet", OpCode::LuLogdet, number_type,
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      return {expand_axis(expand_axis(ct, ct.rank()), ct.rank() + 1) * transposed_inverse_of(call), Tensor()};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      return sum(tangents[0] * transposed_inverse_of(call), {-2, -1});
    });

const Op lu_sign_op = constant("slogdet", OpCode::LuSign, number_type);

Tensor fixed_factor(const Op& op, const Tensor& a) {
  require_defined(op, a);
  require_square(op, a);
  return apply(lu_factor_op, {&a});
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) {
  return solve_shaped(lu_solve_op, a, b,
                      [&](const Tensor& shaped) { return apply_lu_solve(a, fixed_factor(lu_solve_op, a), shaped, 0); });
}

Tensor inverse(const Tensor& a) {
  const Tensor f = fixed_factor(lu_inverse_op, a);
  return apply(lu_inverse_op, {&a, &f});
}

SignedLogdet slogdet(const Tensor& a) {
  const Tensor f = fixed_factor(lu_logdet_op, a);
  return {apply(lu_sign_op, {&f}), apply(lu_logdet_op, {&a, &f})};
}

Tensor logdet(const Tensor& a) {
  const auto [sign, logabs] = slogdet(a);
  return where(less(sign, 0.0), std::numeric_limits<double>::quiet_NaN(), logabs);
}

}  // namespace brenier

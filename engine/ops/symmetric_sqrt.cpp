// The square root S of a symmetric positive semidefinite matrix A = V diag(λ) Vᵀ: S = V diag(√λ) Vᵀ.
//
// S S = A says S dS + dS S = dA, a Lyapunov equation. In the basis V it is solved entry by entry,
//   dS = V (M_ij / (s_i + s_j)) Vᵀ,  M = Vᵀ dA V,  s = √λ (Higham, Functions of Matrices, 2008, section 6.1),
// finite and right for repeated eigenvalues. The solve X of S X + X S = C is itself differentiated by its equation,
//   dX = solve(dC - dS X - X dS), hence all orders. Both operations are made of others and need no kernel; s and V are
// constants that say how.
#include <limits>

#include "engine/ops/matrix.h"

namespace brenier {
namespace {

Tensor untracked_sum(std::span<const Tensor* const> in, Tensor (*f)(const std::vector<Tensor>& in)) {
  std::vector<Tensor> constants;
  for (const Tensor* x : in) constants.push_back(x->untracked());
  return f(constants);
}

// Made of other operations: a value in place of a kernel.
Op composite(const char* name, Tensor (*value)(Inputs, const Attributes&), VjpRule vjp, JvpRule jvp) {
  Op op = custom(name, OpCode::Custom, nullptr, vjp, jvp);
  op.value = value;
  return op;
}

Tensor lyapunov(const Tensor& s, const Tensor& roots, const Tensor& vectors, const Tensor& c);

Tensor anticommutator(const Tensor& a, const Tensor& b) { return matmul(a, b) + matmul(b, a); }

// (S, roots, V, C) -> X. S is where its derivatives go; C is symmetric.
const Op lyapunov_op = composite(
    "lyapunov_solve",
    [](Inputs in, const Attributes&) {
      return untracked_sum(in, [](const std::vector<Tensor>& x) {
        const Tensor &roots = x[1], &vectors = x[2];
        const Tensor sums = expand_axis(roots, -1) + expand_axis(roots, -2);
        const Tensor inner = matmul(matmul(transpose(vectors), x[3]), vectors) / sums;
        return matmul(matmul(vectors, inner), transpose(vectors));
      });
    },
    [](const Tensor& ct, const Call& call, std::span<const bool> wanted) {
      const int bundle = bundle_axes(ct, call.output);
      const Tensor pulled = lyapunov(call.inputs[0], call.inputs[1], call.inputs[2], symmetric_part(ct));
      std::vector<Tensor> result(4);
      if (wanted[0]) result[0] = -sum_to_input(anticommutator(pulled, call.output), bundle, call.inputs[0].shape());
      if (wanted[3]) result[3] = sum_to_input(pulled, bundle, call.inputs[3].shape());
      return result;
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      Tensor right_side, change;
      if (tangents[3].defined()) right_side = aligned_tangent(tangents[3], call.inputs[3], call.output);
      if (tangents[0].defined())
        change = anticommutator(aligned_tangent(tangents[0], call.inputs[0], call.output), call.output);
      return lyapunov(call.inputs[0], call.inputs[1], call.inputs[2], changed_right_side(right_side, change));
    });

Tensor lyapunov(const Tensor& s, const Tensor& roots, const Tensor& vectors, const Tensor& c) {
  return apply(lyapunov_op, {&s, &roots, &vectors, &c});
}

// (A, roots, V) -> S.
const Op symmetric_sqrt_op = composite(
    "symmetric_sqrt",
    [](Inputs in, const Attributes&) {
      return untracked_sum(
          in, [](const std::vector<Tensor>& x) { return matmul(x[2] * expand_axis(x[1], -2), transpose(x[2])); });
    },
    [](const Tensor& ct, const Call& call, std::span<const bool>) -> std::vector<Tensor> {
      return {lyapunov(call.output, call.inputs[1], call.inputs[2], symmetric_part(ct)), Tensor(), Tensor()};
    },
    [](std::span<const Tensor> tangents, const Call& call) {
      return lyapunov(call.output, call.inputs[1], call.inputs[2], symmetric_part(tangents[0]));
    });

}  // namespace

Tensor symmetric_sqrt(const Tensor& a) {
  require_defined(symmetric_sqrt_op, a);
  require_square(symmetric_sqrt_op, a);
  if (a.size() == 0) return a;
  const auto [values, vectors] = symmetric_eigen(stop_gradient(a));
  const double eps =
      a.dtype() == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const Tensor rounding = max(abs(values), {-1}, true) * (static_cast<double>(a.dim(-1)) * eps);
  const Tensor roots = sqrt(where(less(abs(values), rounding), maximum(values, 0.0), values));
  return apply(symmetric_sqrt_op, {&a, &roots, &vectors});
}

}  // namespace brenier

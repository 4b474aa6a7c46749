// Three losses whose gradient is that of the mean of ln det ∇²u(x) over rows x, or estimates it:
//
//   exact       the assembled Hessians and their Cholesky factors
//   surrogate   mean vᵀ H z with z = H⁻¹ v a constant: its gradient is vᵀ ∂H z, whose mean over signs v is tr H⁻¹ ∂H.
//               Its value is about d and means nothing
//   Lanczos     the mean of the Gauss rules ‖v‖² e₁ᵀ ln(T) e₁ of m steps. Differentiating it goes through all m products
//               with H, whose intermediate values are kept until then
//
// Potentials are u(x): [rows, d] -> [rows, 1] or [rows]. Reference: Huang, Chen, Tsirigotis & Courville, Convex potential
// flows (2021), section 3.3, algorithm 2 and figure 2; Ubaru, Chen & Saad (2017) for Lanczos.
#pragma once

#include <cstdint>

#include "engine/autodiff.h"
#include "models/gradient_map.h"
#include "solvers/conjugate_gradient.h"
#include "solvers/slq.h"

namespace brenier::experiments {

template <class Potential>
Tensor exact_logdet(const Potential& u, const Tensor& points) {
  return with_recorded_input(u, points, [&](const Tensor& x) { return mean(spd_logdet(batch_hessian(u(x), x))); });
}

// For directions v and z [rows, d].
template <class Potential>
Tensor surrogate_logdet(const Potential& u, const Tensor& points, const Tensor& v, const Tensor& z) {
  return with_recorded_input(u, points, [&](const Tensor& x) {
    const Tensor slope = grad(sum(u(x)), x);
    return sum(v * jvp(slope, x, z)) / static_cast<double>(x.dim(0));
  });
}

// For one direction v [rows, d] per row.
template <class Potential>
Tensor lanczos_logdet(const Potential& u, const Tensor& points, const Tensor& v, std::int64_t steps) {
  return with_recorded_input(u, points, [&](const Tensor& x) {
    const Tensor slope = grad(sum(u(x)), x);
    const LinearOperator hessian([&](const Tensor& t) { return jvp(slope, x, t); });
    return mean(slq_logdet(hessian, expand_axis(v, 0), {.steps = steps}).value);
  });
}

// z ≈ H⁻¹ v by conjugate gradients from zero, a constant. By default until the rows of v - H z are below the tolerance in
// the largest entry, as the paper has it.
template <class Potential>
Tensor hessian_solution(const Potential& u, const Tensor& x, const Tensor& v,
                        const ConjugateGradientOptions& options = {
                            .absolute_tolerance = 1e-3, .relative_tolerance = 0, .norm = ResidualNorm::Infinity}) {
  return conjugate_gradient(hessian_operator(u, x), v, options).solution;
}

}  // namespace brenier::experiments

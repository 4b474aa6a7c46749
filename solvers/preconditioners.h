// Approximate inverses M ≈ A⁻¹ for conjugate gradients: symmetric positive definite, and cheap to apply.
//
//   diagonal   M = diag(A)⁻¹, where the rows of A differ in scale
//   Nyström    A ≈ U Λ Uᵀ from ℓ products with random vectors;  M = (λ_ℓ + σ) U (Λ + σ I)⁻¹ Uᵀ + (I - U Uᵀ),
//              where A has few large eigenvalues. The condition number of M(A + σI) is about (λ_ℓ + σ) / (λ_min + σ).
//
// Reference: Frangella, Tropp & Udell, Randomized Nyström preconditioning, SIAM J. Matrix Anal. Appl. 44
// (2023).
#pragma once

#include "engine/ops.h"
#include "solvers/linear_operator.h"

namespace brenier {

// v -> v / diagonal, for a diagonal [d], the same for all rows, or [rows, d]. The entries must be positive.
LinearOperator diagonal_preconditioner(const Tensor& diagonal);

struct NystromOptions {
  std::int64_t rank = 10;  // ℓ, at most d
  double shift = 0;        // σ: the system is (A + σ I) z = b. The operator given here is A alone.
};

// For an operator on [rows, d] that is positive semi-definite; costs rank products with [rows, d]. Eigenvalues below
// 10 d ε λ_1 are taken for rounding errors and left to the iteration. Throws std::invalid_argument for a rank out of
// 1 … d or a negative shift.
LinearOperator nystrom_preconditioner(const LinearOperator& a, const Shape& shape, const RandomKey& key,
                                      const NystromOptions& options = {}, DType dtype = DType::Float64);

}  // namespace brenier

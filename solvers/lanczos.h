// The Lanczos process for many symmetric operators at once: an orthonormal basis of a Krylov space, and A seen in it.
//
//   A Q = Q T + β_m q_{m+1} e_mᵀ,   β_j q_{j+1} = A q_j - α_j q_j - β_{j-1} q_{j-1},   T = tridiag(β, α, β)
//
// In floating point the q_j lose their orthogonality as soon as a Ritz value has converged, and T then repeats it as a
// "ghost". Full re-orthogonalisation subtracts the components along all previous q, twice. Selective does so only in
// the steps where Simon's ω-recurrence, an estimate of q_{j+1}ᵀq_k from α and β alone, exceeds √ε, and in the next one.
//
// Breakdown: where β_j is rounding error, the Krylov space is invariant and a quadrature with the steps so far is
// exact. That row is cut: β_j = 0, q = 0 from there on, and its diagonal is filled with α_1, a number inside the range of
// its spectrum that f may be applied to.
//
// Everything is public operations: recorded if A or the start is.
//
// Reference: Lanczos (1950); Paige (1972); Simon, The Lanczos algorithm with partial reorthogonalization, Math. Comp. 42
// (1984); Golub & Van Loan (2013), section 10.3. Next: solvers/slq.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/ops.h"
#include "solvers/linear_operator.h"

namespace brenier {

enum class Reorthogonalization { None, Selective, Full };

struct LanczosOptions {
  std::int64_t steps = 20;  // m; at most d are made
  // Selective reads α and β on the host in every step, and cannot be part of a program that is being recorded.
  Reorthogonalization reorthogonalization = Reorthogonalization::Full;
  // β_j counts as zero up to this fraction of the norm of T; 10 √d ε unless given.
  std::optional<double> breakdown_tolerance{};
};

struct LanczosResult {
  Tensor diagonal;            // α, [..., rows, m]
  Tensor offdiagonal;         // β_1 … β_{m-1}, [..., rows, m-1]
  Tensor residual_norm;       // β_m, [..., rows]
  Tensor start_norm;          // [..., rows]
  Tensor steps;               // made before the row was cut, [..., rows]; constant
  std::vector<Tensor> basis;  // q_1 … q_m, each [..., rows, d]
};

// From starts [rows, d], or [k, rows, d] for k starts per row. A start of zeros makes no step. Throws
// std::invalid_argument for other shapes, and for less than one step.
LanczosResult lanczos(const LinearOperator& a, const Tensor& start, const LanczosOptions& options = {});

struct RitzRange {
  Tensor smallest, largest;  // [..., rows]
};
// The extreme eigenvalues of T: within the spectrum of A, and near its ends after few steps.
RitzRange extreme_ritz_values(const LinearOperator& a, const Tensor& start, std::int64_t steps = 20);

// w less its components along the basis, by classical Gram–Schmidt in two passes, and these components.
struct Orthogonalized {
  Tensor rest;          // [..., d]
  Tensor coefficients;  // [..., j]
};
Orthogonalized orthogonalize(const Tensor& w, const std::vector<Tensor>& basis);

}  // namespace brenier

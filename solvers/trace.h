// Traces of symmetric operators known by their products only, one per row of a batch.
//
//   Hutchinson   tr A = E vᵀA v for random v with E vvᵀ = I; the error falls like 1/√probes
//   XTrace       the trace on the range of A Ω exactly, and Hutchinson's estimate of the rest, where each test vector in
//                turn is left out of Ω and used for the rest; the mean of these. The error falls as fast as the
//                eigenvalues do. Test vectors are put to the length that makes their part of the rest exact on average.
//
// Reference: Hutchinson (1990); Epperly, Tropp & Webber, XTrace, SIAM J. Matrix Anal. Appl. 45 (2024).
#pragma once

#include <cstdint>

#include "engine/ops.h"
#include "solvers/linear_operator.h"

namespace brenier {

// Of n estimates per row: their mean, and its standard error √(Σ (x - mean)² / (n (n - 1))), NaN for one estimate.
struct TraceEstimate {
  Tensor value;           // [rows]
  Tensor standard_error;  // [rows]
};
// For estimates [n, rows].
TraceEstimate mean_and_error(const Tensor& estimates);

enum class ProbeDistribution { Rademacher, Normal };
// Probes [count, rows, d] for `shape` [rows, d], independent for every row.
Tensor draw_probes(const RandomKey& key, std::int64_t count, const Shape& shape,
                   ProbeDistribution distribution = ProbeDistribution::Rademacher, DType dtype = DType::Float64);

struct HutchinsonOptions {
  std::int64_t probes = 16;
  ProbeDistribution distribution = ProbeDistribution::Rademacher;  // the one of least variance
  DType dtype = DType::Float64;
};
// For an operator on `shape` [rows, d]; one product per probe. Recorded if A is.
TraceEstimate hutchinson_trace(const LinearOperator& a, const Shape& shape, const RandomKey& key,
                               const HutchinsonOptions& options = {});

struct XTraceOptions {
  std::int64_t test_vectors = 10;  // two products each; at most d, which gives the exact trace
  DType dtype = DType::Float64;
};
// The standard error is the one of the paper, from the spread of the estimates; they are not independent, and it is a
// guide more than a bound. Throws std::invalid_argument for a number of test vectors out of 2 … d.
TraceEstimate xtrace(const LinearOperator& a, const Shape& shape, const RandomKey& key,
                     const XTraceOptions& options = {});

}  // namespace brenier

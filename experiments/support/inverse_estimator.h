// How good z vᵀ is as an estimator of H⁻¹ when z ≈ H⁻¹ v comes from conjugate gradients that stop early, for signs v.
//
//   E z vᵀ = H⁻¹ E v vᵀ = H⁻¹ if the systems are solved exactly;   so is E of its symmetric part (z vᵀ + v zᵀ)/2
//
// It is what the surrogate of a flow's log-determinant puts in the place of ∂ ln det H / ∂H. Reference: Huang, Chen,
// Tsirigotis & Courville, Convex potential flows (2021), appendix F and figure 7.
#pragma once

#include <cstdint>

#include "engine/ops.h"

namespace brenier::experiments {

// AᵀA for A [degrees, d] of standard normal entries: [d, d], drawn with exactly this key.
Tensor wishart(const RandomKey& key, std::int64_t d, std::int64_t degrees, DType dtype = DType::Float64);

// Every vector of signs once: [2^d, d]. Throws std::invalid_argument for d out of 1 … 20.
Tensor all_signs(std::int64_t d, DType dtype = DType::Float64);

// The first iterate: zero, or v as in the code of the paper, which costs one more product.
enum class CgStart { Zero, Probe };

// Per entry of the estimated matrix, then averaged over entries.
struct EstimatorError {
  double snr = 0;   // |mean| / standard deviation
  double bias = 0;  // |mean - entry of H⁻¹|
};
struct InverseEstimate {
  EstimatorError plain, symmetric;  // of z vᵀ and of its symmetric part
  double iterations = 0;            // mean over the vectors
};

// Over the rows v of `signs` [n, d], for H [d, d] of the same dtype. A row stops by itself when max |v - H z| is at most
// the tolerance, or after d iterations. Moments are taken in float64.
InverseEstimate judge_inverse_estimator(const Tensor& h, const Tensor& signs, double absolute_tolerance, CgStart start);

}  // namespace brenier::experiments

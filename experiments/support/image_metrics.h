// How far a picture is from another: signal-to-noise ratio and structural similarity, of pictures in rows.
//
//   PSNR = -10 log₁₀ mean (a - b)²                                     dB, for intensities in [0, 1]
//   SSIM = mean (2 μ_a μ_b + C₁)(2 σ_ab + C₂) / ((μ_a² + μ_b² + C₁)(σ_a² + σ_b² + C₂))
//
// with means and covariances under a Gaussian window of 11 x 11 pixels and deviation 1.5 at every place where it fits,
// C₁ = 0.01², C₂ = 0.03²; the mean is over places and channels. Rows are planar, [n, channels * height * width].
// Reference: Wang, Bovik, Sheikh & Simoncelli, Image quality assessment: from error visibility to structural
// similarity (2004).
#pragma once

#include "engine/ops.h"

namespace brenier::experiments {

// Of each picture: [n]; infinite for equal ones. Throws std::invalid_argument where shapes differ.
Tensor psnr(const Tensor& a, const Tensor& b);
// Of each picture: [n], 1 for equal ones. Throws std::invalid_argument where shapes differ or a side is below 11.
Tensor ssim(const Tensor& a, const Tensor& b, std::int64_t height, std::int64_t width, std::int64_t channels = 1);

}  // namespace brenier::experiments

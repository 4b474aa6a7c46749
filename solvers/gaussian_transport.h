// Optimal transport between Gaussians, in closed form, and scores of fitted transport maps.
//
//   W2² = |m₁ - m₂|² + tr C₁ + tr C₂ - 2 tr (C₁^½ C₂ C₁^½)^½          (Bures–Wasserstein)
//   T(x) = m₂ + A (x - m₁),   A = C₁^-½ (C₁^½ C₂ C₁^½)^½ C₁^-½        the Monge map: A C₁ A = C₂, A symmetric
//
// The map is also the best affine one between any two distributions with these moments (Dowson & Landau 1982; Peyré &
// Cuturi, Computational optimal transport, 2019, remark 2.31). Everything is made of operations: differentiable, and
// batched over leading axes of means [..., d] and covariances [..., d, d].
#pragma once

#include "engine/ops.h"

namespace brenier {

// W2², [...]. Covariances are symmetric positive semidefinite; where one is singular the value is right and derivatives
// are not finite. Throws std::invalid_argument where shapes do not fit.
Tensor bures_wasserstein_squared(const Tensor& mean1, const Tensor& covariance1, const Tensor& mean2,
                                 const Tensor& covariance2);

// x -> offset + matrix x, to points in rows.
struct AffineMap {
  Tensor matrix;                             // A [..., d, d], symmetric
  Tensor from;                               // m₁ [..., d]
  Tensor to;                                 // m₂ [..., d]
  Tensor operator()(const Tensor& x) const;  // [..., n, d] -> [..., n, d]
};
// From the first Gaussian to the second. NaN where C₁ is not positive definite.
AffineMap bures_map(const Tensor& mean1, const Tensor& covariance1, const Tensor& mean2, const Tensor& covariance2);

// Mean [d] and covariance [d, d], divided by n, of points [n, d].
struct GaussianMoments {
  Tensor mean, covariance;
};
GaussianMoments gaussian_fit(const Tensor& points);

// The unexplained variance of a map in per cent (Korotin et al., Wasserstein-2 generative networks, 2021, section 5.1):
//
//   L2-UVP = 100 · mean |T̂(x) - T*(x)|² / Var(target),   Var: the trace of the covariance of the target distribution
//
// 0 for the optimal map, and 100 for the map that sends everything to the mean. Values [n, d]; scalar.
Tensor l2_uvp(const Tensor& map_values, const Tensor& optimal_values, double target_variance);
// The cosine of the displacements, mean <T̂(x) - x, T*(x) - x> / (|T̂ - id| |T* - id|) in the L2 norm: 1 for the optimal map.
Tensor displacement_cosine(const Tensor& x, const Tensor& map_values, const Tensor& optimal_values);

}  // namespace brenier

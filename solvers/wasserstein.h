// Wasserstein distances that need no iteration: between clouds of equally many points by assignment, between numbers by
// sorting, and between clouds along directions.
//
//   W_p(α, β)^p = min over plans of the mean of |x - y|^p
//
//   double distance = wasserstein_exact(x, y);              // n up to some thousands
//   Tensor loss = wasserstein_1d(a, b, 2);                  // W_2², differentiable
//   Tensor sliced = sliced_wasserstein(x, y, random_directions({seed, step}, 64, 2));
//
// References: Peyré & Cuturi, Computational optimal transport (2019), sections 2.6 and 3.1; Bonneel et al., Sliced and
// Radon Wasserstein barycenters of measures (2015).
#pragma once

#include "engine/ops.h"

namespace brenier {

// W_p, p >= 1, between n points each, [n, d], of equal weight: the root is taken. In double and on the host
// (solvers/assignment.h), hence for evaluation. Throws std::invalid_argument for other shapes.
double wasserstein_exact(const Tensor& x, const Tensor& y, double p = 2);

// W_p^p, p >= 1, between numbers: a [..., n], b [..., m] -> [...], for each entry of equal leading axes. No root is taken,
// so that the derivative exists where a = b; for p = 1 it is the distance. With F⁻¹ for quantile functions it is the
// integral of |F_a⁻¹ - F_b⁻¹|^p over (0, 1). Weights, [n] and [m], are constants, not negative, and divided by their sums;
// undefined ones are equal. Without weights it can be part of a program. Throws std::invalid_argument.
Tensor wasserstein_1d(const Tensor& a, const Tensor& b, double p = 1, const Tensor& a_weights = {},
                      const Tensor& b_weights = {});

// The mean of W_p^p over projections onto the rows of directions [k, d]: x [n, d], y [m, d] -> scalar.
Tensor sliced_wasserstein(const Tensor& x, const Tensor& y, const Tensor& directions, double p = 2,
                          const Tensor& x_weights = {}, const Tensor& y_weights = {});
// k independent directions, uniform on the unit sphere: [k, d].
Tensor random_directions(const RandomKey& key, std::int64_t k, std::int64_t d, DType dtype = DType::Float64);

}  // namespace brenier

// How near a monotone map can come to a field on a square grid of points x_i: a lower bound for every monotone map.
//
//   minimise ½ Σ |F_i - g_i|²   subject to   ⟨F_j - F_i, x_j - x_i⟩ ≥ 0
//
// Every monotone map satisfies these constraints for all pairs of grid points, so the minimum over some of the pairs is
// below its error. Along a line through grid points, neighbours suffice: their inequalities add up. Hence pairs at the
// primitive offsets (p, q), gcd(p, q) = 1, up to a reach. The minimum itself is approached from below: with multipliers
// λ ≥ 0 of any size the dual function is a bound, whether or not the iteration has converged,
//
//   D(λ) = -½ |Aᵀλ|² - λ·A g        F = g + Aᵀλ
//
// and coordinate ascent raises it in every step. Nothing here asks F to be a gradient; that could only raise the floor.
// Reference: Hildreth, A quadratic programming procedure, Naval Research Logistics Quarterly 4 (1957).
#pragma once

#include <cstdint>

#include "engine/tensor.h"

namespace brenier::experiments {

struct ProjectionOptions {
  std::int64_t reach = 6;      // largest |p| and |q|
  std::int64_t sweeps = 2000;  // over all constraints that have been active
};

struct MonotoneProjection {
  Tensor values;               // F, [n², 2]
  double floor = 0;            // no monotone map has a smaller mean of |F_i - g_i|²
  double attained = 0;         // the mean of |F_i - g_i|² for this F: equal to the floor at convergence
  double worst_violation = 0;  // the most negative ⟨F_j - F_i, x_j - x_i⟩ / |x_j - x_i|² that is left, in grid steps
};

// `field` [n², 2] are values at grid_points (experiments/support/figure.h) of a square. Throws std::invalid_argument for
// other shapes.
MonotoneProjection project_on_monotone(const Tensor& field, const ProjectionOptions& options = {});

}  // namespace brenier::experiments

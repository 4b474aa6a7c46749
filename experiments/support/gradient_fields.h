// Vector fields that gradient networks are asked to learn, as functions of points [n, d] -> [n, d].
//
//   icgn_polynomial    ∇(x⁴ + x²/2 + xy/2 + 3y²/2 - y³/3)   Richter-Powell, Lorraine & Amos 2021, (6): convex on [0, 1]²
//   report_polynomial  ∇(x⁴ + y/2 + xy/2 + 3y²/2 - y³/3)    Gravier & Picard, section 5.1: not convex near x = 0
//   log_sum_exp_2d     ∇ ln(e^{5x} + e^{2y})                the same, section 5.1: convex
//   PolyMax            ∇ max_m (x - ½)ᵀ A_m (x - ½) / c     Chaudhari, Pranav & Moura 2024: convex, with kinks
#pragma once

#include <cstdint>

#include "engine/ops.h"

namespace brenier::experiments {

Tensor icgn_polynomial(const Tensor& points);    // [n, 2] -> [n, 2]
Tensor report_polynomial(const Tensor& points);  // [n, 2] -> [n, 2]
Tensor log_sum_exp_2d(const Tensor& points);     // [n, 2] -> [n, 2]

// A_m = c_m / (ln d · (1 + |i - j|)) with c = 2 + sin 4πα, 1 + 2α, 3 - 2α and α = (i + j - 2)/(2d - 2), i, j = 1 … d. The
// divisor c makes the mean 2-norm of the gradient 1 on the unit cube; it is estimated from 10,000 points.
struct PolyMax {
  Tensor matrices;  // [3, d, d], already divided by c

  // Throws std::invalid_argument for d < 2.
  static PolyMax of_dimension(std::int64_t dim, DType dtype = DType::Float64);

  Tensor operator()(const Tensor& points) const;  // the gradient, [n, d]
  Tensor potential(const Tensor& points) const;   // [n, 1]
};

// The best affine map for a field from these points: ordinary least squares. What every model with a linear part can
// reach, and what a number for PolyMax is to be compared with.
struct AffineFit {
  Tensor matrix, offset;  // [d, d] and [d]: x -> x matrix + offset
  Tensor operator()(const Tensor& x) const { return matmul(x, matrix) + offset; }
};
AffineFit least_squares(const Tensor& x, const Tensor& y);

}  // namespace brenier::experiments

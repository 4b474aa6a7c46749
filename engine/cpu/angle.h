// Angles too large for the packs' own reduction: x modulo pi/2 with all the bits of 2/pi that it takes (Payne & Hanek,
// Radian reduction for trigonometric functions, ACM SIGNUM Newsletter 18, 1983).
#pragma once

namespace brenier::cpu {

// x = (4 k + quadrant) pi/2 + r + error for an integer k, |r| <= pi/4 and |error| <= ulp(r).
struct ReducedAngle {
  int quadrant;  // 0, 1, 2 or 3
  double r, error;
};

// For finite x >= 1/256. The error relative to r is below 2^-63, however near x is to a multiple of pi/2.
ReducedAngle reduce_huge_angle(double x);

}  // namespace brenier::cpu

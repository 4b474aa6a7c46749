// The normal distribution far out, to the precision of Real: an oracle for what underflows or cancels.
#pragma once

#include <cmath>
#include <numbers>

namespace brenier::testing {

// For a >= 0: the density p(a), the tail Phi(-a) and the tail of the Gaussian softplus s(-a) = p(a) - a Phi(-a).
template <class Real>
struct NormalTails {
  Real pdf, cdf, softplus;
};

// From 2 on by Laplace's continued fraction Phi(-a)/p = 1/(a + 1/(a + 2/(a + 3/(a + …)))); below, what cancels costs a
// few roundings. p and its exponent with the rounding error of a^2 restored.
template <class Real>
NormalTails<Real> normal_tails(Real a) {
  if (std::isnan(a)) return {a, a, a};
  if (a > 100) return {0, 0, 0};
  const Real exponent = a * a / 2, lost = std::fma(a / 2, a, -exponent), e = std::exp(-exponent);
  const Real pdf = (e - e * lost) * std::numbers::inv_sqrtpi_v<Real> / std::numbers::sqrt2_v<Real>;
  if (a < 2) {
    const Real cdf = std::erfc(a / std::numbers::sqrt2_v<Real>) / 2;
    return {pdf, cdf, pdf - a * cdf};
  }
  Real rest = 0;
  for (int i = a < 4 ? 250 : 80; i >= 1; --i) rest = Real(i) / (a + rest);
  return {pdf, pdf / (a + rest), pdf * rest / (a + rest)};
}

}  // namespace brenier::testing

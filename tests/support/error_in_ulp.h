// The distance between a result and the exact value, for tests of elementary functions.
//
// An error is counted in units in the last place (ulp) of the exact value; below the smallest normal number the unit
// stays that of the smallest.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace brenier::testing {

// The distance of a result from the exact value in ulp; infinity where one is NaN and the other is not, where the sign
// of a zero is wrong, or where only one of them is beyond the largest number.
template <class T, class Real>
double error_in_ulp(T got, Real exact) {
  const double wrong = std::numeric_limits<double>::infinity();
  const T rounded = static_cast<T>(exact);
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : wrong;
  if (exact == 0) return got == 0 && std::signbit(got) == std::signbit(exact) ? 0 : wrong;
  if (std::isinf(rounded) && got == rounded) return 0;
  constexpr int digits = std::numeric_limits<T>::digits, smallest = std::numeric_limits<T>::min_exponent;
  // Infinity counts as the number after the largest.
  const Real value = std::isinf(got) ? std::copysign(std::ldexp(Real(1), std::numeric_limits<T>::max_exponent), got)
                                     : static_cast<Real>(got);
  int exponent = 0;
  std::frexp(exact, &exponent);
  if (std::isinf(exact)) exponent = std::numeric_limits<T>::max_exponent;
  return static_cast<double>(std::abs(value - exact) / std::ldexp(Real(1), std::max(exponent, smallest) - digits));
}

}  // namespace brenier::testing

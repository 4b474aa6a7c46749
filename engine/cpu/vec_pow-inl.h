// x^y of packs as e^(y ln x): float32 within 2 and float64 within 3 units in the last place of the exact value, and
// exact where the power is an integer that the format holds. Special values are those of C, Annex F.
//
// An error in y ln x is a relative error of the result, and y ln x may be 745. So the logarithm is formed in two parts
// with some ten bits more than the result, 2^-34 and 2^-64 relative to it, and the product with y, too. With
// s = (m - 1)/(m + 1), ln m = 2 artanh s = 2 s + s z (2/3 + z tail(z)), z = s^2; only the tail, which is 2^-11 of the
// whole, is computed in one part. Coefficients: as in vec_math-inl.h.

// a + b in two parts, exactly, if |a| >= |b| or a = 0 (Dekker).
template <class T>
BRENIER_INLINE TwoParts<T> fast_sum(Pack<T> a, Pack<T> b) {
  const Pack<T> sum = a + b;
  return {sum, b - (sum - a)};
}
// a b, and in the error all terms of first order.
template <class T>
BRENIER_INLINE TwoParts<T> product(const TwoParts<T>& a, const TwoParts<T>& b) {
  const Pack<T> value = a.value * b.value;
  return {value, fma(a.value, b.value, -value) + fma(a.value, b.error, a.error * b.value)};
}

// (2 artanh(s)/s - 2 - 2 z/3)/z^2 for z = s^2 <= 0.0401, relative to 2 artanh(s)/s: 2^-41 and 2^-69.
template <class T>
BRENIER_INLINE Pack<T> pow_artanh_tail(Pack<T> z) {
  if constexpr (is_single<T>) {
    return polynomial(z, 0.399999946, 0.28572467, 0.221555293, 0.19920893);
  } else {
    return polynomial(z, 0.39999999999999719, 0.28571428571579977, 0.22222222190767163, 0.18181821569908227,
                      0.15384404421427328, 0.13341208302475527, 0.11591394270703768, 0.12577402602622398);
  }
}
template <class T>
inline constexpr double kTwoThirds = is_single<T> ? 0x1.555556p-1 : 0x1.5555555555555p-1;
template <class T>
inline constexpr double kTwoThirdsError = is_single<T> ? -1.98682155172491548e-8 : 3.70074341541718826e-17;

// ln(m 2^e) for m in [0.75, 1.5).
template <class T>
BRENIER_INLINE TwoParts<T> log_parts(Pack<T> m, Pack<T> e) {
  const Pack<T> one(1), two(2), f = m - one, d = f + two, inverse = one / d, quotient = f * inverse;
  const Pack<T> remainder = fma(-quotient, f - (d - two), fma(-quotient, d, f));
  const TwoParts<T> s{quotient, remainder * inverse};
  const TwoParts<T> z = product(s, s);
  const Pack<T> slope = fma(z.value, pow_artanh_tail(z.value), Pack<T>(kTwoThirdsError<T>));
  const TwoParts<T> cubic = product(s, product(z, fast_sum(Pack<T>(kTwoThirds<T>), slope)));
  const TwoParts<T> log_m = fast_sum(two * s.value, cubic.value);
  const TwoParts<T> sum = fast_sum(e * Pack<T>(kLn2High<T>), log_m.value);
  const Pack<T> low = fma(e, Pack<T>(kLn2Low<T>), fma(two, s.error, cubic.error));
  return {sum.value, sum.error + (log_m.error + low)};
}

// a^y for positive finite a and any y.
template <class T>
BRENIER_INLINE Pack<T> power_of_positive(Pack<T> a, Pack<T> y) {
  constexpr double large = is_single<T> ? 0x1p40 : 0x1p80;  // beyond it all powers but those of 1 are 0 or infinite
  Pack<T> m, e;
  split(a, m, e);
  const TwoParts<T> x = product(log_parts(m, e), {clamp(y, -large, large), Pack<T>(0)});
  const Pack<T> bounded = clamp(x.value, kExpLow<T>, kExpHigh<T>);
  const auto [n, r, error] = reduce_exponent(bounded);
  const Pack<T> correction = error + select(bounded == x.value, x.error, Pack<T>(0));
  const Pack<T> s = r + correction, s_error = (r - s) + correction;
  const TwoParts<T> sum = fast_sum(Pack<T>(1), s);
  return scale(sum.value + fma(s * s, exp_tail(s), sum.error + s_error), n);
}

template <class T>
BRENIER_INLINE Pack<T> pow(Pack<T> x, Pack<T> y) {
  const Pack<T> zero(0), one(1), half = Pack<T>(0.5) * y, a = abs(x);
  const Pack<T> infinity(std::numeric_limits<T>::infinity()), nan(std::numeric_limits<T>::quiet_NaN());
  const Mask<T> odd = (floor(y) == y) & (floor(half) != half), falling = y < zero;
  Pack<T> size = power_of_positive(a, y);
  size = select(a == zero, select(falling, infinity, zero), size);
  size = select(a == infinity, select(falling, zero, infinity), size);
  size = select((x < zero) & (a < infinity) & (floor(y) != y), nan, size);
  const Pack<T> power = select(odd, copy_sign(size, x), size);
  return select((x == one) | (y == zero), one, select((x == x) & (y == y), power, nan));
}

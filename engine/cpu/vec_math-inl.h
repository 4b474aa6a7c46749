// exp, expm1, log, log1p, tanh, erf and erfc of packs: own work, float32 within 2 and float64 within 3 units in the
// last place of the exact value for all arguments, subnormal ones, infinities and NaN included. vec_trig-inl.h and
// vec_pow-inl.h continue.
//
// Arguments are reduced with an error term, the polynomials are minimax fits of the relative error, and the parts that
// decide the last bit are carried as an unevaluated sum of two numbers (Dekker 1971). Coefficients: a Remez exchange in
// 50 decimal digits, weighted so that the error is relative to the function, on the interval said beside it; low
// coefficients rounded first and the others fitted again. tests/engine/vector_math_test.cpp holds the accuracy.
// There are no branches: all lanes take all paths and choose at the end, so NaN and infinity pass through arithmetic.

// The rounding error of sum = a + b (Knuth).
template <class V>
BRENIER_INLINE V sum_error(V a, V b, V sum) {
  const V from_b = sum - a;
  return (a - (sum - from_b)) + (b - from_b);
}

// Between low and high; NaN stays.
template <class T>
BRENIER_INLINE Pack<T> clamp(Pack<T> x, double low, double high) {
  return min(Pack<T>(high), max(Pack<T>(low), x));
}

// x = n ln 2 + r + error, |r| <= ln(2)/2, n integral.
template <class T>
struct Reduced {
  Pack<T> n, r, error;
};
template <class T>
BRENIER_INLINE Reduced<T> reduce_exponent(Pack<T> x) {
  const Pack<T> n = nearest(x * Pack<T>(1.442695040888963407));
  const Pack<T> high = fma(-n, Pack<T>(kLn2High<T>), x);  // exact
  const Pack<T> r = fma(-n, Pack<T>(kLn2Low<T>), high);
  return {n, r, fma(-n, Pack<T>(kLn2Low<T>), high - r)};
}

// (e^r - 1 - r)/r^2 for |r| <= ln(2)/2, relative to e^r - 1: 2^-31 and 2^-58.4.
template <class T>
BRENIER_INLINE Pack<T> expm1_tail(Pack<T> r) {
  if constexpr (is_single<T>) {
    return polynomial(r, 0.5, 0.166666657, 0.0416664667, 0.0083336439, 0.00139350398, 0.000196619789);
  } else {
    return polynomial(r, 0.50000000000000011, 0.16666666666666671, 0.041666666666652245, 0.0083333333333261306,
                      0.0013888888895613211, 0.0001984126987484536, 2.4801574517703599e-05, 2.7557255360004451e-06,
                      2.7567935643441804e-07, 2.5105236595253831e-08, 1.7687747191790144e-09);
  }
}

// e^x is 0 below and infinite above.
template <class T>
inline constexpr double kExpLow = is_single<T> ? -106 : -750;
template <class T>
inline constexpr double kExpHigh = is_single<T> ? 89 : 710;

template <class T>
BRENIER_INLINE Pack<T> exp(Pack<T> x) {
  const auto [n, r, error] = reduce_exponent(clamp(x, kExpLow<T>, kExpHigh<T>));
  return scale(Pack<T>(1) + (r + fma(r * r, exp_tail(r), error)), n);
}

// Whether it is 0 in all lanes.
template <class T>
BRENIER_INLINE bool exp_is_zero(Pack<T> x) {
  const Pack<T> low(kExpLow<T>);
  return !any(max(low, x) != low);  // NaN is not low
}

// e^x - 1 = value + error for x in [-60, 127 ln 2].
template <class T>
struct TwoParts {
  Pack<T> value, error;
};
template <class T>
BRENIER_INLINE TwoParts<T> expm1_parts(const Reduced<T>& x, Pack<T> power) {
  const Pack<T> less_one = power - Pack<T>(1);
  const Pack<T> value = fma(power, x.r, less_one);
  const Pack<T> rounding = fma(power, x.r, less_one - value);  // exact, as |less_one| > |power r| or less_one = 0
  return {value, fma(power, fma(x.r * x.r, expm1_tail(x.r), x.error), rounding)};
}

template <class T>
BRENIER_INLINE Pack<T> expm1(Pack<T> x) {
  constexpr double low = is_single<T> ? -20 : -40;  // -1 below
  constexpr double max_power = std::numeric_limits<T>::max_exponent - 1;
  const Reduced<T> reduced = reduce_exponent(clamp(x, low, kExpHigh<T>));
  const Pack<T> power = scale(Pack<T>(1), min(reduced.n, Pack<T>(max_power)));
  const TwoParts<T> parts = expm1_parts(reduced, power);
  const Pack<T> y = (parts.value + parts.error) * select(reduced.n > Pack<T>(max_power), Pack<T>(2), Pack<T>(1));
  return copy_sign(y, x);
}

// e ln 2 + ln(1 + f) for f in [-0.25, 0.5]. Single: (ln(1 + f) - f + f^2/2)/f^3, relative to ln(1 + f) 2^-27.9.
// Double: with s = f/(2 + f), ln(1 + f) = 2 artanh s; (2 artanh(s)/s - 2)/s^2 for s^2 <= 0.0401, 2^-62, and the
// combination of Ng & Turner's log in fdlibm (1993), which leaves f as the exact leading term.
template <class T>
BRENIER_INLINE Pack<T> log_of(Pack<T> f, Pack<T> e) {
  const Pack<T> half = Pack<T>(0.5) * f * f, low = e * Pack<T>(kLn2Low<T>);
  Pack<T> rest;
  if constexpr (is_single<T>) {
    const Pack<T> tail = polynomial(f, 0.333333403, -0.250001639, 0.199996054, -0.166552961, 0.142762378, -0.127277777,
                                    0.117006712, -0.0911622122, 0.0376731642);
    rest = fma(f * f * f, tail, low - half);
  } else {
    const Pack<T> s = f / (Pack<T>(2) + f), z = s * s;
    const Pack<T> tail =
        z * polynomial(z, 0.66666666666666596, 0.40000000000056712, 0.285714285558199, 0.22222224297548607,
                       0.18181665801409275, 0.15391114700336045, 0.13173547659802592, 0.13843423458659795);
    rest = fma(s, half + tail, low) - half;
  }
  const Pack<T> y = fma(e, Pack<T>(kLn2High<T>), f);
  const Pack<T> y_error = f - fma(-e, Pack<T>(kLn2High<T>), y);  // exact, as |e ln 2| > |f| or e = 0
  return y + (rest + y_error);
}

// ln(x) where x is not positive or not finite, else y; e is from split(x).
template <class T>
BRENIER_INLINE Pack<T> log_outside(Pack<T> x, Pack<T> e, Pack<T> y) {
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  if constexpr (Register<T>::split_is_total) return select(abs(e) == Pack<T>(infinity), e, y);
  const Pack<T> outside = select(x == Pack<T>(0), Pack<T>(-infinity), select(x > Pack<T>(0), x, Pack<T>(nan)));
  return select((x > Pack<T>(0)) & (x < Pack<T>(infinity)), y, outside);
}

template <class T>
BRENIER_INLINE Pack<T> log(Pack<T> x) {
  Pack<T> m, e;
  split(x, m, e);
  return log_outside(x, e, log_of(m - Pack<T>(1), e));
}

// 1 + x = u + c, and with u = m 2^e the logarithm is e ln 2 + ln(m + c 2^-e). For e = 0 the reduced argument is x
// itself. c is exact until 1 is lost beside x, and no matter after.
template <class T>
BRENIER_INLINE Pack<T> log1p(Pack<T> x) {
  const Pack<T> one(1), u = one + x, c = x - (u - one);
  Pack<T> m, e;
  split(u, m, e);
  return copy_sign(log_outside(u, e, log_of((m - one) + scale(c, -e), e)), x);
}

// With t = e^(-2|x|) - 1, q = t/(2 + t) is -|tanh x|. What rounding takes from d = 2 + t is restored: 1/d = (1 - q)/2.
template <class T>
BRENIER_INLINE Pack<T> tanh(Pack<T> x) {
  constexpr double low = is_single<T> ? -20 : -40;  // tanh = 1 beyond
  const Reduced<T> reduced = reduce_exponent(max(Pack<T>(low), Pack<T>(-2) * abs(x)));
  const TwoParts<T> parts = expm1_parts(reduced, scale(Pack<T>(1), reduced.n));
  const Pack<T> two(2), t = parts.value + parts.error, d = two + t, lost = t - (d - two), q = t / d;
  return copy_sign(fma(-q, lost * fma(Pack<T>(-0.5), q, Pack<T>(0.5)), q), x);
}

// erf(x)/x - 1 as a polynomial of x^2. Single: |x| <= 0.92, 2^-30; double: |x| <= 1, 2^-54.8.
template <class T>
BRENIER_INLINE Pack<T> erf_tail(Pack<T> z) {
  if constexpr (is_single<T>) {
    return polynomial(z, 0.128379166, -0.376126289, 0.112836257, -0.0268557295, 0.00519239251, -0.000804951473,
                      7.99504851e-05);
  } else {
    return polynomial(z, 0.12837916709551256, -0.37612638903183521, 0.11283791670944182, -0.026866170643111122,
                      0.0052239776061157967, -0.00085483259291924336, 0.00012055293573423139, -1.4924712238338643e-05,
                      1.6447130821926906e-06, -1.6206308277637329e-07, 1.3710957719683192e-08, -7.7794279187700094e-10);
  }
}
// ln erfc(x), so that erf = 1 - e^…, relative to erf. Single: [0.9, 4], 2^-32; double: [1, 6], 2^-56.8.
template <class T>
BRENIER_INLINE Pack<T> log_erfc(Pack<T> x) {
  if constexpr (is_single<T>) {
    return polynomial(x, 0.000169206163, -1.12948847, -0.633400619, -0.108220749, 0.025080923, -0.00415640138,
                      0.000431430963, -2.08327274e-05);
  } else {
    return polynomial(x, -5.0295358231212376e-07, -1.1283740884787703, -0.63664363254324796, -0.10270342723020796,
                      0.018990155411155035, 0.00041066075462772563, -0.0019159783810132074, 0.00077067227229592249,
                      -0.00013506932613135893, -2.0256894286444689e-05, 2.2818533869812674e-05, -8.6658998082894333e-06,
                      2.1353653897200018e-06, -3.7324442694599899e-07, 4.641486427029618e-08, -3.9335006632030387e-09,
                      2.0445211606312384e-10, -4.9274336599912248e-12);
  }
}

template <class T>
BRENIER_INLINE Pack<T> erf(Pack<T> x) {
  constexpr double middle = is_single<T> ? 0.91 : 1, end = is_single<T> ? 4 : 6;  // 1 beyond
  const Pack<T> small = fma(x, erf_tail(x * x), x);
  const auto [n, r, error] = reduce_exponent(log_erfc(min(Pack<T>(end), abs(x))));
  const Pack<T> large = Pack<T>(1) - scale(Pack<T>(1) + fma(r * r, exp_tail(r), r), n);
  return select(abs(x) < Pack<T>(middle), small, copy_sign(large, x));
}

// e^(x^2) erfc(x) = w P(w - 5/32), w = 1/(x + 3). The constant of P in two parts, the rest divided by w - 5/32.
// Single: x in [0.49, 10.3], 2^-28.8; double: x in [0.49, 28], 2^-56.1.
template <class T>
inline constexpr double kErfcxHigh = is_single<T> ? 1.0210263729095459 : 1.0210263338171548;
template <class T>
inline constexpr double kErfcxLow = is_single<T> ? -3.9068769552841331e-08 : 9.4821968569754585e-17;
template <class T>
BRENIER_INLINE Pack<T> erfcx_slope(Pack<T> v) {
  if constexpr (is_single<T>) {
    return polynomial(v, 4.87883711, 19.2510529, 60.8336296, 143.983337, 210.338989, 2.22781467, -777.235535,
                      -1079.89246, 3012.46362);
  } else {
    return polynomial(v, 4.8788371372317396, 19.251052687334834, 60.833719589015999, 143.98368025906137,
                      210.27085397044101, 2.3185738717588391, -762.62289605215415, -1148.8618257343958,
                      2055.9054553342567, 7477.8112891775127, -5845.3287011531165, -44074.796276607092,
                      25854.483859798718, 272191.29883374285, -220623.50943161515, -1733222.3499349309,
                      2272069.6639373349, 10118545.154246513, -17773746.694727808, -38761164.49562642,
                      62109147.013231657);
  }
}

// e^(x^2) erfc(x) for x in [0.49, 28] in two parts. The rounding errors of x + 3 and of its inverse re-enter through v
// and through `relative`.
template <class T>
BRENIER_INLINE TwoParts<T> erfcx_parts(Pack<T> x) {
  const Pack<T> one(1), three(3), d = x + three, w = one / d;
  const Pack<T> relative = fma(-w, sum_error(x, three, d), fma(-w, d, one));
  const Pack<T> v = fma(w, relative, w - Pack<T>(0.15625));
  const Pack<T> slope = fma(v, erfcx_slope(v), Pack<T>(kErfcxLow<T>));
  const Pack<T> p = Pack<T>(kErfcxHigh<T>) + slope, p_error = slope - (p - Pack<T>(kErfcxHigh<T>));
  const Pack<T> value = w * p;
  return {value, fma(value, relative, fma(w, p_error, fma(w, p, -value)))};
}

// For x >= 0.85 as e^(-x^2) e^(x^2) erfc(x), with the rounding error of x^2; below as 1 - erf(x), and 2 - erfc(-x).
template <class T>
BRENIER_INLINE Pack<T> erfc(Pack<T> x) {
  constexpr double end = is_single<T> ? 10.25 : 28;  // 0 beyond
  const Pack<T> a = min(Pack<T>(end), abs(x)), square = a * a;
  const auto [n, r, error] = reduce_exponent(-square);
  const Pack<T> correction = error - fma(a, a, -square);
  const Pack<T> s = r + correction, s_error = (r - s) + correction;
  const TwoParts<T> g = erfcx_parts(a);
  const Pack<T> tail = fma(s * s, exp_tail(s), s_error);
  const Pack<T> y = scale(g.value + fma(g.value, s, fma(g.value, tail, g.error)), n);
  const Pack<T> small = fma(-x, erf_tail(x * x), Pack<T>(1) - x);
  return select(a < Pack<T>(0.85), small, select(x < Pack<T>(0), Pack<T>(2) - y, y));
}

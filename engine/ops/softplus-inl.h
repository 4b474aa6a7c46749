// The softplus families: relu convolved with a density p, so that s' is its distribution function and s'' = p. The
// members of a family share most of their work, and one function computes them all. A functor keeps one part, and the
// compiler drops what only the others need; single and joint results are the same bits. Generic over V like
// engine/ops/functors-inl.h, which includes this file.
//
// Logistic, with e = e^-|x|:   s = max(x, 0) + ln(1 + e),   s' = 1/(1 + e) or e/(1 + e).
// Laplace, with the same e:    s = max(x, 0) + e/2,         s' = 1 - e/2 or e/2.
// Gaussian, with the normal density p, a = |x|, the Mills ratio M(a) = Phi(-a)/p(a), and S(a) = 1 - a M(a):
//   s(-a) = p S,  s(a) = a + p S,  Phi(-a) = p M,  Phi(a) = 1 - p M.
// M/S - a falls smoothly from sqrt(pi/2) to 2/a: it is a continued fraction of Laplace. With a rational approximation
// N/Q of it and B = a Q + N, both ratios come from one denominator, M = B/(Q + a B) and S = Q/(Q + a B), and nothing
// cancels.
//
// Accuracy, for all arguments: float32 within 2 and float64 within 3 units in the last place, the Gaussian s within 4. tests/engine/vector_math_test.cpp holds it.

template <class V>
struct SoftplusParts {
  V softplus, cdf;
};

// (2 artanh(s)/s - 2)/z for z = s^2 <= 1/9, relative to artanh: 2^-27.7 and 2^-58.6.
template <class V>
BRENIER_INLINE V artanh_tail(V z) {
  if constexpr (is_single<V>) {
    return polynomial(z, 0.666664183, 0.400214404, 0.280029386, 0.280073673);
  } else {
    return polynomial(z, 0.66666666666666308, 0.40000000000155894, 0.28571428548021405, 0.22222223958495918,
                      0.18181744380755124, 0.15386548355726998, 0.13301156701256767, 0.12104341010600705,
                      0.083492142686972637, 0.16998636785773055);
  }
}

// ln(1 + e) = 2 artanh(s) with s = e/(2 + e), for e in [0, 1]. What rounding takes from the sum and the quotient shows
// in e - s (2 + e), where e - 2 s is exact (Sterbenz), and is restored: 1/(2 + e) = (1 - s)/2.
template <class V>
BRENIER_INLINE V log1p_of_fraction(V e) {
  const V s = e / (V(2) + e), twice = s + s, z = s * s, lost = fma(-s, e, e - twice);
  return fma(s * z, artanh_tail(z), lost * (V(1) - s)) + twice;
}

// e^-|x| does not overflow, and both tails of the distribution function keep their relative accuracy. What rounding
// takes from d = 1 + e is restored to first order, with 1/d near enough to 1 - e/2.
template <class V>
BRENIER_INLINE SoftplusParts<V> logistic_parts(V x) {
  const V e = exp(-abs(x)), d = V(1) + e, lost = e - (d - V(1)), y = select(x >= V(0), V(1), e) / d;
  return {select(x <= V(0), V(0), x) + log1p_of_fraction(e), fma(-y, lost * fma(V(-0.5), e, V(1)), y)};
}
struct Softplus {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return logistic_parts(x).softplus;
  }
};
struct Sigmoid {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return logistic_parts(x).cdf;
  }
};
struct LogisticFamily {
  template <class V, class Out>
  BRENIER_INLINE void operator()(V x, Out&& out) const {
    const SoftplusParts<V> parts = logistic_parts(x);
    out(0, parts.softplus);
    out(1, parts.cdf);
  }
};

// ln(cosh x)/x^4 - 1/(2 x^2) as a polynomial of x^2 <= 1, relative to ln cosh: 2^-27 and 2^-56.5.
template <class V>
BRENIER_INLINE V log_cosh_tail(V z) {
  if constexpr (is_single<V>) {
    return polynomial(z, -0.0833330974, 0.0222174469, -0.00671348674, 0.00208248687, -0.00056036649, 8.78504434e-05);
  } else {
    return polynomial(z, -0.083333333333331927, 0.022222222222092729, -0.0067460317418451717, 0.0021869487850051782,
                      -0.00073860229168076124, 0.00025657632927648716, -9.0971156823246995e-05, 3.2722040475692557e-05,
                      -1.1827713823366995e-05, 4.1925544853103396e-06, -1.3770670210128063e-06, 3.7803221759987561e-07,
                      -7.3420401972690633e-08, 7.2444016522499859e-09);
  }
}
// The logistic softplus made even: ln cosh x = |x| + ln(1 + e^-2|x|) - ln 2. Near 0 the terms cancel;
// there the leading term x^2/2 carries the rounding error of x^2 along.
struct LogCosh {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    const V a = abs(x), z = a * a, log1p = log1p_of_fraction(exp(V(-2) * a));
    const V large = (a - V(kLn2High<V>)) + (log1p - V(kLn2Low<V>));
    const V small = fma(z * z, log_cosh_tail(z), V(0.5) * fma(a, a, -z)) + V(0.5) * z;
    return select(a < V(1), small, large);
  }
};

template <class V>
BRENIER_INLINE SoftplusParts<V> laplace_parts(V x) {
  const V e = exp(-abs(x)), half_tail = V(0.5) * e;
  return {fma(V(0.5), e, select(x <= V(0), V(0), x)), select(x >= V(0), V(1) - half_tail, half_tail)};
}
struct LaplaceSoftplus {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return laplace_parts(x).softplus;
  }
};
struct LaplaceCdf {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return laplace_parts(x).cdf;
  }
};
struct LaplaceFamily {
  template <class V, class Out>
  BRENIER_INLINE void operator()(V x, Out&& out) const {
    const SoftplusParts<V> parts = laplace_parts(x);
    out(0, parts.softplus);
    out(1, parts.cdf);
  }
};

template <class V>
struct GaussianParts {
  V softplus, cdf, pdf;
};

// N and Q of the head comment for 0 <= a <= 14.4 and 38.75. M and S have relative errors of 2^-29.2 and 2^-56.1.
template <class V>
BRENIER_INLINE void mills_fraction(V a, V& n, V& q) {
  if constexpr (is_single<V>) {
    n = polynomial(a, 1.25331414, 0.648755491, 0.185900137, 0.0294752959, 0.00223474856);
    q = polynomial(a, 1.0, 0.860087037, 0.37207076, 0.0960520133, 0.0147482557, 0.00111717614);
  } else {
    n = polynomial(a, 1.2533141373155094, 1.3443119625842943, 0.75140036625363249, 0.27613167740473055,
                   0.072335443968194343, 0.013889104977767871, 0.0019482486429381011, 0.00019269715062492749,
                   1.226406902053258e-05, 3.8771577934058011e-07);
    q = polynomial(a, 1.0000000000000073, 1.4150607441388403, 1.0133290293243111, 0.47316366697124668,
                   0.15776501215739899, 0.039016473911245152, 0.0072312732613231444, 0.00099252038914025191,
                   9.6930149636023565e-05, 6.132034503033929e-06, 1.9385788970650693e-07);
  }
}

// (Phi(x) - 1/2)/x for z = x^2 <= 0.75^2, so that Phi(-|x|) has a relative error of 2^-28.2 and 2^-56.8.
template <class V>
BRENIER_INLINE V central_slope(V z) {
  if constexpr (is_single<V>) {
    return polynomial(z, 0.398942262, -0.0664898977, 0.00996985286, -0.00117542164, 9.83295104e-05);
  } else {
    return polynomial(z, 0.39894228040143259, -0.06649038006689742, 0.0099735570098100253, -0.0011873282125463591,
                      0.00011543466673466365, -9.4445682110194768e-06, 6.6574320040174745e-07, -4.0878320265314972e-08,
                      1.9754435796798441e-09);
  }
}

// p = 2^n (1 + t). The exponent -a^2/2 - ln sqrt(2 pi) = n ln 2 + r is reduced without rounding a^2; the constant is in
// two parts like ln 2. What rounding takes from the ratios shows in 1 - S - a M, and M is corrected by it: for large a
// all of its error, for small a little, and there Phi has its own polynomial. S has no such correction.
template <class V>
BRENIER_INLINE GaussianParts<V> gaussian_parts(V x) {
  constexpr double high = is_single<V> ? 0x1.d68p-1 : 0x1.d67f1c86p-1;
  constexpr double low = is_single<V> ? -6.779295327219437217e-6 : 3.452405028525618e-11;
  const V one(1), a = min(V(is_single<V> ? 14.4 : 38.75), abs(x)), square = a * a;  // p = 0 beyond
  V numerator, q;
  mills_fraction(a, numerator, q);
  const V b = mul_add(a, q, numerator), d = mul_add(a, b, q), m = b / d, s = q / d;

  const V n = nearest(mul_add(square, V(-0.721347520444481704), V(-1.325748064736159248)));
  const V shift = mul_add(n, V(kLn2High<V>), V(high));  // exact
  const V r = fma(V(-0.5) * a, a, -shift) - mul_add(n, V(kLn2Low<V>), V(low));
  const V t = mul_add(r * r, exp_tail(r), r), power = scale(one, n);

  const V lost = fma(-a, m, one) - s, corrected = mul_add(lost, one + t, t);
  const V tail = mul_add(m, corrected, m) * power;
  const V outer = select(x < V(0), tail, one - tail), central = mul_add(x, central_slope(square), V(0.5));
  return {mul_add(mul_add(s, t, s), power, max(x, V(0))), select(a < V(0.75), central, outer),
          mul_add(power, t, power)};
}
struct GaussianSoftplus {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return gaussian_parts(x).softplus;
  }
};
struct NormalCdf {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return gaussian_parts(x).cdf;
  }
};
struct NormalPdf {
  template <class V>
  BRENIER_INLINE V operator()(V x) const {
    return gaussian_parts(x).pdf;
  }
};
struct GaussianFamily {
  template <class V, class Out>
  BRENIER_INLINE void operator()(V x, Out&& out) const {
    const GaussianParts<V> parts = gaussian_parts(x);
    out(0, parts.softplus);
    out(1, parts.cdf);
    out(2, parts.pdf);
  }
};

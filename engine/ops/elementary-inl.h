// What elementary functions are made of, for V a number or a pack: polynomials, and the parts of e^x.
//
// The functions of packs (vec_math-inl.h) and the functors that need more than those (engine/ops/softplus-inl.h) share
// these. Coefficients: a Remez exchange in 50 decimal digits of the relative error on the interval said beside it; low
// coefficients rounded first and the others fitted again.

// c[First] + c[First + Step] z + c[First + 2 Step] z^2 + …
template <int First, int Step, class V, int Count>
BRENIER_INLINE V horner(V z, const double (&c)[Count]) {
  if constexpr (First + Step < Count) {
    return mul_add(horner<First + Step, Step>(z, c), z, V(c[First]));
  } else {
    return V(c[First]);
  }
}

// c0 + c1 x + c2 x^2 + …, long ones in two or four interleaved chains: a chain waits for each of its steps.
template <class V, class... Numbers>
BRENIER_INLINE V polynomial(V x, Numbers... numbers) {
  constexpr int count = sizeof...(Numbers);
  const double c[] = {numbers...};
  if constexpr (count < 6) {
    return horner<0, 1>(x, c);
  } else if constexpr (count < 14) {
    const V x2 = x * x;
    return mul_add(horner<1, 2>(x2, c), x, horner<0, 2>(x2, c));
  } else {
    const V x2 = x * x, x4 = x2 * x2;
    const V low = mul_add(horner<1, 4>(x4, c), x, horner<0, 4>(x4, c));
    const V high = mul_add(horner<3, 4>(x4, c), x, horner<2, 4>(x4, c));
    return mul_add(high, x2, low);
  }
}

// ln 2 in two parts. The high one leaves enough zeros for n high to be exact (Cody & Waite 1980).
template <class V>
inline constexpr double kLn2High = is_single<V> ? 0x1.62e4p-1 : 0x1.62e42feep-1;
template <class V>
inline constexpr double kLn2Low = is_single<V> ? 1.428606820309417232121e-6 : 1.908214929270587816144e-10;

// (e^r - 1 - r)/r^2 for |r| <= ln(2)/2, relative to e^r: 2^-28.2 and 2^-57.9.
template <class V>
BRENIER_INLINE V exp_tail(V r) {
  if constexpr (is_single<V>) {
    return polynomial(r, 0.49999994, 0.166665167, 0.0416681021, 0.00836919248, 0.0013838812);
  } else {
    return polynomial(r, 0.50000000000000111, 0.1666666666666641, 0.041666666666529732, 0.00833333333349498,
                      0.0013888888943758789, 0.0001984126950576047, 2.4801492950804459e-05, 2.7557586818814351e-06,
                      2.7630305859655486e-07, 2.5000013831782201e-08);
  }
}

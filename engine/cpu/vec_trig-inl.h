// sin and cos of packs: float32 within 2 and float64 within 3 units in the last place of the exact value, for all
// numbers. sin of infinity is NaN, sin of -0 is -0.
//
// x = n pi/2 + r with |r| <= pi/4 (and a little, where n is one off). pi/2 is given in three parts (Cody & Waite 1980),
// so that r is known to the last bit even next to a multiple of pi/2, as r + error. Two polynomials answer on the short
// interval, and n mod 4 says which of them it is and its sign. Coefficients: as in vec_math-inl.h. This is the one
// place with a branch: lanes beyond the range of the three parts are reduced one by one (engine/cpu/angle.h), which
// costs time and changes no other lane.

template <class T>
struct HalfPi;
template <>
struct HalfPi<float> {
  static constexpr double first = 0x1.921fb6p+0, second = -0x1.777a5cp-25, third = -0x1.ee59dap-50;
  static constexpr double range = 0x1p16;
};
template <>
struct HalfPi<double> {
  static constexpr double first = 0x1.921fb54442d18p+0, second = 0x1.1a62633145c07p-54, third = -0x1.f1976b7ed8fbcp-110;
  static constexpr double range = 0x1p30;
};

// x = (4 k + quadrant) pi/2 + r + error for an integer k.
template <class T>
struct Angle {
  Pack<T> quadrant, r, error;
};

template <class T>
__attribute__((noinline, cold)) void reduce_huge_lanes(const T* x, T* quadrant, T* r, T* error) {
  for (int i = 0; i < kLanes<T>; ++i) {
    if (!(x[i] > T(HalfPi<T>::range) && x[i] <= std::numeric_limits<T>::max())) continue;
    const ReducedAngle angle = reduce_huge_angle(static_cast<double>(x[i]));
    quadrant[i] = static_cast<T>(angle.quadrant);
    r[i] = static_cast<T>(angle.r);
    error[i] = static_cast<T>((angle.r - static_cast<double>(r[i])) + angle.error);
  }
}

// For x >= 0; r is NaN for infinity.
template <class T>
BRENIER_INLINE Angle<T> reduce_angle(Pack<T> x) {
  using Parts = HalfPi<T>;
  const Pack<T> n = nearest(x * Pack<T>(0.6366197723675813431));
  const Pack<T> first = fma(-n, Pack<T>(Parts::first), x);  // exact
  const Pack<T> second = n * Pack<T>(Parts::second), r = first - second;
  const Pack<T> lost = sum_error(first, -second, r) - fma(n, Pack<T>(Parts::second), -second);
  const Pack<T> quadrant = n - Pack<T>(4) * floor(n * Pack<T>(0.25));
  const Pack<T> error = fma(-n, Pack<T>(Parts::third), lost);
  if (!any(x > Pack<T>(Parts::range))) return {quadrant, r, error};
  T lane[4][Pack<T>::lanes];
  store(lane[0], x);
  store(lane[1], quadrant);
  store(lane[2], r);
  store(lane[3], error);
  reduce_huge_lanes<T>(lane[0], lane[1], lane[2], lane[3]);
  return {load(lane[1]), load(lane[2]), load(lane[3])};
}

// sin(r + error), with (sin r - r)/r^3 relative to sin r: 2^-27.8 and 2^-57.9.
template <class T>
BRENIER_INLINE Pack<T> sin_of(const Angle<T>& angle) {
  const Pack<T> r = angle.r, z = r * r;
  Pack<T> tail;
  if constexpr (is_single<T>) {
    tail = polynomial(z, -0.166666538, 0.00833210628, -0.000195078828);
  } else {
    tail = polynomial(z, -0.1666666666666663, 0.0083333333333218407, -0.00019841269829358509, 2.7557313538498521e-06,
                      -2.5050734385289604e-08, 1.5895432974665576e-10);
  }
  return r + fma(r * z, tail, fma(angle.error, Pack<T>(-0.5) * z, angle.error));
}

// cos(r + error), with (cos r - 1 + r^2/2)/r^4 relative to cos r: 2^-32.8 and 2^-63.9.
template <class T>
BRENIER_INLINE Pack<T> cos_of(const Angle<T>& angle) {
  const Pack<T> r = angle.r, z = r * r, half = Pack<T>(0.5) * z, one(1), y = one - half;
  Pack<T> tail;
  if constexpr (is_single<T>) {
    tail = polynomial(z, 0.0416666456, -0.00138873025, 2.44309776e-05);
  } else {
    tail = polynomial(z, 0.041666666666666595, -0.0013888888888873342, 2.4801587289002039e-05, -2.755731421701165e-07,
                      2.0875705390121706e-09, -1.1358748822092829e-11);
  }
  return y + (((one - y) - half) + fma(z * z, tail, -r * angle.error));
}

template <class T>
BRENIER_INLINE Pack<T> sin(Pack<T> x) {
  const Angle<T> angle = reduce_angle(abs(x));
  const Pack<T> q = angle.quadrant;
  const Pack<T> y = select((q == Pack<T>(1)) | (q == Pack<T>(3)), cos_of(angle), sin_of(angle));
  return select(q >= Pack<T>(2), -y, y) * copy_sign(Pack<T>(1), x);
}

template <class T>
BRENIER_INLINE Pack<T> cos(Pack<T> x) {
  const Angle<T> angle = reduce_angle(abs(x));
  const Pack<T> q = angle.quadrant;
  const Mask<T> one = q == Pack<T>(1);
  const Pack<T> y = select(one | (q == Pack<T>(3)), sin_of(angle), cos_of(angle));
  return select(one | (q == Pack<T>(2)), -y, y);
}

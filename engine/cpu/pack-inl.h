// A SIMD register as a number: arithmetic, comparison and choice lane by lane, over the Register<T> of a target.
//
// Register<T> (vec_avx2.h, vec_avx512.h, vec_neon.h) names the instructions; everything that is the same for all
// targets is here. Numbers convert to packs silently, as in 2 * x. Minimum and maximum are those of x86: if either
// argument is NaN the result is the second. Partial loads fill the missing lanes with zeros.

template <class T>
struct Mask {
  typename Register<T>::MaskType v;
  friend BRENIER_INLINE Mask operator&(Mask a, Mask b) { return {Register<T>::both(a.v, b.v)}; }
  friend BRENIER_INLINE Mask operator|(Mask a, Mask b) { return {Register<T>::either(a.v, b.v)}; }
};

// Whether it holds in some lane.
template <class T>
BRENIER_INLINE bool any(Mask<T> m) {
  return Register<T>::any(m.v);
}

template <class T>
struct Pack {
  using R = Register<T>;
  static constexpr int lanes = R::lanes;
  typename R::Type v;

  Pack() = default;
  template <class Number>
  requires std::is_arithmetic_v<Number> BRENIER_INLINE Pack(Number x) : v(R::broadcast(static_cast<T>(x))) {}
  BRENIER_INLINE explicit Pack(typename R::Type x) : v(x) {}

  friend BRENIER_INLINE Pack operator+(Pack a, Pack b) { return Pack(a.v + b.v); }
  friend BRENIER_INLINE Pack operator-(Pack a, Pack b) { return Pack(a.v - b.v); }
  friend BRENIER_INLINE Pack operator*(Pack a, Pack b) { return Pack(a.v * b.v); }
  friend BRENIER_INLINE Pack operator/(Pack a, Pack b) { return Pack(a.v / b.v); }
  friend BRENIER_INLINE Pack operator-(Pack a) { return Pack(-a.v); }
  BRENIER_INLINE Pack& operator+=(Pack a) { return *this = *this + a; }
  BRENIER_INLINE Pack& operator-=(Pack a) { return *this = *this - a; }
  BRENIER_INLINE Pack& operator*=(Pack a) { return *this = *this * a; }
  BRENIER_INLINE Pack& operator/=(Pack a) { return *this = *this / a; }

  friend BRENIER_INLINE Mask<T> operator==(Pack a, Pack b) { return {R::equal(a.v, b.v)}; }
  friend BRENIER_INLINE Mask<T> operator!=(Pack a, Pack b) { return {R::not_equal(a.v, b.v)}; }
  friend BRENIER_INLINE Mask<T> operator<(Pack a, Pack b) { return {R::less(a.v, b.v)}; }
  friend BRENIER_INLINE Mask<T> operator<=(Pack a, Pack b) { return {R::less_equal(a.v, b.v)}; }
  friend BRENIER_INLINE Mask<T> operator>(Pack a, Pack b) { return {R::less(b.v, a.v)}; }
  friend BRENIER_INLINE Mask<T> operator>=(Pack a, Pack b) { return {R::less_equal(b.v, a.v)}; }

  friend BRENIER_INLINE Pack fma(Pack a, Pack b, Pack c) { return Pack(R::fma(a.v, b.v, c.v)); }  // a b + c
  friend BRENIER_INLINE Pack mul_add(Pack a, Pack b, Pack c) { return fma(a, b, c); }
  friend BRENIER_INLINE Pack min(Pack a, Pack b) { return Pack(R::min(a.v, b.v)); }
  friend BRENIER_INLINE Pack max(Pack a, Pack b) { return Pack(R::max(a.v, b.v)); }
  friend BRENIER_INLINE Pack select(Mask<T> m, Pack yes, Pack no) { return Pack(R::blend(m.v, yes.v, no.v)); }
  friend BRENIER_INLINE Pack sqrt(Pack a) { return Pack(R::sqrt(a.v)); }
  friend BRENIER_INLINE Pack floor(Pack a) { return Pack(R::floor(a.v)); }
  friend BRENIER_INLINE Pack nearest(Pack a) { return Pack(R::nearest(a.v)); }  // integer, ties to even
  friend BRENIER_INLINE Pack abs(Pack a) { return Pack(R::abs(a.v)); }
  friend BRENIER_INLINE Pack copy_sign(Pack size, Pack sign) { return Pack(R::copy_sign(size.v, sign.v)); }
};

template <class T>
inline constexpr bool is_single<Pack<T>> = is_single<T>;

template <class T>
inline constexpr int kLanes = Pack<T>::lanes;
template <class T>
inline constexpr bool kPacksCompute = std::is_floating_point_v<T>;

template <class T>
BRENIER_INLINE Pack<T> broadcast(T x) {
  return Pack<T>(x);
}
// Memory needs no alignment.
template <class T>
BRENIER_INLINE Pack<T> load(const T* from) {
  return Pack<T>(Register<T>::load(from));
}
template <class T>
BRENIER_INLINE void store(T* to, Pack<T> x) {
  Register<T>::store(to, x.v);
}
// The first n lanes, 1 <= n <= lanes; memory beyond them is not touched.
template <class T>
BRENIER_INLINE Pack<T> load_part(const T* from, int n) {
  return Pack<T>(Register<T>::load_part(from, n));
}
template <class T>
BRENIER_INLINE void store_part(T* to, Pack<T> x, int n) {
  Register<T>::store_part(to, x.v, n);
}

// x 2^n for integral n, rounded once even where the result is subnormal; |n| may be twice the largest exponent.
template <class T>
BRENIER_INLINE Pack<T> scale(Pack<T> x, Pack<T> n) {
  return Pack<T>(Register<T>::scale(x.v, n.v));
}
// x = m 2^e with m in [0.75, 1.5), for positive finite x, subnormal ones included. If Register<T>::split_is_total,
// also m = 1 with e infinite for 0 and infinity, and m NaN for negative numbers and NaN.
template <class T>
BRENIER_INLINE void split(Pack<T> x, Pack<T>& m, Pack<T>& e) {
  Register<T>::split(x.v, m.v, e.v);
}

// All lanes combined into one number, each with the one half a pack away, then a quarter, and so on.
template <int Apart, class T, class Combine, std::size_t... Lane>
BRENIER_INLINE Pack<T> combine_apart(Pack<T> x, const Combine& combine, std::index_sequence<Lane...> lanes) {
  x = combine(x, Pack<T>(__builtin_shufflevector(x.v, x.v, ((Lane + Apart) % sizeof...(Lane))...)));
  if constexpr (Apart > 1) x = combine_apart<Apart / 2>(x, combine, lanes);
  return x;
}
template <class T, class Combine>
BRENIER_INLINE T combined_lanes(Pack<T> x, const Combine& combine) {
  return combine_apart<kLanes<T> / 2>(x, combine, std::make_index_sequence<kLanes<T>>()).v[0];
}

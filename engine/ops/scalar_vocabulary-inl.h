// The vocabulary of engine/ops/functors-inl.h for one number: int64 everywhere, float and double in the scalar target,
// on GPUs, and wherever a kernel handles numbers one by one.

using std::abs;
using std::cos;
using std::erf;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::fma;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sqrt;
using std::tanh;

// Both values exist already, so this compiles to a blend and not to a jump.
template <class V>
BRENIER_INLINE V select(bool condition, V yes, V no) {
  return condition ? yes : no;
}

// Whether numbers of type V, or the numbers of a pack V, are float: what approximations depend on.
template <class V>
inline constexpr bool is_single = std::is_same_v<V, float>;

// a b + c. fma rounds once; this may round twice where the machine would have to do fma in software.
template <class V>
BRENIER_INLINE V mul_add(V a, V b, V c) {
#ifdef __CUDA_ARCH__
  return fma(a, b, c);
#else
  if constexpr (is_single<V>) return static_cast<V>(static_cast<double>(a) * b + c);
  return a * b + c;
#endif
}
// As the hardware has it: if either is NaN the result is the second.
template <class V>
BRENIER_INLINE V min(V a, V b) {
  return a < b ? a : b;
}
template <class V>
BRENIER_INLINE V max(V a, V b) {
  return a > b ? a : b;
}
// The nearest integer, ties to even.
template <class V>
BRENIER_INLINE V nearest(V x) {
  return std::nearbyint(x);
}
// x 2^n for integral n; NaN if either is.
template <class V>
BRENIER_INLINE V scale(V x, V n) {
  return n == n ? std::scalbn(x, static_cast<int>(n)) : n;
}

// The vocabulary of engine/ops/functors-inl.h for one number: int64 everywhere, float and double in the scalar target
// and wherever a kernel handles numbers one by one.

using std::abs;
using std::cos;
using std::erf;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sqrt;
using std::tanh;

// Both values exist already, so this compiles to a blend and not to a jump.
template <class V>
V select(bool condition, V yes, V no) {
  return condition ? yes : no;
}

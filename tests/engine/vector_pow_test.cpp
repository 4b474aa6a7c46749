// pow of the instruction set in use against the C library in a wider type, and against the special values that C
// prescribes (Annex F.10.4.4).
//
// Errors are in ulp (tests/support/error_in_ulp.h). The bounds are 2 ulp for float32 and 3 ulp for float64. The oracles
// are double for float32 and long double for float64. With the environment variable BRENIER_EXHAUSTIVE there are some
// ten million pairs of each dtype instead of a quarter of a million.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/ops.h"
#include "tests/support/error_in_ulp.h"

namespace brenier::testing {
namespace {

template <class T>
struct Pairs {
  std::vector<T> x, y;
  void add(double a, double b) {
    x.push_back(static_cast<T>(a));
    y.push_back(static_cast<T>(b));
  }
};

template <class T>
std::vector<T> powers(const Pairs<T>& pairs) {
  const Shape shape{static_cast<std::int64_t>(pairs.x.size())};
  return pow(tensor(std::span<const T>(pairs.x), shape), tensor(std::span<const T>(pairs.y), shape))
      .template to_vector<T>();
}

// The worst of all pairs; the exact power is the C library's in Real.
template <class T, class Real>
void check_pairs(const Pairs<T>& pairs, double bound) {
  const std::vector<T> got = powers(pairs);
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double ulp = error_in_ulp<T, Real>(got[i], std::pow(Real(pairs.x[i]), Real(pairs.y[i])));
    if (!(ulp <= worst)) worst = ulp, at = i;
  }
  INFO(std::string(cpu_isa()), " ", 8 * sizeof(T), " bits: ", worst, " ulp at pow(", pairs.x[at], ", ", pairs.y[at],
       "), got ", got[at], " for ", std::pow(Real(pairs.x[at]), Real(pairs.y[at])));
  CHECK(worst <= bound);
}

// Random bits; ordinary numbers; negative bases with integral exponents; bases of all sizes, and near 1, with exponents
// that spread the result over all sizes and a little beyond.
template <class T>
Pairs<T> random_pairs(int count, std::mt19937_64& engine) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr int max_exponent = std::numeric_limits<T>::max_exponent;
  std::uniform_real_distribution<double> unit(-1, 1);
  const double largest_logarithm = std::log(2.0) * (max_exponent + std::numeric_limits<T>::digits) * 1.05;
  Pairs<T> pairs;
  for (int i = 0; i < count; i += 5) {
    pairs.add(std::bit_cast<T>(static_cast<Bits>(engine())), std::bit_cast<T>(static_cast<Bits>(engine())));
    pairs.add(2 + 2 * unit(engine), 4 * unit(engine));
    pairs.add(-std::exp(3 * unit(engine)), std::round(40 * unit(engine)));
    for (const int size : {max_exponent - 1, -static_cast<int>(engine() % std::numeric_limits<T>::digits)}) {
      const double x = static_cast<T>(size > 0 ? std::exp2(size * unit(engine)) : 1 + std::exp2(size) * unit(engine));
      pairs.add(x, x == 1 || x == 0 ? 1 : largest_logarithm * unit(engine) / std::log(x));
    }
  }
  return pairs;
}

// All pairs of numbers at which a case of the definition begins or ends.
template <class T>
Pairs<T> special_pairs() {
  using Limits = std::numeric_limits<T>;
  const T integers_end = std::ldexp(T(1), Limits::digits);  // beyond it all numbers are even
  const std::vector<T> sizes{0,
                             Limits::denorm_min(),
                             Limits::min(),
                             T(0.5),
                             1 - Limits::epsilon() / 2,
                             1,
                             1 + Limits::epsilon(),
                             T(1.5),
                             2,
                             T(2.5),
                             3,
                             4,
                             integers_end / 2 - T(0.5),
                             integers_end - 1,
                             integers_end,
                             integers_end + 2,
                             T(Limits::digits) * Limits::max_exponent,
                             Limits::max(),
                             Limits::infinity(),
                             Limits::quiet_NaN()};
  Pairs<T> pairs;
  for (const T x : sizes) {
    for (const T y : sizes) {
      for (const double sign : {1.0, -1.0}) {
        pairs.add(double(x), sign * double(y));
        pairs.add(-double(x), sign * double(y));
      }
    }
  }
  return pairs;
}

template <class T>
void check_definition() {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const struct {
    T x, y, power;
  } rows[] = {{0, -3, inf},
              {-T(0), -3, -inf},
              {0, -2, inf},
              {-T(0), -2, inf},
              {-T(0), -T(2.5), inf},
              {0, -inf, inf},
              {-T(0), -inf, inf},
              {0, 3, 0},
              {-T(0), 3, -T(0)},
              {-T(0), 2, 0},
              {-T(0), inf, 0},
              {-1, inf, 1},
              {-1, -inf, 1},
              {1, nan, 1},
              {1, inf, 1},
              {nan, 0, 1},
              {nan, -T(0), 1},
              {-2, T(0.5), nan},
              {-T(0.5), -T(2.5), nan},
              {T(0.5), -inf, inf},
              {-3, -inf, 0},
              {T(0.5), inf, 0},
              {-3, inf, inf},
              {-inf, -3, -T(0)},
              {-inf, -2, 0},
              {-inf, T(-0.5), 0},
              {-inf, 3, -inf},
              {-inf, 2, inf},
              {-inf, T(0.5), inf},
              {inf, -1, 0},
              {inf, 1, inf},
              {nan, 1, nan},
              {2, nan, nan},
              {0, nan, nan},
              {-inf, nan, nan}};
  for (const auto& row : rows) {
    Pairs<T> pair;
    pair.add(double(row.x), double(row.y));
    INFO(8 * sizeof(T), " bits: pow(", row.x, ", ", row.y, ")");
    CHECK(error_in_ulp<T, T>(powers(pair)[0], row.power) == 0);
  }
}

TEST_SUITE("vector mathematics") {
  TEST_CASE("pow is within 2 ulp in float32 and 3 ulp in float64") {
    std::mt19937_64 engine(5);
    for (int chunk = 0; chunk < (std::getenv("BRENIER_EXHAUSTIVE") != nullptr ? 48 : 1); ++chunk) {
      check_pairs<float, double>(random_pairs<float>(1 << 18, engine), 2);
      check_pairs<double, long double>(random_pairs<double>(1 << 18, engine), 3);
    }
    check_pairs<float, double>(special_pairs<float>(), 2);
    check_pairs<double, long double>(special_pairs<double>(), 3);
  }

  TEST_CASE("pow has the special values of Annex F") {
    check_definition<float>();
    check_definition<double>();
  }

  TEST_CASE("pow of integers is exact where the power is representable") {
    Pairs<float> pairs;
    std::vector<float> exact;
    for (int base = -40; base <= 40; ++base) {
      double power = 1;
      for (int exponent = 0; std::abs(power) < 0x1p24 && exponent < 30; ++exponent, power *= base) {
        pairs.add(base, exponent);
        exact.push_back(static_cast<float>(power));
      }
    }
    CHECK(powers(pairs) == exact);
    Pairs<double> wide;
    for (std::size_t i = 0; i < exact.size(); ++i) wide.add(pairs.x[i], pairs.y[i]);
    CHECK(powers(wide) == std::vector<double>(exact.begin(), exact.end()));
  }
}

}  // namespace
}  // namespace brenier::testing

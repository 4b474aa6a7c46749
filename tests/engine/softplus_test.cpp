// The softplus families in value and in derivatives to fourth order, for |x| up to 1e4, against closed forms in long
// double.
//
// Each softplus s is relu convolved with a density p: s'' = p. With e = exp(-|x|) and P the distribution function,
//   logistic   s = max(x, 0) + ln(1 + e)      p = e/(1 + e)^2                     p' = -p tanh(x/2)   p'' = p (1 - 6p)
//   Gaussian   s = x P + p                    p = exp(-x^2/2)/sqrt(2 pi)          p' = -x p           p'' = (x^2 - 1) p
//   Laplace    s = max(x, 0) + e/2            p = e/2                             p' = -sign(x) p     p'' = p
//
// Bounds. s, P and p have an error of a few roundings, however small they are. Derivatives of third and fourth order
// have zeros; their error is measured against (1 + |x|^k) p. Below the smallest normal number only the absolute size
// matters.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/normal_tails.h"

namespace brenier::testing {
namespace {

using Real = long double;

struct Family {
  const char* name;
  Tensor (*softplus)(const Tensor&);
  // s, P, p, p', p'' at x.
  void (*closed_form)(Real x, Real (&out)[5]);
  // How large the higher derivatives are beside p.
  double (*growth)(double x);
};

void logistic(Real x, Real (&out)[5]) {
  const Real e = std::exp(-std::abs(x)), p = e / ((1 + e) * (1 + e));
  out[0] = std::max(x, Real(0)) + std::log1p(e);
  out[1] = (x >= 0 ? 1 : e) / (1 + e);
  out[2] = p;
  out[3] = -p * std::tanh(x / 2);
  out[4] = p * (1 - 6 * p);
}

void gaussian(Real x, Real (&out)[5]) {
  const auto [p, tail, softplus_tail] = normal_tails(std::abs(x));
  out[0] = std::max(Real(0), x) + softplus_tail;
  out[1] = x > 0 ? 1 - tail : tail;
  out[2] = p;
  out[3] = -x * p;
  out[4] = (x * x - 1) * p;
}

void laplace(Real x, Real (&out)[5]) {
  const Real e = std::exp(-std::abs(x));
  out[0] = std::max(x, Real(0)) + e / 2;
  out[1] = x >= 0 ? 1 - e / 2 : e / 2;
  out[2] = e / 2;
  out[3] = x > 0 ? -e / 2 : (x < 0 ? e / 2 : 0);
  out[4] = e / 2;
}

double constant_growth(double) { return 1; }
double quadratic_growth(double x) { return 1 + x * x; }

const Family kFamilies[] = {{"logistic", softplus, logistic, constant_growth},
                            {"Gaussian", gaussian_softplus, gaussian, quadratic_growth},
                            {"Laplace", laplace_softplus, laplace, constant_growth}};

std::vector<double> sample_points() {
  std::vector<double> points;
  for (double x : {1e-9, 1e-3, 0.25, 0.75,  1.0,   2.5,   5.0,   8.0, 12.0, 20.0, 30.0,
                   37.0, 50.0, 88.0, 104.0, 300.0, 700.0, 746.0, 1e3, 3e3,  1e4}) {
    points.push_back(x);
    points.push_back(-x);
  }
  return points;
}

// How far derivative k of a family at x may be from its closed form.
double tolerance(const Family& family, DType dtype, double x, int k, const Real (&exact)[5]) {
  const double growth = family.growth(x);
  const double smallest =
      dtype == DType::Float32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  double scale = static_cast<double>(std::abs(exact[k]));
  if (k > 2) scale = static_cast<double>(exact[2]) * growth * growth;
  // Below the normal numbers a rounding is absolute; a derivative multiplies it by up to 1 + x^2.
  return rounding_tolerance(dtype, scale) + smallest * growth;
}

// The value and the first four derivatives, mode by bit: bit k - 1 set takes derivative k forward.
std::vector<Tensor> derivatives(const Family& family, const Tensor& points, int modes) {
  Tape tape;
  const Tensor x = tape.watch(points);
  std::vector<Tensor> result{family.softplus(x)};
  for (int k = 0; k < 4; ++k) {
    const Tensor& y = result.back();
    result.push_back(modes >> k & 1 ? jvp(y, x, ones_like(x)) : grad(sum(y), x));
  }
  for (Tensor& y : result) y = y.detached();
  return result;
}

void check_family(const Family& family, DType dtype, int modes) {
  const Tensor points = tensor(sample_points(), {static_cast<std::int64_t>(sample_points().size())}, dtype);
  const std::vector<double> xs = points.to_vector<double>();
  const std::vector<Tensor> results = derivatives(family, points, modes);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    Real exact[5];
    family.closed_form(xs[i], exact);
    for (int k = 0; k <= 4; ++k) {
      const double got = results[static_cast<std::size_t>(k)].at({static_cast<std::int64_t>(i)});
      const double expected = static_cast<double>(exact[k]), allowed = tolerance(family, dtype, xs[i], k, exact);
      INFO(family.name, " ", dtype, ", derivative ", k, " at ", xs[i], ": ", got, " instead of ", expected, ", modes ",
           modes);
      CHECK(std::isfinite(got));
      CHECK(std::abs(got - expected) <= allowed);
      if (k < 3) CHECK(got >= 0);
      if (std::abs(expected) > allowed) CHECK(std::signbit(got) == std::signbit(expected));
    }
  }
}

TEST_SUITE("softplus families") {
  TEST_CASE("values and four derivatives are right up to 1e4, in any sequence of modes") {
    for (const Family& family : kFamilies) {
      for (int modes = 0; modes < 16; ++modes) check_family(family, DType::Float64, modes);
    }
  }

  TEST_CASE("float32 is as stable") {
    for (const Family& family : kFamilies) {
      for (int modes : {0, 15, 5}) check_family(family, DType::Float32, modes);
    }
  }

  TEST_CASE("s(x) - s(-x) = x, so s(x) - x goes to zero as s(-x) does") {
    const Tensor points = tensor(sample_points(), {static_cast<std::int64_t>(sample_points().size())});
    for (const Family& family : kFamilies) {
      INFO(family.name);
      for (double x : sample_points()) {
        const double s = family.softplus(tensor(x)).item(), mirrored = family.softplus(tensor(-x)).item();
        CHECK(std::abs(s - mirrored - x) <= rounding_tolerance(DType::Float64, std::max(1.0, std::abs(x))));
        if (x >= 50) CHECK(s == x);
      }
    }
  }

  TEST_CASE("at zero the values are ln 2, 1/sqrt(2 pi) and 1/2, and the slope 1/2") {
    const double expected[] = {std::numbers::ln2, std::numbers::inv_sqrtpi / std::numbers::sqrt2, 0.5};
    for (int i = 0; i < 3; ++i) {
      const std::vector<Tensor> d = derivatives(kFamilies[i], tensor({0.0}), 0);
      CHECK(std::abs(d[0].item() - expected[i]) <= rounding_tolerance(DType::Float64, 1));
      CHECK(std::abs(d[1].item() - 0.5) <= rounding_tolerance(DType::Float64, 1));
      CHECK(d[2].item() > 0);
    }
  }

  TEST_CASE("infinities and NaN go through in value and slope") {
    const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    for (const Family& family : kFamilies) {
      INFO(family.name);
      CHECK(mismatch(family.softplus(tensor({-inf, inf, nan})), tensor({0.0, inf, nan}), 0) == "");
      CHECK(mismatch(derivatives(family, tensor({-inf, inf, nan}), 0)[1], tensor({0.0, 1.0, nan}), 0) == "");
    }
  }
}

}  // namespace
}  // namespace brenier::testing

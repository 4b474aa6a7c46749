// Values of the arithmetic operations against the standard library in long double and against arrays written out by
// hand. Derivatives are compared with differences of these values elsewhere, so a wrong value would be a wrong oracle.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "engine/ops.h"
#include "tests/support/compare.h"

namespace brenier::testing {
namespace {

using Real = long double;

struct Unary {
  const char* name;
  Tensor (*f)(const Tensor&);
  Real (*exact)(Real);
  double low, high;
};

const Unary kUnary[] = {
    {"neg", neg, [](Real x) { return -x; }, -5, 5},
    {"abs", abs, [](Real x) { return std::abs(x); }, -5, 5},
    {"sign", sign, [](Real x) { return Real(x > 0) - Real(x < 0); }, -5, 5},
    {"floor", floor, [](Real x) { return std::floor(x); }, -5, 5},
    {"square", square, [](Real x) { return x * x; }, -5, 5},
    {"sqrt", sqrt, [](Real x) { return std::sqrt(x); }, 0, 5},
    {"reciprocal", reciprocal, [](Real x) { return 1 / x; }, 0.01, 5},
    {"exp", exp, [](Real x) { return std::exp(x); }, -30, 30},
    {"expm1", expm1, [](Real x) { return std::expm1(x); }, -1e-3, 1e-3},
    {"expm1", expm1, [](Real x) { return std::expm1(x); }, -30, 30},
    {"log", log, [](Real x) { return std::log(x); }, 0.001, 100},
    {"log1p", log1p, [](Real x) { return std::log1p(x); }, -1e-3, 1e-3},
    {"log1p", log1p, [](Real x) { return std::log1p(x); }, -0.99, 100},
    {"sin", sin, [](Real x) { return std::sin(x); }, -10, 10},
    {"cos", cos, [](Real x) { return std::cos(x); }, -10, 10},
    {"tanh", tanh, [](Real x) { return std::tanh(x); }, -10, 10},
    {"log_cosh", log_cosh, [](Real x) { return std::log(std::cosh(x)); }, -10, 10},
    {"sigmoid", sigmoid, [](Real x) { return 1 / (1 + std::exp(-x)); }, -30, 30},
    {"erf", erf, [](Real x) { return std::erf(x); }, -4, 4},
    {"erfc", erfc, [](Real x) { return std::erfc(x); }, -4, 4},
    {"relu", relu, [](Real x) { return x > 0 ? x : Real(0); }, -5, 5},
    {"softplus", softplus, [](Real x) { return std::log1p(std::exp(x)); }, -30, 30},
    {"normal_pdf", normal_pdf, [](Real x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi_v<Real>); },
     -4, 4},
    {"normal_cdf", normal_cdf, [](Real x) { return std::erfc(-x / std::sqrt(Real(2))) / 2; }, -4, 4}};

// The largest relative condition number |x f'(x)/f(x)| of the functions above on their ranges is about 30 (exp and the
// lower tails); near zeros of sin, cos and log the error is absolute. The factor covers both.
constexpr double kCondition = 40;

struct Binary {
  const char* name;
  Tensor (*f)(const Tensor&, const Tensor&);
  Real (*exact)(Real, Real);
};

const Binary kBinary[] = {{"add", add, [](Real a, Real b) { return a + b; }},
                          {"sub", sub, [](Real a, Real b) { return a - b; }},
                          {"mul", mul, [](Real a, Real b) { return a * b; }},
                          {"div", div, [](Real a, Real b) { return a / b; }},
                          {"pow", pow, [](Real a, Real b) { return std::pow(a, b); }},
                          {"maximum", maximum, [](Real a, Real b) { return std::max(a, b); }},
                          {"minimum", minimum, [](Real a, Real b) { return std::min(a, b); }},
                          {"equal", equal, [](Real a, Real b) { return Real(a == b); }},
                          {"less", less, [](Real a, Real b) { return Real(a < b); }},
                          {"less_equal", less_equal, [](Real a, Real b) { return Real(a <= b); }}};

TEST_SUITE("values") {
  TEST_CASE("unary operations equal the standard library in long double") {
    for (const Unary& op : kUnary) {
      for (DType dtype : {DType::Float64, DType::Float32}) {
        const Tensor x = linspace(op.low, op.high, 257, dtype);
        const Tensor y = op.f(x);
        REQUIRE(y.dtype() == dtype);
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const double expected = static_cast<double>(op.exact(x.at({i}))), got = y.at({i});
          INFO(op.name, " ", dtype, " at ", x.at({i}), ": ", got, " instead of ", expected);
          const double scale = std::max(std::abs(expected), std::abs(op.low) < 1e-2 ? 0.0 : epsilon(dtype));
          CHECK(std::abs(got - expected) <= kCondition * rounding_tolerance(dtype, scale));
        }
      }
    }
  }

  TEST_CASE("binary operations equal the standard library in long double") {
    const std::vector<double> numbers{0.125, 0.5, 1, 1.5, 2, 3.25, 7};
    const Tensor a = reshape(tensor(numbers, {7}), {7, 1}), b = tensor(numbers, {7});
    for (const Binary& op : kBinary) {
      INFO(op.name);
      for (DType dtype : {DType::Float64, DType::Float32}) {
        const Tensor y = op.f(cast(a, dtype), cast(b, dtype));
        for (std::int64_t i = 0; i < 7; ++i) {
          for (std::int64_t j = 0; j < 7; ++j) {
            const double expected = static_cast<double>(op.exact(a.at({i, 0}), b.at({j})));
            CHECK(std::abs(y.at({i, j}) - expected) <= rounding_tolerance(dtype, std::abs(expected)));
          }
        }
      }
    }
  }

  TEST_CASE("NaN and infinities follow the arithmetic") {
    const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    const Tensor x = tensor({-inf, inf, nan});
    CHECK(mismatch(exp(x), tensor({0.0, inf, nan}), 0) == "");
    CHECK(mismatch(tanh(x), tensor({-1.0, 1.0, nan}), 0) == "");
    CHECK(mismatch(sigmoid(x), tensor({0.0, 1.0, nan}), 0) == "");
    CHECK(mismatch(relu(x), tensor({0.0, inf, nan}), 0) == "");
    CHECK(mismatch(sign(x), tensor({-1.0, 1.0, nan}), 0) == "");
    CHECK(mismatch(is_finite(x), zeros({3}), 0) == "");
    CHECK(mismatch(maximum(x, 1.0), tensor({1.0, inf, nan}), 0) == "");
    CHECK(mismatch(minimum(1.0, x), tensor({-inf, 1.0, nan}), 0) == "");
    CHECK(mismatch(logsumexp(tensor({{-inf, -inf}, {inf, 0.0}, {0.0, nan}}), {1}), tensor({-inf, inf, nan}), 0) == "");
    CHECK(mismatch(logsumexp(tensor({{1000, 1000}, {-1000, -1000}}), {1}),
                   tensor({1000 + std::numbers::ln2, -1000 + std::numbers::ln2}),
                   rounding_tolerance(DType::Float64, 1000)) == "");
    CHECK(std::isnan(max(tensor({1.0, nan, 3.0})).item()));
    CHECK(mismatch(sort(tensor({nan, 2.0, -inf, 1.0})), tensor({-inf, 1.0, 2.0, nan}), 0) == "");
    CHECK(mismatch(log_cosh(tensor({-1e4, 1e4})), tensor({1e4 - std::numbers::ln2, 1e4 - std::numbers::ln2}),
                   rounding_tolerance(DType::Float64, 1e4)) == "");
  }

  TEST_CASE("reductions equal sums written out by hand") {
    const Tensor x = tensor({{1, 2, 4}, {-3, 0.5, 6}});
    CHECK(sum(x).item() == 10.5);
    CHECK(mismatch(sum(x, {0}), tensor({-2, 2.5, 10}), 0) == "");
    CHECK(mismatch(sum(x, {-1}, true), reshape(tensor({7, 3.5}), {2, 1}), 0) == "");
    CHECK(mismatch(mean(x, {0}), tensor({-1, 1.25, 5}), 0) == "");
    CHECK(mismatch(variance(x, {0}), tensor({4, 0.5625, 1}), 0) == "");
    CHECK(mismatch(max(x, {1}), tensor({4, 6}), 0) == "");
    CHECK(mismatch(min(x, {0}), tensor({-3, 0.5, 4}), 0) == "");
    CHECK(mismatch(prod(x, {1}), tensor({8, -9}), 0) == "");
    CHECK(prod(x).item() == -72);
    CHECK(mismatch(argmax(x, 0), index_tensor({0, 0, 1}), 0) == "");
    CHECK(mismatch(argmax(x, -1), index_tensor({2, 2}), 0) == "");
    CHECK(mismatch(softmax(tensor({0, std::numbers::ln2, 0})), tensor({0.25, 0.5, 0.25}),
                   rounding_tolerance(DType::Float64, 1)) == "");
    CHECK(sum(zeros({0, 3}), {0}).shape() == Shape{3});
    CHECK(sum(zeros({0})).item() == 0);
    CHECK(mismatch(prod(zeros({2, 0}), {1}), ones({2}), 0) == "");
    CHECK(sum(tensor(3.0)).item() == 3);
  }

  TEST_CASE("matrix products equal products written out by hand") {
    const Tensor a = tensor({{1, 2, 3}, {4, 5, 6}}), b = tensor({{1, 0}, {2, 1}, {0, -1}});
    CHECK(mismatch(matmul(a, b), tensor({{5, -1}, {14, -1}}), 0) == "");
    CHECK(mismatch(matmul(transpose(b), transpose(a)), tensor({{5, 14}, {-1, -1}}), 0) == "");
    CHECK(mismatch(matmul(tensor({1, 10}), a), tensor({41, 52, 63}), 0) == "");
    CHECK(mismatch(matmul(a, tensor({1, 10, 100})), tensor({321, 654}), 0) == "");
    CHECK(matmul(tensor({1, 2}), tensor({3, 4})).item() == 11);
    CHECK(matmul(tensor({1, 2}), tensor({3, 4})).shape() == Shape{});
    const Tensor batch = stack({a, a * 10.0});
    CHECK(mismatch(select(matmul(batch, b), 0, 1), tensor({{50, -10}, {140, -10}}), 0) == "");
    CHECK(mismatch(matmul(zeros({2, 0}), zeros({0, 3})), zeros({2, 3}), 0) == "");
    CHECK(dot(a, a).item() == 91);
    CHECK(mismatch(outer(tensor({1, 2}), tensor({3, 4, 5})), tensor({{3, 4, 5}, {6, 8, 10}}), 0) == "");
  }

  TEST_CASE("integers have the arithmetic that stays among them") {
    const Tensor a = index_tensor({5, -3, 0}), b = index_tensor({2, -3, 7});
    CHECK(mismatch(a + b, index_tensor({7, -6, 7}), 0) == "");
    CHECK(mismatch(a * b - a, index_tensor({5, 12, 0}), 0) == "");
    CHECK(mismatch(maximum(a, b), index_tensor({5, -3, 7}), 0) == "");
    CHECK(mismatch(equal(a, b), index_tensor({0, 1, 0}), 0) == "");
    CHECK(mismatch(where(less(a, b), a, b), index_tensor({2, -3, 0}), 0) == "");
    CHECK(sum(a).dtype() == DType::Int64);
    CHECK(max(b).item() == 7);
    CHECK((a + 1.0).dtype() == DType::Int64);
  }

  TEST_CASE("choices and conversions") {
    CHECK(mismatch(where(tensor({1, 0, -2}), tensor({1, 2, 3}), 9.0), tensor({1, 9, 3}), 0) == "");
    CHECK(mismatch(where(tensor({0, 1}), 7.0, tensor({{1, 2}, {3, 4}})), tensor({{1, 7}, {3, 7}}), 0) == "");
    CHECK(mismatch(clamp(tensor({-2, 0.5, 3}), -1, 1), tensor({-1, 0.5, 1}), 0) == "");
    CHECK(mismatch(cast(tensor({1.75, -1.75}), DType::Int64), index_tensor({1, -1}), 0) == "");
    CHECK(cast(tensor(0.1), DType::Float32).item() == static_cast<double>(0.1f));
    CHECK(cast(index_tensor({3}), DType::Float32).dtype() == DType::Float32);
    CHECK((1.5 - tensor({1.0}) * 2.0 / 4.0 + 1.0).item() == 2);
  }
}

}  // namespace
}  // namespace brenier::testing

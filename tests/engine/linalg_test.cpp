// What the operations of linear algebra promise: which part of a matrix counts, what happens where there is no
// answer, what is refused, and derivatives against difference quotients and closed forms.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "engine/op.h"
#include "engine/program/program.h"
#include "tests/support/compare.h"
#include "tests/support/difference_quotient.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInf = std::numeric_limits<double>::infinity();

using Function = Tensor (*)(const Tensor& a);

Tensor solution_sum(const Tensor& a) { return spd_solve(a, ones({a.dim(-1), 1}, a.dtype())); }
Tensor general_solution(const Tensor& a) { return solve(a, ones({a.dim(-1), 1}, a.dtype())); }
Tensor logabs(const Tensor& a) { return slogdet(a).logabs; }
Tensor eigenvalues(const Tensor& a) { return symmetric_eigen(a).values; }
Tensor whitened(const Tensor& a) {
  return triangular_solve(cholesky(a), ones({a.dim(-1), 1}, a.dtype()), Triangle::Lower);
}

const Function kOfSymmetric[] = {cholesky, solution_sum, spd_inverse, spd_logdet, eigenvalues, symmetric_sqrt};
const Function kAll[] = {cholesky,         solution_sum, spd_inverse, spd_logdet,     whitened, inverse,
                         general_solution, logabs,       eigenvalues, symmetric_sqrt, logdet};

Tensor skew(std::int64_t n) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n * n; ++i) values.push_back(static_cast<double>(i % n - i / n));
  return tensor(values, {n, n});
}

// x, y, z with x of order n and two directions.
struct Directions {
  Tensor a, u, v;
  explicit Directions(std::int64_t n) {
    Sampler sampler(31);
    a = sampler.spd({n, n}, 1, 3);
    u = sampler.uniform({n, n});
    v = sampler.uniform({n, n});
  }
};

// The largest difference of a derivative of sum(w * f(a)) from its difference quotient along u.
double first_order_error(Function f, const Directions& d, bool reverse) {
  Tape tape;
  const Tensor a = tape.watch(d.a), y = f(a);
  const Tensor w = Sampler(33).uniform(y.shape());
  const Tensor t = reverse ? sum(grad(sum(w * y), a) * d.u) : sum(w * jvp(y, a, d.u));
  const DifferenceQuotient quotient = difference_quotient(
      [&](double h) { return std::vector<double>{sum(w.detached() * f(d.a + h * d.u)).item()}; }, DType::Float64);
  return std::abs(t.item() - quotient.values[0]);
}

// The same for the derivative along v of the derivative along u.
double second_order_error(Function f, const Directions& d, bool reverse) {
  const auto slope = [&](Tape& tape, const Tensor& at, Tensor& watched) {
    watched = tape.watch(at);
    const Tensor y = f(watched);
    const Tensor w = Sampler(33).uniform(y.shape());
    return reverse ? sum(grad(sum(w * y), watched) * d.u) : sum(w * jvp(y, watched, d.u));
  };
  Tape tape;
  Tensor a;
  const Tensor g = slope(tape, d.a, a);
  const double got = reverse ? sum(grad(g, a) * d.v).item() : jvp(g, a, d.v).item();
  const DifferenceQuotient quotient = difference_quotient(
      [&](double h) {
        Tape other;
        Tensor ignored;
        return std::vector<double>{slope(other, d.a + h * d.v, ignored).item()};
      },
      DType::Float64);
  return std::abs(got - quotient.values[0]);
}

bool all_nan(const Tensor& x) {
  for (double value : x.to_vector<double>())
    if (!std::isnan(value)) return false;
  return true;
}

bool any_nan(const Tensor& x) { return std::isnan(sum(x).item()); }

}  // namespace

TEST_CASE("derivatives agree with difference quotients: 1e-8 at first order, 1e-6 at second, in both modes") {
  const Directions d(4);
  for (std::size_t i = 0; i < std::size(kAll); ++i)
    for (bool reverse : {false, true}) {
      INFO("function ", i, reverse ? " in reverse mode" : " in forward mode");
      CHECK(first_order_error(kAll[i], d, reverse) <= 1e-8);
      CHECK(second_order_error(kAll[i], d, reverse) <= 1e-6);
    }
}

TEST_CASE("the second derivative of ln det A along u and v is -tr(A^-1 u A^-1 v)") {
  const Directions d(5);
  const Tensor inner = matmul(matmul(inverse(d.a), d.u), matmul(inverse(d.a), d.v));
  const double general = -sum(inner * eye(5)).item();
  for (Function f : {Function(logdet), Function(spd_logdet)}) {
    const auto part = [&](const Tensor& t) { return f == Function(spd_logdet) ? 0.5 * (t + transpose(t)) : t; };
    const Tensor symmetric = matmul(matmul(inverse(d.a), part(d.u)), matmul(inverse(d.a), part(d.v)));
    const double expected = f == Function(logdet) ? general : -sum(symmetric * eye(5)).item();
    Tape tape;
    const Tensor a = tape.watch(d.a), y = f(a);
    CHECK(std::abs(jvp(jvp(y, a, d.u), a, d.v).item() - expected) <= rounding_tolerance(DType::Float64, 10, 100));
    CHECK(std::abs(sum(jvp(grad(y, a), a, d.v) * d.u).item() - expected) <=
          rounding_tolerance(DType::Float64, 10, 100));
  }
}

TEST_CASE("a symmetric argument stands for its symmetric part, and its derivatives are symmetric") {
  const Tensor plain = Sampler(35).spd({2, 4, 4}, 1, 3), other = plain + skew(4);
  for (Function f : kOfSymmetric) {
    CHECK(rounding_mismatch(f(other), f(plain), 40) == "");
    Tape tape;
    const Tensor a = tape.watch(other), y = f(a);
    const Tensor ct = vjp(y, a, Sampler(36).uniform(y.shape()));
    CHECK(mismatch(ct, transpose(ct), rounding_tolerance(DType::Float64, max_abs(ct), 40)) == "");
    const Tensor nothing = jvp(y, a, broadcast_to(skew(4), {2, 4, 4}));
    CHECK(max_abs(nothing) <= rounding_tolerance(DType::Float64, 10, 40));
  }
}

TEST_CASE("of a triangular matrix only the triangle is read, and derivatives lie there") {
  const Tensor t = tensor({{2, kNan, kNan}, {1, 3, kInf}, {-1, 0.5, 4}}), b = tensor({2, 7, 0.5});
  const Tensor expected = tensor({1, 2, 0.125});
  CHECK(mismatch(triangular_solve(t, b, Triangle::Lower), expected, 1e-15) == "");
  CHECK(mismatch(flip(triangular_solve(flip(t, {0, 1}), flip(b, {0}), Triangle::Upper), {0}), expected, 1e-15) == "");
  Tape tape;
  const Tensor lower = tape.watch(t);
  const Tensor ct = grad(sum(triangular_solve(lower, b, Triangle::Lower)), lower);
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t j = 0; j < 3; ++j) CHECK((ct.at({i, j}) != 0) == (j <= i));
}

TEST_CASE("a matrix that is not positive definite gives NaN from its failing column on, and only there") {
  const Tensor good = Sampler(37).spd({4, 4}, 1, 3);
  // The leading block of order 2 is positive definite, that of order 3 is singular.
  const Tensor bad = tensor({{1, 0, 1, 0}, {0, 1, 1, 0}, {1, 1, 2, 0}, {0, 0, 0, 1}});
  const Tensor both = stack({good, bad, -good});
  const Tensor l = cholesky(both);
  CHECK(mismatch(select(l, 0, 0), cholesky(good), 0) == "");
  CHECK(mismatch(slice(select(l, 0, 1), 1, 0, 2), tensor({{1, 0}, {0, 1}, {1, 1}, {0, 0}}), 0) == "");
  for (std::int64_t i : {2, 3})
    for (std::int64_t j = 2; j <= i; ++j) CHECK(std::isnan(l.at({1, i, j})));
  CHECK(std::isnan(l.at({2, 0, 0})));
  CHECK(l.at({1, 2, 3}) == 0);
  const Tensor logdets = spd_logdet(both), inverses = spd_inverse(both), solutions = spd_solve(both, ones({3, 4, 1}));
  CHECK(std::isfinite(logdets.at({0})));
  CHECK(all_nan(slice(logdets, 0, 1, 3)));
  CHECK(all_nan(slice(solutions, 0, 1, 3)));
  CHECK(any_nan(select(inverses, 0, 1)));
  CHECK(mismatch(select(inverses, 0, 0), spd_inverse(good), 0) == "");
  CHECK(all_nan(symmetric_sqrt(-good)));
}

TEST_CASE("numbers that are not finite stay in their own matrix") {
  const Tensor good = Sampler(38).spd({3, 3}, 1, 3);
  for (double number : {kNan, kInf}) {
    std::vector<double> spoiled = good.to_vector<double>();
    spoiled[4] = number;
    const Tensor both = stack({good, tensor(spoiled, {3, 3}), good});
    for (std::size_t i = 0; i < std::size(kAll); ++i) {
      INFO("function ", i);
      const Tensor y = kAll[i](both), alone = kAll[i](good);
      CHECK(mismatch(select(y, 0, 0), alone, 0) == "");
      CHECK(mismatch(select(y, 0, 2), alone, 0) == "");
      if (std::isnan(number)) CHECK(any_nan(select(y, 0, 1)));
    }
  }
}

TEST_CASE("singular matrices: sign 0, ln 0 = -infinity, no finite inverse; a negative determinant has no logarithm") {
  const Tensor singular = tensor({{1, 2, 3}, {0, 0, 0}, {4, 5, 6}});
  CHECK(slogdet(singular).sign.item() == 0);
  CHECK(slogdet(singular).logabs.item() == -kInf);
  CHECK(logdet(singular).item() == -kInf);
  CHECK_FALSE(std::isfinite(sum(inverse(singular)).item()));
  const Tensor negative = tensor({{0, 2}, {3, 0}});
  CHECK(slogdet(negative).sign.item() == -1);
  CHECK(std::abs(slogdet(negative).logabs.item() - std::log(6)) <= 1e-15);
  CHECK(std::isnan(logdet(negative).item()));
  CHECK(slogdet(zeros({2, 2})).sign.item() == 0);
}

TEST_CASE("matrices of order 0 and empty batches") {
  CHECK(cholesky(zeros({2, 0, 0})).shape() == Shape{2, 0, 0});
  CHECK(mismatch(spd_logdet(zeros({2, 0, 0})), zeros({2}), 0) == "");
  CHECK(mismatch(slogdet(zeros({0, 0})).sign, tensor(1.0), 0) == "");
  CHECK(spd_solve(zeros({0, 3, 3}), zeros({0, 3, 2})).shape() == Shape{0, 3, 2});
  CHECK(solve(eye(3), zeros({3, 0})).shape() == Shape{3, 0});
  CHECK(inverse(zeros({0, 2, 2})).shape() == Shape{0, 2, 2});
  CHECK(symmetric_eigen(zeros({2, 0, 0})).vectors.shape() == Shape{2, 0, 0});
  CHECK(symmetric_sqrt(zeros({0, 0})).shape() == Shape{0, 0});
  CHECK(tridiagonal_eigen(zeros({0, 2}), zeros({0, 1})).values.shape() == Shape{0, 2});
  Tape tape;
  const Tensor a = tape.watch(zeros({2, 0, 0}));
  CHECK(grad(sum(symmetric_eigen(a).values), a).shape() == Shape{2, 0, 0});
}

TEST_CASE("one matrix for a batch of right-hand sides, and batches against batches") {
  Sampler sampler(39);
  const Tensor a = sampler.spd({2, 1, 3, 3}, 1, 3), b = sampler.uniform({4, 3, 2});
  const Tensor x = spd_solve(a, b), y = solve(a, b);
  CHECK(x.shape() == Shape{2, 4, 3, 2});
  CHECK(rounding_mismatch(matmul(a, x), broadcast_to(b, x.shape()), 30) == "");
  CHECK(rounding_mismatch(y, x, 30) == "");
  const Tensor one = select(select(a, 0, 1), 0, 0);
  CHECK(rounding_mismatch(spd_solve(one, b), select(x, 0, 1), 30) == "");
  CHECK(rounding_mismatch(solve(one, select(select(b, 0, 2), 1, 1)), select(select(select(x, 0, 1), 0, 2), 1, 1), 30) ==
        "");
}

TEST_CASE("a matrix is factored once for a value and its derivatives of every order") {
  Tape tape;
  const Tensor a = tape.watch(Sampler(40).spd({3, 3}, 1, 3));
  const Tensor y = spd_logdet(a) + sum(spd_solve(a, ones({3, 1})));
  hvp(y, a, ones({3, 3}));
  int factorisations = 0;
  for (std::int32_t slot = 0; slot < tape.size(); ++slot)
    factorisations += tape.node(slot).op->code == OpCode::Cholesky;
  CHECK(factorisations == 2);  // one for each function
  const Program program = compile({a}, {y, spd_inverse(a)});
  const std::string text = to_text(program);
  std::size_t compiled = 0;
  for (std::size_t at = text.find("cholesky"); at != std::string::npos; at = text.find("cholesky", at + 1)) ++compiled;
  CHECK(compiled == 1);
}

TEST_CASE("misuse is refused with the shapes") {
  const auto refuses = [](const auto& call, std::initializer_list<std::string_view> parts) {
    CHECK(lacks(message_of(call), parts) == "");
  };
  const Tensor none, wide = ones({2, 3}), square = eye(2);
  refuses([&] { cholesky(none); }, {"[cholesky]", "undefined"});
  refuses([&] { cholesky(wide); }, {"[cholesky]", "square", "[2, 3]"});
  refuses([&] { cholesky(index_tensor({1})); }, {"[cholesky]", "[1]"});
  refuses([&] { spd_inverse(cast(square, DType::Int64)); }, {"[spd_inverse]", "int64"});
  refuses([&] { spd_solve(square, ones({3, 1})); }, {"[spd_solve]", "[2, 2]", "[3, 1]"});
  refuses([&] { solve(square, ones({2, 1}, DType::Float32)); }, {"[solve]", "float64", "float32"});
  refuses([&] { solve(ones({2, 2, 2}), ones({3, 2, 1})); }, {"[solve]", "[2]", "[3]"});
  refuses([&] { triangular_solve(square, tensor(1.0), Triangle::Lower); }, {"[triangular_solve]", "[]"});
  refuses([&] { inverse(wide); }, {"[inverse]", "[2, 3]"});
  refuses([&] { slogdet(wide); }, {"[slogdet]", "[2, 3]"});
  refuses([&] { symmetric_eigen(wide); }, {"[symmetric_eigen]", "[2, 3]"});
  refuses([&] { symmetric_sqrt(wide); }, {"[symmetric_sqrt]", "[2, 3]"});
  refuses([&] { tridiagonal_eigen(ones({3}), ones({3})); }, {"[tridiagonal_eigen]", "[3]"});
  refuses([&] { tridiagonal_eigen(ones({3}), ones({2}, DType::Float32)); }, {"[tridiagonal_eigen]", "float32"});
}

}  // namespace brenier::testing

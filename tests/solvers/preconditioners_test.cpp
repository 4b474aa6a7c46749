// Preconditioners: fewer iterations where theory promises it, and restriction with the operator.
#include "solvers/preconditioners.h"

#include <doctest/doctest.h>

#include <cmath>

#include "solvers/conjugate_gradient.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// `large` eigenvalues from 1e4 down to 10, the others between 1 and 2.
Spectrum few_large(std::int64_t rows, std::int64_t d, std::int64_t large, Sampler& sampler) {
  const Tensor top = tensor(log_uniform(large, 10, 1e4), {1, large}) + zeros({rows, large});
  return {concat({top, sampler.uniform({rows, d - large}, 1, 2)}, 1), sampler.uniform({rows, d}, 0.2, 1)};
}

}  // namespace

TEST_CASE("a preconditioner that is not positive definite is named") {
  Sampler sampler(12);
  const Spectrum a = few_large(2, 6, 2, sampler);
  const LinearOperator minus([](const Tensor& v) { return -v; });
  auto [z, report] = conjugate_gradient(a.matrix(), sampler.direction({2, 6}), {.preconditioner = minus});
  CHECK(report.status == SolveStatus::IndefiniteOperator);
  CHECK(lacks(report.message, {"cg: ", "r'Mr <= 0", "preconditioner"}) == "");
}

TEST_CASE("the diagonal preconditioner undoes scaling, and is restricted with the operator") {
  Sampler sampler(13);
  const Spectrum well = {sampler.uniform({6, 20}, 1, 4), sampler.uniform({6, 20}, 0.2, 1)};
  const Tensor scale = exp(sampler.uniform({6, 20}, -5, 5));
  const Tensor dense = expand_axis(scale, -1) * well.dense() * expand_axis(scale, -2);
  const Tensor b = sampler.direction({6, 20});
  const Tensor exact = well.solve(b / scale) / scale;
  ConjugateGradientOptions options{.relative_tolerance = 1e-10, .compact_below = 1};
  auto [plain, slow] = conjugate_gradient(matrix_operator(dense), b, options);
  options.preconditioner = diagonal_preconditioner(sum(dense * eye(20), {-1}));
  auto [z, fast] = conjugate_gradient(matrix_operator(dense), b, options);
  CHECK_MESSAGE(fast.converged(), fast.message);
  CHECK(fast.iterations <= 30);
  CHECK(fast.iterations < slow.iterations / 2);
  CHECK(max(abs(z - exact) / max(abs(exact), {-1}, true)).item() <= 1e-6);
}

TEST_CASE("Nyström's preconditioner leaves the condition number of the tail") {
  Sampler sampler(20);
  const Spectrum a = few_large(5, 40, 6, sampler);
  const Tensor b = sampler.direction({5, 40});
  ConjugateGradientOptions options{.relative_tolerance = 1e-10, .compact_below = 1};
  const SolveReport plain = conjugate_gradient(a.matrix(), b, options).report;
  options.preconditioner = nystrom_preconditioner(a.matrix(), {5, 40}, {3, 0}, {.rank = 12});
  auto [z, fast] = conjugate_gradient(a.matrix(), b, options);
  CHECK_MESSAGE(fast.converged(), fast.message);
  CHECK(mismatch(z, a.solve(b), 1e-9) == "");
  // A condition number of 4 would take 2 ln(2e10) / ln 3 = 22 steps.
  CHECK(fast.iterations <= 22);
  CHECK(plain.iterations > 1.5 * static_cast<double>(fast.iterations));
}

TEST_CASE("Nyström's preconditioner of full rank is the inverse, and of a shift that dominates the identity") {
  Sampler sampler(21);
  const Spectrum a = few_large(3, 10, 3, sampler);
  const Tensor v = sampler.direction({2, 3, 10});
  const LinearOperator inverse = nystrom_preconditioner(a.matrix(), {3, 10}, {4, 0}, {.rank = 10});
  const Tensor smallest = min(a.eigenvalues, {-1}, true);
  CHECK(mismatch(inverse(v), a.solve(v) * smallest, 1e-8) == "");
  const Tensor rows = index_tensor({2, 0});
  CHECK(mismatch(inverse.restricted(rows)(gather(v, rows, 1)), gather(inverse(v), rows, 1), 1e-13) == "");
  const LinearOperator shifted = nystrom_preconditioner(a.matrix(), {3, 10}, {4, 0}, {.rank = 5, .shift = 1e9});
  CHECK(mismatch(shifted(v), v, 1e-4) == "");
}

TEST_CASE("Nyström's preconditioner handles operators of low rank and nothing at all") {
  Sampler sampler(22);
  Spectrum a = few_large(2, 12, 3, sampler);
  a.eigenvalues = where(less(5.0, a.eigenvalues), a.eigenvalues, 0.0);
  const double shift = 0.1;
  const LinearOperator low = a.matrix();
  const LinearOperator system([=](const Tensor& v) { return low(v) + shift * v; });
  const Tensor b = sampler.direction({2, 12});
  const LinearOperator m = nystrom_preconditioner(low, {2, 12}, {5, 0}, {.rank = 6, .shift = shift});
  auto [z, report] = conjugate_gradient(system, b, {.relative_tolerance = 1e-8, .preconditioner = m});
  CHECK_MESSAGE(report.converged(), report.message);
  CHECK(report.iterations <= 3);
  const LinearOperator nothing([](const Tensor& v) { return 0.0 * v; });
  CHECK(mismatch(nystrom_preconditioner(nothing, {2, 12}, {6, 0}, {.rank = 4, .shift = 1})(b), b, 1e-12) == "");
}

TEST_CASE("impossible ranks, shifts and diagonals are refused") {
  const LinearOperator a = matrix_operator(eye(3));
  const auto says = [&](const NystromOptions& options) {
    return message_of([&] { nystrom_preconditioner(a, {2, 3}, {1, 0}, options); });
  };
  CHECK(lacks(says({.rank = 4}), {"[nystrom_preconditioner]", "[2, 3]", "4"}) == "");
  CHECK(lacks(says({.rank = 2, .shift = -1}), {"[nystrom_preconditioner]", "-1"}) == "");
  CHECK(lacks(message_of([&] { diagonal_preconditioner(tensor(1.0)); }), {"[diagonal_preconditioner]", "[]"}) == "");
}

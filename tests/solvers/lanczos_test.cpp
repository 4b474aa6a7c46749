// Lanczos: the relation A Q = Q T + residual, orthogonality with and without help, and rows that end early.
#include "solvers/lanczos.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/autodiff.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Spectrum random_spectrum(std::int64_t rows, std::int64_t d, Sampler& sampler) {
  return {sampler.uniform({rows, d}, 0.5, 10), sampler.uniform({rows, d}, 0.2, 1)};
}

// The largest entry of QᵀQ - I.
double orthogonality_loss(const LanczosResult& result) {
  const Tensor q = stack(result.basis, -2);
  return max_abs(matmul(q, transpose(q)) - eye(q.dim(-2), q.dtype()));
}

// A Q - Q T without its last column, which is the residual.
double relation_error(const LinearOperator& a, const LanczosResult& t) {
  double worst = 0;
  for (std::size_t j = 0; j + 1 < t.basis.size(); ++j) {
    const auto at = [&](const Tensor& coefficients, std::size_t i) {
      return expand_axis(select(coefficients, -1, static_cast<std::int64_t>(i)), -1);
    };
    Tensor expected = at(t.diagonal, j) * t.basis[j] + at(t.offdiagonal, j) * t.basis[j + 1];
    if (j > 0) expected = expected + at(t.offdiagonal, j - 1) * t.basis[j - 1];
    worst = std::max(worst, max_abs(a(t.basis[j]) - expected));
  }
  return worst;
}

Tensor ritz_values(const LanczosResult& t) { return tridiagonal_eigen(t.diagonal, t.offdiagonal).values; }

}  // namespace

TEST_CASE("the basis is orthonormal and A is tridiagonal in it") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    Sampler sampler(1);
    const Spectrum a = {cast(sampler.uniform({3, 12}, 0.5, 10), dtype), cast(sampler.uniform({3, 12}, 0.2, 1), dtype)};
    for (const Shape& shape : {Shape{3, 12}, Shape{2, 3, 12}}) {
      const LanczosResult t = lanczos(a.matrix(), sampler.uniform(shape, -1, 1, dtype), {.steps = 7});
      CHECK(t.diagonal.shape() == shape.part(0, shape.rank() - 1) + Shape{7});
      CHECK(t.offdiagonal.dim(-1) == 6);
      CHECK(t.basis.size() == 7);
      CHECK(orthogonality_loss(t) <= 100 * epsilon(dtype));
      CHECK(relation_error(a.matrix(), t) <= 1000 * epsilon(dtype));
      CHECK(min(t.steps).item() == 7);
    }
  }
}

TEST_CASE("d steps find all eigenvalues, and no more are made") {
  Sampler sampler(2);
  const Spectrum a = random_spectrum(4, 9, sampler);
  const LanczosResult t = lanczos(a.matrix(), sampler.direction({4, 9}), {.steps = 50});
  CHECK(t.diagonal.dim(-1) == 9);
  CHECK(max_abs(t.residual_norm) == 0);
  CHECK(mismatch(ritz_values(t), sort(a.eigenvalues), 1e-12) == "");
}

TEST_CASE("without re-orthogonalisation the basis is lost; selective keeps half the digits of it and all of T") {
  Sampler sampler(3);
  // Isolated large eigenvalues converge first, and then come back as ghosts.
  const Tensor eigenvalues = exp(linspace(0, 7, 64));
  const Spectrum a = {reshape(eigenvalues, {1, 64}), sampler.uniform({1, 64}, 0.2, 1)};
  const Tensor start = sampler.direction({1, 64});
  const auto run = [&](Reorthogonalization how) {
    return lanczos(a.matrix(), start, {.steps = 48, .reorthogonalization = how});
  };
  const LanczosResult none = run(Reorthogonalization::None), full = run(Reorthogonalization::Full),
                      selective = run(Reorthogonalization::Selective);
  CHECK(orthogonality_loss(none) > 0.5);
  CHECK(orthogonality_loss(full) < 1e-13);
  CHECK(orthogonality_loss(selective) < 1e-7);
  CHECK(orthogonality_loss(selective) > 1e-13);  // it saved something
  const double scale = max_abs(eigenvalues);
  CHECK(mismatch(ritz_values(selective), ritz_values(full), 1e-11 * scale) == "");
  CHECK(mismatch(ritz_values(none), ritz_values(full), 1e-3 * scale) != "");
}

TEST_CASE("a row whose Krylov space is invariant is cut there, the others go on") {
  Sampler sampler(4);
  Spectrum a = random_spectrum(3, 10, sampler);
  // Row 1 has three distinct eigenvalues, row 2 one.
  const Tensor three = gather(tensor({1.0, 2.0, 7.0}), index_tensor({0, 0, 0, 0, 1, 1, 1, 2, 2, 2}));
  a.eigenvalues = stack({select(a.eigenvalues, 0, 0), three, 3.0 * ones({10})});
  for (auto how : {Reorthogonalization::None, Reorthogonalization::Selective, Reorthogonalization::Full}) {
    const LanczosResult t = lanczos(a.matrix(), sampler.direction({3, 10}), {.steps = 6, .reorthogonalization = how});
    CHECK(mismatch(t.steps, tensor({6.0, 3.0, 1.0}), 0) == "");
    CHECK(max_abs(slice(select(t.offdiagonal, 0, 1), 0, 2, 5)) == 0);
    CHECK(mismatch(select(t.diagonal, 0, 2), 3.0 * ones({6}), 1e-13) == "");
    CHECK(max_abs(select(t.basis[5], 0, 1)) == 0);
    const Tensor range = select(ritz_values(t), 0, 1);
    CHECK(min(range).item() == doctest::Approx(1).epsilon(1e-12));
    CHECK(max(range).item() == doctest::Approx(7).epsilon(1e-12));
  }
}

TEST_CASE("a start of zeros makes no step, and NaN stays in its row") {
  Sampler sampler(5);
  Spectrum a = random_spectrum(3, 6, sampler);
  const Tensor start = sampler.direction({3, 6}) * expand_axis(tensor({1.0, 0.0, 1.0}), 1);
  a.eigenvalues = where(expand_axis(tensor({1.0, 1.0, 0.0}), 1), a.eigenvalues, kNaN);
  const LanczosResult t = lanczos(a.matrix(), start, {.steps = 4});
  CHECK(t.steps.at({0}) == 4);
  CHECK(t.steps.at({1}) == 0);
  CHECK(t.start_norm.at({1}) == 0);
  CHECK(std::isnan(t.diagonal.at({2, 0})));
  CHECK(min(is_finite(slice(t.diagonal, 0, 0, 2))).item() == 1);
}

TEST_CASE("extreme Ritz values lie in the spectrum and reach its ends") {
  Sampler sampler(6);
  const Spectrum a = random_spectrum(5, 20, sampler);
  const Tensor start = sampler.direction({5, 20});
  const Tensor low = min(a.eigenvalues, {-1}), high = max(a.eigenvalues, {-1});
  for (std::int64_t steps : {1, 3, 8, 20}) {
    const auto [smallest, largest] = extreme_ritz_values(a.matrix(), start, steps);
    CHECK(min(smallest - low).item() >= -1e-12);
    CHECK(max(largest - high).item() <= 1e-12);
    if (steps == 20) CHECK(mismatch(smallest, low, 1e-11) == "");
    if (steps == 20) CHECK(mismatch(largest, high, 1e-11) == "");
  }
}

TEST_CASE("T is differentiable in the matrix and the start") {
  Sampler sampler(7);
  const Spectrum a = random_spectrum(2, 4, sampler);
  for (auto how : {Reorthogonalization::None, Reorthogonalization::Full}) {
    const Map map{.path = "lanczos",
                  .function =
                      [how](const Tensors& in) {
                        const Tensor symmetric = 0.5 * (in[0] + transpose(in[0]));
                        const LanczosResult t =
                            lanczos(matrix_operator(symmetric), in[1], {.steps = 3, .reorthogonalization = how});
                        return Tensors{t.diagonal, t.offdiagonal, t.residual_norm};
                      },
                  .arguments = {a.dense(), sampler.direction({2, 4})},
                  .active = {0, 1}};
    CHECK(check_adjoint(map, sampler) == "");
    CHECK(check_gradients(map, 2, sampler) == "");
  }
}

TEST_CASE("starts of another rank and no steps are refused") {
  const LinearOperator a = matrix_operator(eye(3));
  CHECK(lacks(message_of([&] { lanczos(a, ones({3})); }), {"[lanczos]", "[rows, d]", "[3]"}) == "");
  CHECK(lacks(message_of([&] { lanczos(a, ones({1, 3}), {.steps = 0}); }), {"[lanczos]", "0 steps"}) == "");
}

// Stochastic Lanczos quadrature: exact where it must be, biased to the known side where it is truncated, and honest about
// its error.
#include "solvers/slq.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

Spectrum log_uniform_rows(std::int64_t rows, std::int64_t d, double condition, Sampler& sampler) {
  const Tensor eigenvalues = tensor(log_uniform(d, 1, condition), {1, d});
  return {eigenvalues + zeros({rows, d}), sampler.uniform({rows, d}, 0.2, 1)};
}

// All 2^d sign vectors for every row, [2^d, rows, d].
Tensor all_signs(std::int64_t rows, std::int64_t d) {
  std::vector<double> signs;
  for (std::int64_t mask = 0; mask < (std::int64_t{1} << d); ++mask)
    for (std::int64_t entry = 0; entry < rows * d; ++entry) signs.push_back((mask >> (entry % d)) % 2 ? 1 : -1);
  return tensor(signs, {std::int64_t{1} << d, rows, d});
}

// vᵀ f(A) v, exactly.
Tensor exact_forms(const Spectrum& a, const Tensor& probes, const SpectralFunction& f) {
  return sum(probes * a.apply(f, probes), {-1});
}

}  // namespace

TEST_CASE("averaged over all sign vectors the quadrature is the log-determinant") {
  Sampler sampler(1);
  const Spectrum a = {exp(sampler.uniform({3, 8}, -3, 3)), sampler.uniform({3, 8}, 0.2, 1)};
  const SlqEstimate estimate = slq_logdet(a.matrix(), all_signs(3, 8), {.steps = 8});
  CHECK(mismatch(estimate.value, sum(log(a.eigenvalues), {-1}), 1e-10) == "");
  CHECK(estimate.per_probe.shape() == Shape{256, 3});
  CHECK(mismatch(estimate.smallest_ritz, min(a.eigenvalues, {-1}), 1e-10) == "");
}

TEST_CASE("for the logarithm, Gauss is above and Gauss-Radau below every probe's exact value, and both tighten") {
  Sampler sampler(2);
  for (double condition : {10.0, 1e3, 1e6}) {
    CAPTURE(condition);
    const Spectrum a = log_uniform_rows(2, 40, condition, sampler);
    const Tensor probes = draw_probes({7, 0}, 6, {2, 40});
    const Tensor exact = exact_forms(a, probes, brenier::log), mean_exact = mean(exact, {0});
    Tensor wider_low, wider_high;
    for (std::int64_t steps : {2, 5, 10, 20}) {
      CAPTURE(steps);
      const SlqEstimate estimate = slq_logdet(a.matrix(), probes, {.steps = steps, .lower_bound = 0.9});
      CHECK(min(estimate.per_probe - exact).item() >= -1e-9);
      CHECK(min(estimate.upper - mean_exact).item() >= -1e-9);
      CHECK(max(estimate.lower - mean_exact).item() <= 1e-9);
      CHECK(mismatch(estimate.upper, estimate.value, 1e-12) == "");
      if (wider_low.defined()) {
        CHECK(min(estimate.lower - wider_low).item() >= -1e-9);
        CHECK(max(estimate.upper - wider_high).item() <= 1e-9);
      }
      wider_low = estimate.lower;
      wider_high = estimate.upper;
    }
  }
}

TEST_CASE("a bracket from a bound that is none is NaN, in its row alone") {
  Sampler sampler(3);
  Spectrum a = log_uniform_rows(2, 12, 50, sampler);
  a.eigenvalues = a.eigenvalues * expand_axis(tensor({1.0, 10.0}), 1);
  const SlqEstimate estimate = slq_logdet(a.matrix(), {2, 12}, {1, 0}, {.steps = 12, .lower_bound = 5.0});
  CHECK(std::isnan(estimate.lower.at({0})));
  CHECK(std::isfinite(estimate.lower.at({1})));
  CHECK(std::isfinite(estimate.value.at({0})));
}

TEST_CASE("other functions have exact quadratures too") {
  Sampler sampler(4);
  const Spectrum a = log_uniform_rows(3, 10, 30, sampler);
  const Tensor probes = draw_probes({3, 0}, 5, {3, 10}, ProbeDistribution::Normal);
  for (const SpectralFunction& f :
       {SpectralFunction(reciprocal), SpectralFunction(brenier::sqrt), SpectralFunction(brenier::tanh)}) {
    const SlqEstimate estimate = slq(a.matrix(), probes, f, {.steps = 10});
    CHECK(mismatch(estimate.per_probe, exact_forms(a, probes, f), 1e-10) == "");
  }
}

TEST_CASE("float32 gives the estimate of float64 to its precision") {
  Sampler sampler(8);
  const Spectrum wide = log_uniform_rows(2, 20, 100, sampler);
  const Spectrum narrow = {cast(wide.eigenvalues, DType::Float32), cast(wide.mirror, DType::Float32)};
  const SlqOptions options{.steps = 12, .lower_bound = 0.9, .dtype = DType::Float32};
  const SlqEstimate estimate = slq_logdet(narrow.matrix(), {2, 20}, {4, 0}, options);
  SlqOptions same = options;
  same.dtype = DType::Float64;
  const SlqEstimate exact = slq_logdet(wide.matrix(), {2, 20}, {4, 0}, same);
  CHECK(estimate.value.dtype() == DType::Float32);
  CHECK(mismatch(cast(estimate.value, DType::Float64), exact.value, 1e-3) == "");
  CHECK(mismatch(cast(estimate.lower, DType::Float64), exact.lower, 1e-3) == "");
}

TEST_CASE("what is cut off adds nothing, even where f is infinite there") {
  // One step is exact; the bracket's node at 0 has weight zero.
  const SlqEstimate estimate =
      slq_logdet(matrix_operator(2.0 * eye(6)), {3, 6}, {5, 0}, {.steps = 4, .probes = 2, .lower_bound = 0});
  for (const Tensor& value : {estimate.value, estimate.lower, estimate.upper})
    CHECK(mismatch(value, 6 * std::log(2.0) * ones({3}), 1e-13) == "");
  CHECK(max_abs(estimate.standard_error) <= 1e-14);
}

TEST_CASE("a matrix that is not positive definite gives NaN in its row alone") {
  Sampler sampler(5);
  Spectrum a = log_uniform_rows(2, 6, 10, sampler);
  a.eigenvalues = a.eigenvalues - expand_axis(tensor({0.0, 5.0}), 1);
  const SlqEstimate estimate = slq_logdet(a.matrix(), {2, 6}, {2, 0}, {.steps = 6});
  CHECK(std::isfinite(estimate.value.at({0})));
  CHECK(std::isnan(estimate.value.at({1})));
  CHECK(estimate.smallest_ritz.at({1}) < 0);
  CHECK(std::isnan(slq_logdet(a.matrix(), {2, 6}, {2, 0}, {.steps = 6, .probes = 1}).standard_error.at({0})));
}

TEST_CASE("the standard error covers the truth as often as it should") {
  Sampler sampler(6);
  // Every row is a trial: the same matrix and other probes. 2.131 is the 97.5 % point of Student's t for 15 degrees.
  const std::int64_t trials = default_backend().host_readable() ? 2000 : 100, d = 16;
  const Spectrum one = log_uniform_rows(1, d, 20, sampler);
  const Spectrum a = {one.eigenvalues + zeros({trials, d}), one.mirror + zeros({trials, d})};
  const SlqEstimate estimate = slq_logdet(a.matrix(), {trials, d}, {11, 0}, {.steps = d, .probes = 16});
  const double truth = sum(log(one.eigenvalues)).item();
  const double covered = mean(less(abs(estimate.value - truth), 2.131 * estimate.standard_error)).item();
  CAPTURE(covered);
  const double spread = std::sqrt(0.95 * 0.05 / static_cast<double>(trials));
  CHECK(std::abs(covered - 0.95) <= 4 * spread);
}

TEST_CASE("at d steps the gradient through all of Lanczos is that of the log-determinant") {
  Sampler sampler(7);
  const Tensor dense = Spectrum{sampler.uniform({2, 4}, 1, 5), sampler.uniform({2, 4}, 0.2, 1)}.dense();
  Tape tape;
  const Tensor a = tape.watch(dense);
  const SlqEstimate estimate = slq_logdet(matrix_operator(0.5 * (a + transpose(a))), all_signs(2, 4), {.steps = 4});
  CHECK(mismatch(grad(sum(estimate.value), a), spd_inverse(dense), 1e-8) == "");
}

TEST_CASE("probes of another shape and impossible counts are refused") {
  const LinearOperator a = matrix_operator(eye(3));
  CHECK(lacks(message_of([&] { slq_logdet(a, ones({2, 3})); }), {"[slq]", "[k, rows, d]", "[2, 3]"}) == "");
  CHECK(lacks(message_of([&] { slq_logdet(a, {2, 3}, {1, 0}, {.probes = 0}); }), {"[draw_probes]", "0"}) == "");
  CHECK(lacks(message_of([&] { slq_logdet(a, {3}, {1, 0}); }), {"[draw_probes]", "[rows, d]", "[3]"}) == "");
}

// Trace estimators: exact where theory says so, unbiased elsewhere, XTrace far better where eigenvalues decay.
#include "solvers/trace.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// The same matrix in every row, so that rows are independent trials.
Spectrum repeated(const std::vector<double>& eigenvalues, std::int64_t rows, Sampler& sampler) {
  const auto d = static_cast<std::int64_t>(eigenvalues.size());
  return {tensor(eigenvalues, {1, d}) + zeros({rows, d}), sampler.uniform({1, d}, 0.2, 1) + zeros({rows, d})};
}

double root_mean_square(const Tensor& x) { return std::sqrt(mean(square(x)).item()); }

}  // namespace

TEST_CASE("random signs see the trace of a diagonal matrix without error") {
  Sampler sampler(1);
  const Tensor diagonal = sampler.uniform({4, 9}, 1, 2);
  const LinearOperator a([&](const Tensor& v) { return diagonal * v; });
  const TraceEstimate estimate = hutchinson_trace(a, {4, 9}, {1, 0}, {.probes = 3});
  CHECK(mismatch(estimate.value, sum(diagonal, {-1}), 1e-13) == "");
  CHECK(max_abs(estimate.standard_error) <= 1e-14);
}

TEST_CASE("Hutchinson's estimate is unbiased and its standard error the one that is observed") {
  Sampler sampler(2);
  const Spectrum a = repeated(log_uniform(12, 1, 10), 400, sampler);
  const double truth = sum(select(a.eigenvalues, 0, 0)).item();
  for (auto distribution : {ProbeDistribution::Rademacher, ProbeDistribution::Normal}) {
    const TraceEstimate estimate =
        hutchinson_trace(a.matrix(), {400, 12}, {2, 0}, {.probes = 16, .distribution = distribution});
    const double observed = root_mean_square(estimate.value - truth);
    CHECK(std::abs(mean(estimate.value).item() - truth) <= 4 * observed / 20);
    CHECK(observed == doctest::Approx(root_mean_square(estimate.standard_error)).epsilon(0.15));
  }
}

TEST_CASE("XTrace is exact for as many test vectors as dimensions, and for low rank") {
  Sampler sampler(3);
  const Spectrum full = repeated(log_uniform(8, 1, 1e3), 3, sampler);
  const TraceEstimate complete = xtrace(full.matrix(), {3, 8}, {4, 0}, {.test_vectors = 8});
  CHECK(mismatch(complete.value, sum(full.eigenvalues, {-1}), 1e-8) == "");
  std::vector<double> eigenvalues(20, 0.0);
  eigenvalues[2] = 5, eigenvalues[7] = 2, eigenvalues[11] = -1;
  const Spectrum low = repeated(eigenvalues, 3, sampler);
  for (std::int64_t m : {4, 6, 12}) {
    const TraceEstimate estimate = xtrace(low.matrix(), {3, 20}, {5, 0}, {.test_vectors = m});
    CHECK(mismatch(estimate.value, 6.0 * ones({3}), 1e-9) == "");
    CHECK(max_abs(estimate.standard_error) <= 1e-9);
  }
  const LinearOperator nothing([](const Tensor& v) { return 0.0 * v; });
  CHECK(max_abs(xtrace(nothing, {2, 5}, {6, 0}, {.test_vectors = 3}).value) == 0);
}

TEST_CASE("XTrace is unbiased, and for decaying eigenvalues much closer than Hutchinson at the same cost") {
  Sampler sampler(4);
  const std::int64_t trials = default_backend().host_readable() ? 400 : 60;
  const Spectrum a = repeated(log_uniform(30, 1e-6, 1), trials, sampler);
  const double truth = sum(select(a.eigenvalues, 0, 0)).item();
  const TraceEstimate x = xtrace(a.matrix(), {trials, 30}, {7, 0}, {.test_vectors = 12});
  const TraceEstimate h = hutchinson_trace(a.matrix(), {trials, 30}, {8, 0}, {.probes = 24});
  const double error = root_mean_square(x.value - truth);
  CHECK(std::abs(mean(x.value).item() - truth) <= 4 * error / std::sqrt(static_cast<double>(trials)));
  CHECK(error < 0.1 * root_mean_square(h.value - truth));
  // The estimate of the error is of its size.
  CHECK(root_mean_square(x.standard_error) > 0.4 * error);
  CHECK(root_mean_square(x.standard_error) < 2.5 * error);
}

TEST_CASE("traces in float32 are those in float64 to rounding") {
  Sampler sampler(5);
  const Spectrum wide = repeated(log_uniform(10, 1, 10), 2, sampler);
  const Spectrum narrow = {cast(wide.eigenvalues, DType::Float32), cast(wide.mirror, DType::Float32)};
  const Tensor value = xtrace(narrow.matrix(), {2, 10}, {9, 0}, {.test_vectors = 10, .dtype = DType::Float32}).value;
  CHECK(value.dtype() == DType::Float32);
  CHECK(mismatch(cast(value, DType::Float64), sum(wide.eigenvalues, {-1}), 1e-3) == "");
}

TEST_CASE("impossible numbers of probes and test vectors are refused") {
  const LinearOperator a = matrix_operator(eye(3));
  CHECK(lacks(message_of([&] { hutchinson_trace(a, {1, 3}, {1, 0}, {.probes = 0}); }), {"[draw_probes]", "0"}) == "");
  for (std::int64_t m : {1, 4})
    CHECK(lacks(message_of([&] { xtrace(a, {1, 3}, {1, 0}, {.test_vectors = m}); }), {"[xtrace]", "2 … 3"}) == "");
}

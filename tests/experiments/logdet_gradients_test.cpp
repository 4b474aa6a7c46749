// Gradients of ln det: exact, by the surrogate and through Lanczos; what they estimate, and what they need.
#include "experiments/support/logdet_gradients.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/memory.h"
#include "experiments/support/inverse_estimator.h"
#include "models/icnn.h"
#include "solvers/flat_parameters.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::Sampler;

namespace {

// An ICNN plus |x|²/2, so that Hessians are well away from singular.
struct Potential {
  Icnn<Softplus> icnn;
  Tensor operator()(const Tensor& x) const { return 4.0 * icnn(x) + 0.5 * sum(square(x), {-1}, true); }
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("icnn", icnn, visit);
  }
};

Potential potential(std::int64_t dim, std::int64_t units) { return {Icnn<Softplus>::random({1, 0}, dim, units, 2)}; }

template <class Loss>
Tensor slopes(const Potential& u, const Loss& loss) {
  const std::vector<double> flat = flatten_parameters(with_gradient(loss)(u).gradient);
  return tensor(flat, {static_cast<std::int64_t>(flat.size())});
}

// Every sign vector at one point.
struct AllProbes {
  Tensor x, v;
};
AllProbes all_probes(std::int64_t dim) {
  const Tensor v = all_signs(dim);
  return {broadcast_to(random_normal({2, 0}, {1, dim}), v.shape()) + zeros_like(v), v};
}

double relative(const Tensor& a, const Tensor& b) { return max(abs(a - b)).item() / max(abs(b)).item(); }

Tensor surrogate_slopes(const Potential& u, const Tensor& x, const Tensor& v, std::int64_t iterations) {
  const Tensor z = hessian_solution(u, x, v, {.relative_tolerance = 0, .max_iterations = iterations, .confirm = false});
  return slopes(u, [&](const Potential& p) { return surrogate_logdet(p, x, v, z); });
}
Tensor lanczos_slopes(const Potential& u, const Tensor& x, const Tensor& v, std::int64_t steps) {
  return slopes(u, [&](const Potential& p) { return lanczos_logdet(p, x, v, steps); });
}

template <class Work>
double peak_bytes(const Work& work) {
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  const Tensor result = work();
  return static_cast<double>(memory_stats().peak_bytes - before);
}

}  // namespace

TEST_CASE("over all sign vectors the surrogate's gradient is the exact one, and so is that of complete Lanczos") {
  for (std::int64_t dim : {3, 8}) {
    CAPTURE(dim);
    const Potential u = potential(dim, 6);
    const auto [x, v] = all_probes(dim);
    const Tensor exact = slopes(u, [&](const Potential& p) { return exact_logdet(p, x); });
    CHECK(max(abs(exact)).item() > 1e-3);
    CHECK(relative(surrogate_slopes(u, x, v, dim), exact) < 1e-8);
    CHECK(relative(lanczos_slopes(u, x, v, dim), exact) < 1e-8);
    // One iteration is not enough: the test can fail.
    CHECK(relative(surrogate_slopes(u, x, v, 1), exact) > 1e-4);
    CHECK(relative(lanczos_slopes(u, x, v, 1), exact) > 1e-4);
  }
}

TEST_CASE("the value of the surrogate is the dimension when the system is solved") {
  const Potential u = potential(5, 6);
  const Tensor x = random_normal({3, 0}, {20, 5}), v = random_rademacher({3, 1}, {20, 5});
  const Tensor z = hessian_solution(u, x, v, {.relative_tolerance = 1e-12});
  CHECK(surrogate_logdet(u, x, v, z).item() == doctest::Approx(5).epsilon(1e-10));
}

TEST_CASE("a truncated Lanczos estimate of ln det is too large") {
  const Potential u = potential(8, 6);
  const auto [x, v] = all_probes(8);
  const double exact = exact_logdet(u, x).item();
  for (std::int64_t steps : {1, 2, 3}) CHECK(lanczos_logdet(u, x, v, steps).item() > exact);
}

TEST_CASE("the surrogate's peak memory does not depend on the steps, that of Lanczos grows linearly") {
  const std::int64_t dim = 16;
  const Potential u = potential(dim, 128);
  const Tensor x = random_normal({4, 0}, {32, dim}), v = random_rademacher({4, 1}, {32, dim});
  std::vector<double> surrogate, lanczos;
  surrogate_slopes(u, x, v, 2);  // what is allocated once
  for (std::int64_t steps : {4, 8, 12, 16}) {
    surrogate.push_back(peak_bytes([&] { return surrogate_slopes(u, x, v, steps); }));
    lanczos.push_back(peak_bytes([&] { return lanczos_slopes(u, x, v, steps); }));
  }
  for (std::size_t i = 1; i < 4; ++i) {
    CAPTURE(i);
    CHECK(surrogate[i] == doctest::Approx(surrogate[0]).epsilon(0.01));
    const double slope = (lanczos[i] - lanczos[0]) / static_cast<double>(i);
    CHECK(slope > 0.5 * surrogate[0]);
    CHECK(slope == doctest::Approx(lanczos[1] - lanczos[0]).epsilon(0.15));
  }
}

TEST_CASE("sign vectors are all there, once") {
  const Tensor v = all_signs(4);
  CHECK(v.shape() == Shape{16, 4});
  CHECK(max(abs(abs(v) - 1.0)).item() == 0);
  const Tensor gram = matmul(transpose(v), v);
  CHECK(max(abs(gram - 16.0 * eye(4))).item() == 0);
  CHECK(sum(equal(matmul(v, transpose(v)), 4.0)).item() == 16);
  CHECK(lacks(message_of([] { all_signs(21); }), {"[all_signs] d must be in 1 … 20, got 21"}) == "");
}

TEST_CASE("over all sign vectors z v' has no bias without tolerance, and the moments are those of the matrices") {
  Sampler sampler(5);
  const std::int64_t d = 4;
  const Tensor h = sampler.spd({d, d}, 0.5, 3), v = all_signs(d), inverse = spd_inverse(h);
  for (CgStart start : {CgStart::Zero, CgStart::Probe}) {
    const InverseEstimate estimate = judge_inverse_estimator(h, v, 0, start);
    CHECK(estimate.plain.bias < 1e-12);
    CHECK(estimate.symmetric.bias < 1e-12);
    CHECK(estimate.iterations <= d);
    // The matrices one by one.
    const Tensor z = matmul(v, inverse);
    const Tensor plain = expand_axis(z, -1) * expand_axis(v, -2), symmetric = 0.5 * (plain + transpose(plain));
    const auto snr = [](const Tensor& m) { return mean(abs(mean(m, {0})) / sqrt(variance(m, {0}))).item(); };
    CHECK(estimate.plain.snr == doctest::Approx(snr(plain)).epsilon(1e-9));
    CHECK(estimate.symmetric.snr == doctest::Approx(snr(symmetric)).epsilon(1e-9));
    CHECK(judge_inverse_estimator(h, v, 0.5, start).plain.bias > 1e-3);
    CHECK(judge_inverse_estimator(h, v, 0.5, start).iterations < d);
  }
}

TEST_CASE("Wishart matrices have the mean of their distribution") {
  Tensor sum_of = zeros({3, 3});
  for (std::uint64_t i = 0; i < 400; ++i) sum_of = sum_of + wishart({6, i}, 3, 6) / 400.0;
  CHECK(max(abs(sum_of - 6.0 * eye(3))).item() < 4 * std::sqrt(2 * 6.0 / 400));
}

// ln det of Hessians: the exact one against slogdet and differences, the others against theory (paper facts: oracles 3
// and 5), and the training steps that use them.
#include "models/logdet.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/brenier.h"
#include "models/certificates.h"
#include "models/convex_flow.h"
#include "models/flow_training.h"
#include "models/normalized_icnn.h"
#include "solvers/preconditioners.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

using Potential = AugmentedIcnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>>;
using Block = ConvexFlow<Potential>;

Block block_of(std::int64_t dim, std::int64_t units, DType dtype = DType::Float64) {
  Block block = Block::around(Potential::random({61, 0}, dim, units, 3, dtype), dtype);
  block.initialize_from(random_normal({62, 0}, {100, dim}, dtype));
  return block;
}

// All sign vectors of length d as probes: [2^d, rows, d].
Tensor all_signs(std::int64_t rows, std::int64_t d) {
  std::vector<double> values;
  for (std::int64_t pattern = 0; pattern < (std::int64_t{1} << d); ++pattern)
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t i = 0; i < d; ++i) values.push_back((pattern >> i) & 1 ? 1.0 : -1.0);
  return tensor(values, Shape{std::int64_t{1} << d, rows, d});
}

// Gradients with respect to all parameters and to x of the sum of a term's surrogate.
template <class Surrogate>
std::vector<Tensor> slopes(const Block& block, const Tensor& points, const Surrogate& surrogate) {
  Tape tape;
  const Block recorded = tape.watch(block);
  const Tensor x = tape.watch(points);
  const auto constant = [&](const Tensor& p) { return block.potential(p); };
  const RecordedGradient map{constant, x, grad(sum(recorded.potential(x)), x)};
  std::vector<Tensor> variables = parameter_values(recorded), result;
  variables.push_back(x);
  for (const Tensor& slope : grad(sum(surrogate(map)), variables)) result.push_back(slope.detached());
  return result;
}

double largest_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, max(abs(a[i] - b[i])).item());
  return largest;
}

}  // namespace

TEST_CASE("the exact log-determinant is that of the Jacobian, in both precisions") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Block block = block_of(4, 10, dtype);
    const Tensor x = random_normal({63, 0}, {9, 4}, dtype);
    const Transformed z = block.forward(x);
    CHECK(mismatch(z.value, block(x), rounding_tolerance(dtype, 4, 20)) == "");
    const SignedLogdet reference = slogdet(map_jacobian(block, x));
    CHECK(min(reference.sign).item() == 1);
    CHECK(mismatch(z.logdet, reference.logabs, rounding_tolerance(dtype, 4, 40)) == "");
  }
}

// The logdet of a potential's Hessian at constant points, for estimators whose value matters.
template <class Estimator>
LogdetTerm term_of(const Estimator& estimator, const Block& block, const Tensor& x) {
  return block.logdet(estimator, x, {65, 0});
}

TEST_CASE("the surrogate's gradient averaged over all sign vectors is the exact gradient") {
  const Block block = block_of(8, 12);
  const Tensor points = random_normal({64, 0}, {2, 8});
  const std::vector<Tensor> exact = slopes(block, points, [](const RecordedGradient& map) {
    return logdet_term(ExactLogdet(), map, {0, 0}).value;
  });
  const std::vector<Tensor> averaged = slopes(block, points, [](const RecordedGradient& map) {
    return logdet_term(CgLogdet{.tolerance = 1e-13}, map, all_signs(2, 8)).surrogate;
  });
  CHECK(largest_difference(exact, averaged) < 1e-8);
  // One probe alone is not: the test could fail.
  const std::vector<Tensor> single = slopes(block, points, [](const RecordedGradient& map) {
    return logdet_term(CgLogdet{.tolerance = 1e-13}, map, {66, 0}).surrogate;
  });
  CHECK(largest_difference(exact, single) > 1e-3);
}

TEST_CASE("a program's conjugate gradients agree with the solver's, row by row") {
  const Block block = block_of(6, 10);
  const Tensor points = 2.0 * random_normal({67, 0}, {20, 6}), probes = sign(random_normal({68, 0}, {2, 20, 6}));
  for (const double tolerance : {1e-1, 1e-3, 1e-10}) {
    const CgLogdet estimator{.tolerance = tolerance, .max_iterations = 6};
    const auto surrogate_of = [&](const Block& b, const Tensor& x, const Tensor& v) {
      const auto potential = [&](const Tensor& p) { return b.potential(p); };
      return logdet_term(estimator, {potential, x, grad(sum(potential(x)), x)}, v);
    };
    Tape recording({.recording_program = true});
    const Tensor x = recording.watch(points), v = recording.watch(probes);
    const LogdetTerm term = surrogate_of(block, x, v);
    const Program program = compile({x, v}, {term.surrogate, term.residual, term.iterations});
    const std::vector<Tensor> replayed = program({points, probes});
    Tape eager;
    const LogdetTerm solved = surrogate_of(block, eager.watch(points), probes);
    // Both meet the tolerance, and then differ by at most |H⁻¹| of it; here the curvature is at least softplus(w₀) = 1.
    CHECK(max(replayed[1]).item() <= tolerance);
    CHECK(max(solved.residual).item() <= tolerance);
    CHECK(mismatch(replayed[0], solved.surrogate.detached(), 6 * 6 * 2 * tolerance) == "");
    CHECK(mismatch(replayed[2], solved.iterations, tolerance > 1e-9 ? 0 : 1) == "");
    CHECK((max(replayed[2]).item() > 3) == (tolerance < 1e-9));
  }
}

TEST_CASE("a preconditioner changes the way, not the answer") {
  const Block block = block_of(6, 10);
  const Tensor points = random_normal({69, 0}, {8, 6}), probes = sign(random_normal({70, 0}, {1, 8, 6}));
  const auto with = [&](const CgLogdet& estimator) {
    return slopes(block, points,
                  [&](const RecordedGradient& map) { return logdet_term(estimator, map, probes).surrogate; });
  };
  CgLogdet preconditioned{.tolerance = 1e-12};
  preconditioned.preconditioner = [](const LinearOperator& hessian, const Shape& shape) {
    return nystrom_preconditioner(hessian, shape, {71, 0}, {.rank = 3});
  };
  CHECK(largest_difference(with({.tolerance = 1e-12}), with(preconditioned)) < 1e-9);
}

TEST_CASE("quadrature with d steps over all sign vectors, and its truncation from above") {
  const Block block = block_of(5, 10);
  const Tensor x = random_normal({72, 0}, {6, 5}), exact = block.forward(x).logdet;
  // Every probe of a full Krylov space: value ± standard error covers, and more steps come nearer.
  const LogdetTerm full = term_of(SlqLogdet{.steps = 5, .probes = 100}, block, x);
  CHECK(full.surrogate.defined() == false);
  for (std::int64_t row = 0; row < 6; ++row)
    CHECK(std::abs(full.value.at({row}) - exact.at({row})) < 5 * full.standard_error.at({row}));
  const LogdetTerm truncated = term_of(SlqLogdet{.steps = 2, .probes = 100}, block, x);
  for (std::int64_t row = 0; row < 6; ++row) CHECK(truncated.value.at({row}) >= full.value.at({row}) - 1e-12);
  CHECK_FALSE(term_of(SlqLogdet{.probes = 1}, block, x).standard_error.defined());
  // Differentiated through all steps it has the gradient of what it computes, which at d steps is unbiased.
  const LogdetTerm lanczos = term_of(LanczosLogdet{.steps = 5, .probes = 100}, block, x);
  CHECK(mismatch(lanczos.value, full.value, 1e-10) == "");
}

TEST_CASE("misuse of estimators is told") {
  const Block block = block_of(3, 6);
  const Tensor x = random_normal({73, 0}, {4, 3});
  const auto potential = [&](const Tensor& p) { return block.potential(p); };
  CHECK(message_of([&] {
          logdet_term(ExactLogdet(), {potential, x, x}, {0, 0});
        }) == "[logdet] x and the gradient must be recorded; use Tape::watch()");
  Tape tape;
  const Tensor input = tape.watch(x);
  const RecordedGradient map{potential, input, grad(sum(potential(input)), input)};
  CHECK(message_of([&] {
          logdet_term(CgLogdet(), map, ones({2, 3}));
        }) == "[logdet] probes are [2, 3], not [k, rows, d] for x [4, 3]");
  CHECK(message_of([&] {
          logdet_term(CgLogdet{.max_iterations = 0}, map, {0, 0});
        }) == "[logdet] max_iterations is 0, at least 1 is needed");
}

TEST_CASE("counted work prefers assembling in few dimensions and iterations in many") {
  CHECK(std::holds_alternative<ExactLogdet>(recommended_logdet({2, 32, 3}, 2)));
  CHECK(std::holds_alternative<ExactLogdet>(recommended_logdet({1, 32, 3}, 1)));
  CHECK(std::holds_alternative<CgLogdet>(recommended_logdet({6, 256, 5}, 6)));
  CHECK(std::holds_alternative<CgLogdet>(recommended_logdet({8, 256, 5}, 2)));
  CHECK(std::holds_alternative<CgLogdet>(recommended_logdet({16, 256, 5}, 8)));
  CHECK(std::holds_alternative<CgLogdet>(recommended_logdet({43, 256, 5}, 9)));
  // An iteration is two passes, a tangent of the assembled Hessian three and its share of the products per layer.
  const PotentialSize size{43, 256, 5};
  const double pass = (logdet_flops(CgLogdet(), size, 2) - logdet_flops(CgLogdet(), size, 1)) / 2;
  CHECK(logdet_flops(CgLogdet(), size, 2) == doctest::Approx(14 * pass));
  CHECK(logdet_flops(ExactLogdet(), size) ==
        doctest::Approx((6 + 3 * 43) * pass + 2 * 3 * 5 * 256 * 43 * 43 + 43 * 43 * 43));
}

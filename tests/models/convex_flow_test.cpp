// Convex potential flows: inverses, densities, stacks, training steps; the optimal maps between Gaussians (paper facts:
// oracles 6, 7, 13).
#include "models/convex_flow.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "engine/backend.h"
#include "engine/brenier.h"
#include "models/certificates.h"
#include "models/flow_training.h"
#include "models/normalized_icnn.h"
#include "solvers/trace.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// On the shim for GPU kernels trainings are shorter, and only that they run is tested.
bool trains_in_full() { return default_backend().host_readable(); }

using Potential = AugmentedIcnn<Offset<GaussianSoftplus>, Symmetrized<Offset<GaussianSoftplus>>>;
using Block = ConvexFlow<Potential>;

Block started_block(std::int64_t dim, std::int64_t units, DType dtype = DType::Float64, std::uint64_t seed = 80) {
  Block block = Block::around(Potential::random({seed, 0}, dim, units, 2, dtype), dtype);
  block.initialize_from(random_normal({seed + 1, 0}, {200, dim}, dtype));
  return block;
}

// ½ xᵀAx + bᵀx for a fixed A, as a potential without parameters of its own.
struct Quadratic {
  Tensor a, b;
  Tensor operator()(const Tensor& x) const {
    return reshape(0.5 * sum(x * matmul(x, a), {-1}) + sum(x * b, {-1}), {x.dim(0), 1});
  }
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("a", a);
    visit("b", b);
  }
};

}  // namespace

TEST_CASE("a block is a flow: strongly convex, certified, inverted row by row in both precisions") {
  static_assert(Flow<Block>);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Block block = started_block(3, 12, dtype);
    const Tensor x = 2.0 * random_normal({82, 0}, {40, 3}, dtype);
    const Certificate certificate = certify(block, x);
    CHECK_MESSAGE(certificate.accepts(), certificate.message());
    CHECK(certificate.smallest_eigenvalue >= 1 - 1e-5);  // softplus(w₀) = 1
    const Preimage back = block.inverse(block(x));
    CHECK_MESSAGE(back.report.converged(), back.report.message);
    // |x - x*| <= residual / 1
    CHECK(mismatch(back.solution, x, dtype == DType::Float32 ? 1e-4 : 1e-9) == "");
  }
}

TEST_CASE("the inverse of a quadratic potential's gradient is a linear solve") {
  const Tensor a = tensor({{2.0, 0.5}, {0.5, 1.0}}), b = tensor({0.3, -0.7});
  ConvexFlow<Quadratic> flow{StronglyConvex<Quadratic>::around({a, b})};
  flow.potential.convex_weight = full({1}, std::log(std::expm1(1.0)));
  const Tensor y = random_normal({83, 0}, {10, 2});
  const Tensor expected = transpose(solve(a + eye(2), transpose(y - b)));  // softplus(w₀) = 1 adds the identity
  CHECK(mismatch(flow.inverse(y).solution, expected, 1e-9) == "");
  const Transformed z = flow.forward(y);
  CHECK(mismatch(z.logdet, broadcast_to(slogdet(a + eye(2)).logabs, {10}), 1e-12) == "");
}

TEST_CASE("the density of a block integrates to one") {
  const Block block = started_block(2, 8);
  constexpr std::int64_t kPoints = 121;
  const Tensor axis = linspace(-6, 6, kPoints);
  const Tensor x = reshape(stack({broadcast_to(reshape(axis, {kPoints, 1}), {kPoints, kPoints}),
                                  broadcast_to(reshape(axis, {1, kPoints}), {kPoints, kPoints})},
                                 -1),
                           {kPoints * kPoints, 2});
  CHECK(sum(exp(log_density(block, x))).item() * 0.1 * 0.1 == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("gradients of the exact log density are right to second order") {
  const Block block = started_block(2, 4);
  const Tensor points = random_normal({84, 0}, {3, 2});
  Tape tape;
  const Block recorded = tape.watch(block);
  const Tensor loss = -mean(log_density(recorded, points));
  const Tensor slope = grad(loss, recorded).potential.convex.first.weight;
  const double h = 1e-5;
  const Tensor direction = random_normal({85, 0}, block.potential.convex.first.weight.shape());
  const auto loss_at = [&](double step) {
    Block moved = block;
    moved.potential.convex.first.weight = block.potential.convex.first.weight + step * direction;
    return -mean(log_density(moved, points)).item();
  };
  CHECK(sum(slope * direction).item() == doctest::Approx((loss_at(h) - loss_at(-h)) / (2 * h)).epsilon(1e-7));
}

TEST_CASE("a flow trained to a Gaussian finds the optimal map, and no better density") {
  // N(m, C) of the paper's experiment in two dimensions: entropy 2.1397, optimal cost 3.7064, triangular cost 4.1038.
  const Tensor m = tensor({1.5, 1.0}), c = tensor({{0.9, -0.75}, {-0.75, 0.9}});
  const Tensor l = cholesky(c);
  const auto batch_of = [&](std::uint64_t counter, std::int64_t rows) {
    return matmul(random_normal({86, counter}, {rows, 2}), transpose(l)) + m;
  };
  Block block = started_block(2, 16);
  block.initialize_from(batch_of(0, 256));
  FlowTrainer<Block> trainer(block, ExactLogdet(), 2, {.adam = {.learning_rate = 0.02}, .max_norm = 10});
  constexpr std::int64_t kSteps = 600;
  const std::int64_t made = trains_in_full() ? kSteps : 10;
  for (std::int64_t step = 0; step < made; ++step) {
    const double rate = 0.02 * 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(step) / kSteps));
    CHECK(trainer(batch_of(1 + static_cast<std::uint64_t>(step), 128), rate).made);
  }
  if (!trains_in_full()) return;
  const Block trained = trainer.flow();
  const Tensor fresh = batch_of(10'000, 20'000);
  const Tensor nll = -log_density(trained, fresh);
  const double se = std::sqrt(mean(square(nll - mean(nll))).item() / 20'000);
  CHECK(mean(nll).item() > 2.1397 - 4 * se);
  CHECK(mean(nll).item() < 2.1397 + 0.02 + 4 * se);
  const Tensor costs = sum(square(fresh - trained(fresh)), {-1});
  const double cost_se = std::sqrt(mean(square(costs - mean(costs))).item() / 20'000);
  CHECK(std::abs(mean(costs).item() - 3.7064) < 0.02 * 3.7064 + 4 * cost_se);
}

TEST_CASE("steps with conjugate gradients learn what exact steps learn, on as few iterations as they need") {
  const Block block = started_block(4, 8, DType::Float32);
  const auto batch = [](std::uint64_t counter) {
    return random_normal({87, counter}, {64, 4}, DType::Float32) * tensor({0.5, 1.0, 2.0, 0.2}, DType::Float32);
  };
  const auto final_nll = [&](const LogdetEstimator& estimator) {
    FlowTrainer<Block> trainer(block, estimator, 4, {.seed = 5});
    std::int64_t most = 0;
    for (std::uint64_t step = 0; step < (trains_in_full() ? 300 : 10); ++step) {
      const FlowStep made = trainer(batch(step), 5e-3);
      CHECK(made.made);
      CHECK((made.residual <= 1e-3 || made.iterations == 4));
      most = std::max(most, made.iterations);
    }
    CHECK(most <= 4);
    return -mean(log_density(trainer.flow(), batch(1'000'000))).item();
  };
  const double start = -mean(log_density(block, batch(1'000'000))).item();
  const double exact = final_nll(ExactLogdet()), surrogate = final_nll(CgLogdet());
  if (!trains_in_full()) return;
  CHECK(exact < start - 0.3);
  CHECK(surrogate < exact + 0.1);
}

TEST_CASE("a session with probes of its own makes the same loss and gradient as one that draws them") {
  const Block block = started_block(3, 6);
  const Tensor x = random_normal({90, 0}, {12, 3});
  const RandomKey key(91, 0);
  const Tensor probes = draw_probes(key, 2, x.shape(), ProbeDistribution::Rademacher, x.dtype());
  const auto slope = [&](const LogdetSession& session) {
    Tape tape;
    const Block recorded = tape.watch(block);
    const Tensor loss = flow_loss(recorded, x, session)[0];
    return std::pair{loss.detached(), grad(loss, recorded).potential.convex.first.weight.detached()};
  };
  const CgLogdet two{.probes = 2};
  const auto [drawn, drawn_slope] = slope(LogdetSession(two, key));
  const auto [given, given_slope] = slope(LogdetSession(two, probes));
  const auto [single, single_slope] = slope(LogdetSession(CgLogdet(), slice(probes, 0, 0, 1)));
  CHECK(mismatch(given, drawn, 0) == "");
  CHECK(mismatch(given_slope, drawn_slope, 0) == "");
  CHECK(mismatch(single_slope, drawn_slope, 1e-12) != "");
  // Twice the same probe is that probe.
  const Tensor first = slice(probes, 0, 0, 1);
  const auto [twice, twice_slope] = slope(LogdetSession(two, concat({first, first}, 0)));
  CHECK(mismatch(twice_slope, single_slope, 1e-12) == "");
}

TEST_CASE("training continues bit for bit from a stored state, and refuses a foreign one") {
  const Block block = started_block(2, 6);
  const auto batch = [](std::uint64_t counter) { return random_normal({88, counter}, {32, 2}); };
  FlowTrainer<Block> whole(block, ExactLogdet(), 2), first(block, ExactLogdet(), 2), second(block, ExactLogdet(), 2);
  for (std::uint64_t step = 0; step < 6; ++step) whole(batch(step), 1e-2);
  for (std::uint64_t step = 0; step < 3; ++step) first(batch(step), 1e-2);
  second.load(first.state());
  for (std::uint64_t step = 3; step < 6; ++step) second(batch(step), 1e-2);
  CHECK(second.steps() == 6);
  const std::vector<NamedParameter> a = whole.state(), b = second.state();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(mismatch(a[i].value, b[i].value, 0) == "");
  FlowTrainer<Block> other(started_block(2, 8), ExactLogdet(), 2);
  CHECK(message_of([&] { other.load(a); }).find("where \"flow.potential.convex.first.weight\"") != std::string::npos);
}

TEST_CASE("a step that is not finite is not made") {
  const Block block = started_block(2, 6);
  FlowTrainer<Block> trainer(block, CgLogdet(), 2);
  const Tensor good = random_normal({89, 0}, {16, 2});
  const FlowStep bad = trainer(good / 0.0, 1e-2);
  CHECK_FALSE(bad.made);
  CHECK(mismatch(trainer.flow().potential.convex.first.weight, block.potential.convex.first.weight, 0) == "");
  CHECK(trainer(good, 1e-2).made);
  FlowTrainer<Block> monitored(block, SlqLogdet(), 2);
  CHECK(message_of([&] { monitored(good, 1e-2); }) ==
        "[flow_loss] SlqLogdet is for monitoring and has no derivative; train with another");
}

TEST_CASE("the ladder of iterations climbs at once and descends with patience") {
  IterationLadder ladder(10, 1);
  CHECK(ladder.iterations() == 1);
  CHECK(ladder.climb(false, 1));
  CHECK(ladder.iterations() == 2);
  for (int i = 0; i < 19; ++i) CHECK_FALSE(ladder.climb(true, 1));
  CHECK(ladder.iterations() == 2);
  CHECK_FALSE(ladder.climb(true, 1));
  CHECK(ladder.iterations() == 1);
  IterationLadder top(10, 10);
  CHECK(top.iterations() == 10);
  CHECK_FALSE(top.climb(false, 10));  // nothing above: the step counts as it is
}

TEST_CASE("the memory of a training step does not depend on the number of iterations") {
  // Acceptance: counted bytes of the program, at a size where intermediate values dominate.
  const Block block = started_block(16, 32, DType::Float32);
  std::vector<std::size_t> bytes;
  for (const std::int64_t iterations : {2, 4, 8, 16}) {
    FlowTrainer<Block> trainer(block, CgLogdet{.tolerance = 1e-30, .max_iterations = iterations}, 16);
    trainer(random_normal({90, 0}, {128, 16}, DType::Float32), 1e-3);
    bytes.push_back(trainer.stepper().arena_bytes());
  }
  for (const std::size_t count : bytes) CHECK(static_cast<double>(count) <= 1.02 * static_cast<double>(bytes[0]));
}

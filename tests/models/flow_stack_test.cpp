// Composition: what reaches which layer, the start from data, and one report of many inverses.
#include "models/flow_stack.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/autoregressive.h"
#include "models/mixed_stack.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

// z = factor x, which takes an estimator of the determinant, and whose inverse ends as told.
struct Scaling {
  double factor = 1;
  RowOutcome outcome{SolveStatus::Converged, 1, 0};

  Tensor operator()(const Tensor& x) const { return factor * x; }
  Transformed forward(const Tensor& x) const {
    return {factor * x, full({x.dim(0)}, static_cast<double>(x.dim(1)) * std::log(factor))};
  }
  Transformed forward(const Tensor& x, int& calls) const {
    ++calls;
    return {factor * x, zeros({x.dim(0)})};
  }
  Preimage inverse(const Tensor& z) const {
    SolveReport report{outcome.status, outcome.iterations, outcome.residual_norm, str("scaling by ", factor)};
    report.rows.assign(static_cast<std::size_t>(z.dim(0)), outcome);
    report.row_evaluations = 10;
    return {z / factor, report};
  }
  template <class Visitor>
  void for_each_parameter(Visitor&&) {}
};

static_assert(Flow<ActNorm> && Flow<Scaling> && Flow<Sequence<ActNorm, Scaling>> && Flow<NormalizedStack<Scaling>>);
static_assert(HasParameters<NormalizedStack<Sequence<ActNorm, Scaling>>>);

}  // namespace

TEST_CASE("a sequence applies its flows in turn and adds their determinants") {
  const Sequence flows{std::tuple{Scaling{2}, InvertibleLinear{tensor({{0.0, 1.0}, {3.0, 0.0}})}, Scaling{5}}};
  const Tensor x = tensor({{1.0, 2.0}});
  CHECK(flows(x).to_vector<double>() == std::vector<double>{20, 30});
  const Transformed z = flows.forward(x);
  CHECK(z.value.to_vector<double>() == std::vector<double>{20, 30});
  CHECK(z.logdet.item() == doctest::Approx(2 * std::log(2.0) + std::log(3.0) + 2 * std::log(5.0)).epsilon(1e-15));
  CHECK(flows.inverse(z.value).solution.to_vector<double>() == std::vector<double>{1, 2});
}

TEST_CASE("an estimator reaches the layers that take one, through any nesting") {
  const Sequence inner{std::tuple{Scaling{2}, ActNorm::identity(2)}};
  auto stack = NormalizedStack<Sequence<Scaling, ActNorm>>::of({inner, inner, inner}, 2);
  int calls = 0;
  const Tensor x = ones({4, 2});
  const Transformed estimated = stack.forward(x, calls), exact = stack.forward(x);
  CHECK(calls == 3);
  CHECK(mismatch(estimated.value, exact.value, 0) == "");
  // Its estimate is 0 instead of 2 ln 2; the seven norms keep their ln 1.001 in both coordinates.
  CHECK(estimated.logdet.at({3}) == doctest::Approx(14 * std::log(1.001)).epsilon(1e-12));
  CHECK(exact.logdet.at({3}) == doctest::Approx(14 * std::log(1.001) + 6 * std::log(2.0)).epsilon(1e-12));
}

TEST_CASE("parameters are named by their places") {
  const auto stack = mixed_stack<AffineAutoregressive<Relu>>({1, 0}, 2, 3, 4, 1);
  const auto parameters = parameters_of(stack);
  CHECK(parameters.front().name == "layers.0.0.conditioner.layers.0.weight");
  CHECK(parameters.at(4).name == "layers.0.1.weight");
  CHECK(parameters.back().name == "norms.2.scale.log_scale");
}

TEST_CASE("norms start from what reaches them: after each the batch has mean 0 and deviation 1.001") {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    auto stack = mixed_stack<AffineAutoregressive<Relu>>({2, 0}, 3, 2, 8, 1, dtype);
    stack.for_each_parameter([](const std::string& name, Tensor& parameter) {
      if (name.find("conditioner") != std::string::npos) parameter = 3.0 * parameter;
    });
    const Tensor batch = 5.0 * random_normal({3, 0}, {500, 2}, dtype) + 2.0;
    stack.initialize_from(batch);
    Tensor x = batch;
    for (std::size_t k = 0; k <= 3; ++k) {
      const Tensor before = x;
      x = stack.norms[k](x);
      CHECK(testing::max_abs(mean(x, {0})) <= rounding_tolerance(dtype, 10, 500));
      const Tensor deviation = sqrt(variance(before, {0}));
      const Tensor expected = deviation / (deviation + 1e-6) + 0.001 * deviation;
      CHECK(mismatch(sqrt(variance(x, {0})), expected, rounding_tolerance(dtype, 10, 500)) == "");
      if (k > 0) CHECK(testing::max_abs(expected - 1.001) < 0.005);
      if (k < 3) x = stack.layers[k](x);
    }
    CHECK(mismatch(stack(batch), x, 0) == "");
    CHECK(mismatch(stack.forward(batch).value, x, 0) == "");
  }
}

TEST_CASE("an ActNorm is a flow with the same determinant in every row") {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    const ActNorm norm{tensor({1.0, -2.0}, dtype), {tensor({0.5, -9.0}, dtype)}};
    const Tensor x = random_normal({4, 0}, {6, 2}, dtype);
    const Transformed z = norm.forward(x);
    CHECK(mismatch(z.value, norm(x), 0) == "");
    CHECK(z.logdet.shape() == Shape{6});
    const double expected = std::log(std::exp(0.5) + 0.001) + std::log(std::exp(-9.0) + 0.001);
    CHECK(z.logdet.at({5}) == doctest::Approx(expected).epsilon(8 * testing::epsilon(dtype)));
    CHECK(mismatch(norm.inverse(z.value).solution, x, rounding_tolerance(dtype, 8)) == "");
    CHECK(norm.inverse(z.value).report.converged());
  }
  const Preimage x = ActNorm::identity(2).inverse(tensor({{1.0, 1.0}, {std::nan(""), 1.0}}));
  CHECK(x.report.status == SolveStatus::NotFinite);
  CHECK(x.report.rows.at(0).status == SolveStatus::Converged);
}

TEST_CASE("a report of many inverses adds iterations and keeps the worst of each row") {
  const auto stack = NormalizedStack<Scaling>::of({{2, {SolveStatus::Converged, 3, 1e-9}},
                                                   {4, {SolveStatus::IterationLimit, 100, 1e-3}},
                                                   {8, {SolveStatus::Converged, 7, 1e-8}}},
                                                  2);
  const Preimage x = stack.inverse(ones({5, 2}));
  CHECK(x.report.status == SolveStatus::IterationLimit);
  CHECK(x.report.rows.size() == 5);
  CHECK(x.report.rows[2].status == SolveStatus::IterationLimit);
  CHECK(x.report.rows[2].iterations == 110);
  CHECK(x.report.iterations == 110);
  CHECK(x.report.residual_norm == 1e-3);
  CHECK(x.report.row_evaluations == 30);
  CHECK(x.report.message == "layer layers.1: scaling by 4");
  CHECK(mismatch(stack(x.solution), ones({5, 2}), rounding_tolerance(DType::Float64, 1, 8)) == "");

  const auto good = NormalizedStack<Scaling>::of({{2, {SolveStatus::Converged, 3, 1e-9}}}, 2).inverse(ones({1, 2}));
  CHECK(good.report.converged());
  CHECK(good.report.message.find("through 3 layers; at most 3 iterations, largest residual 1e-09") !=
        std::string::npos);
  // The first that fails is named, and the worst status counts.
  const Sequence both{
      std::tuple{Scaling{2, {SolveStatus::NotFinite, 0, std::nan("")}}, Scaling{3, {SolveStatus::Stagnated, 9, 0.5}}}};
  const Preimage worst = both.inverse(ones({1, 2}));
  CHECK(worst.report.status == SolveStatus::NotFinite);
  CHECK(std::isnan(worst.report.residual_norm));
  CHECK(worst.report.message == "layer 1: scaling by 3");
}

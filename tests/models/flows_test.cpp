// What every flow must be: determinants against brute force, inverses, densities that integrate to one, gradients, and
// training steps as programs.
#include <doctest/doctest.h>

#include <cmath>

#include "models/autoregressive.h"
#include "models/certificates.h"
#include "models/mixed_stack.h"
#include "models/sigmoidal_flow.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/compiled.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

// Far from the identity: every parameter is moved by a normal number of this size.
template <class F>
F shaken(F flow, double size) {
  std::uint64_t counter = 0;
  flow.for_each_parameter([&](const std::string&, Tensor& parameter) {
    parameter = parameter + size * random_normal({90, counter++}, parameter.shape(), parameter.dtype());
  });
  return flow;
}

template <class Layer>
Layer layer(DType dtype, std::int64_t dim, Order order = Order::Natural) {
  if constexpr (requires { Layer::random({1, 0}, dim, 6, 2, dtype, order, 5); })
    return Layer::random({11, 0}, dim, 6, 2, dtype, order, 5);
  else
    return Layer::random({11, 0}, dim, 6, 2, dtype, order);
}

template <class F>
struct Maker {
  static F make(DType dtype, std::int64_t dim, double size = 0.4) { return shaken(layer<F>(dtype, dim), size); }
};
template <class F>
struct Reversed {
  static F make(DType dtype, std::int64_t dim, double size = 0.4) {
    return shaken(layer<F>(dtype, dim, Order::Reversed), size);
  }
};
struct LinearMaker {
  static LinearIaf make(DType dtype, std::int64_t dim, double size = 0.4) {
    return shaken(linear_iaf({12, 0}, dim, dtype), size);
  }
};
template <class Layer>
struct StackMaker {
  static MixedStack<Layer> make(DType dtype, std::int64_t dim, double size = 0.4) {
    auto stack = mixed_stack<Layer>({13, 0}, 2, dim, 6, 2, dtype);
    stack.initialize_from(2.0 * random_normal({14, 0}, {200, dim}, dtype) + 0.5);
    return shaken(stack, size / 4);
  }
};
template <>
struct Maker<InvertibleLinear> {
  static InvertibleLinear make(DType dtype, std::int64_t dim, double size = 0.4) {
    return shaken(InvertibleLinear::random({15, 0}, dim, dtype), size / 4);
  }
};

#define BRENIER_FLOWS                                                                                             \
  Maker<AffineAutoregressive<Relu>>, Reversed<AffineAutoregressive<Identity>>, LinearMaker,                       \
      Maker<SigmoidalAutoregressive<Relu>>, Reversed<SigmoidalAutoregressive<Identity>>, Maker<InvertibleLinear>, \
      StackMaker<AffineAutoregressive<Relu>>, StackMaker<SigmoidalAutoregressive<Relu>>

static_assert(Flow<LinearIaf> && Flow<SigmoidalAutoregressive<Relu>> && Flow<MixedStack<LinearIaf>>);

}  // namespace

TEST_CASE_TEMPLATE("the logdet of a flow is that of its Jacobian, in both precisions", M, BRENIER_FLOWS) {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    const auto flow = M::make(dtype, 3);
    const Tensor x = random_normal({20, 0}, {30, 3}, dtype);
    const Transformed z = flow.forward(x);
    CHECK(z.value.dtype() == dtype);
    CHECK(z.logdet.shape() == Shape{30});
    CHECK(mismatch(z.value, flow(x), 0) == "");
    const Tensor expected = slogdet(map_jacobian(flow, x)).logabs;
    CHECK(mismatch(z.logdet, expected, rounding_tolerance(dtype, 10 + testing::max_abs(expected), 16)) == "");
  }
}

TEST_CASE_TEMPLATE("a flow and its inverse undo each other to rounding", M, BRENIER_FLOWS) {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    const auto flow = M::make(dtype, 3);
    const Tensor x = random_normal({21, 0}, {40, 3}, dtype), z = flow(x);
    Tape tape;
    const Preimage back = tape.watch(flow).inverse(tape.watch(z));
    CHECK_FALSE(back.solution.recorded());
    CHECK(back.solution.dtype() == dtype);
    CHECK_MESSAGE(back.report.converged(), back.report.message);
    CHECK(back.report.rows.size() == 40);
    // Through the inverse, rounding errors of z grow by at most the reciprocal of the least singular value.
    const Tensor jacobian = map_jacobian(flow, x);
    const double growth = 1 / std::sqrt(min(smallest_eigenvalues(matmul(transpose(jacobian), jacobian))).item());
    const double size = testing::max_abs(z) + testing::max_abs(x);
    CHECK(mismatch(back.solution, x, rounding_tolerance(dtype, size * (1 + growth), 16)) == "");
    const Tensor y = random_normal({22, 0}, {40, 3}, dtype);
    const Preimage preimage = flow.inverse(y);
    const double steepness = std::sqrt(max(sum(square(map_jacobian(flow, preimage.solution)), {1, 2})).item());
    CHECK(mismatch(flow(preimage.solution), y,
                   rounding_tolerance(dtype, (1 + steepness) * (1 + testing::max_abs(preimage.solution)), 16)) == "");
  }
}

TEST_CASE_TEMPLATE("the density of a flow integrates to one in the plane", M, BRENIER_FLOWS) {
  // Trapezoid sums of what is smooth and vanishes at the edges converge faster than any power of the step; kinks of relu
  // in one coordinate leave an error of the order of the step squared.
  const auto flow = M::make(DType::Float64, 2, 0.1);
  constexpr std::int64_t kPoints = 120;
  const Tensor far = flow.inverse(7.0 * tensor({{1.0, 1.0}, {-1.0, 1.0}, {1.0, -1.0}, {-1.0, -1.0}})).solution;
  const Tensor low = min(far, {0}) - 2.0, high = max(far, {0}) + 2.0;
  const Tensor unit = linspace(0, 1, kPoints);
  const Tensor first = reshape(broadcast_to(reshape(unit, {kPoints, 1}), {kPoints, kPoints}), {kPoints * kPoints, 1});
  const Tensor second = reshape(broadcast_to(unit, {kPoints, kPoints}), {kPoints * kPoints, 1});
  const Tensor grid = low + (high - low) * concat({first, second}, -1);
  const double cell = prod((high - low) / static_cast<double>(kPoints - 1)).item();
  CHECK(cell * sum(exp(log_density(flow, grid))).item() == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE_TEMPLATE("gradients of the log-density are right in both modes, to second order", M, BRENIER_FLOWS) {
  const auto flow = M::make(DType::Float64, 2);
  testing::Tensors arguments = parameter_values(flow);
  std::vector<std::size_t> active;
  arguments.push_back(random_normal({24, 0}, {3, 2}));
  for (std::size_t i = 0; i < arguments.size(); ++i) active.push_back(i);
  const testing::Map map{
      "log_density",
      [flow](const testing::Tensors& values) -> testing::Tensors {
        return {log_density(with_parameters(flow, {values.begin(), values.end() - 1}), values.back())};
      },
      arguments, active};
  testing::Sampler sampler(25);
  CHECK(testing::check_adjoint(map, sampler) == "");
  CHECK(testing::check_gradients(map, 2, sampler) == "");
  testing::Tensors others = arguments;
  for (Tensor& other : others) other = other + 0.01 * sampler.direction(other.shape());
  CHECK(testing::compare_compiled(map, others) == "");
}

TEST_CASE_TEMPLATE("samples of a flow have preimages, and more rows change none of them", M, BRENIER_FLOWS) {
  const auto flow = M::make(DType::Float64, 2);
  const Preimage drawn = sample(flow, {26, 0}, 12, 2);
  CHECK(drawn.report.converged());
  CHECK(mismatch(flow.inverse(random_normal({26, 0}, {12, 2})).solution, drawn.solution, 0) == "");
  const Tensor three = flow.inverse(slice(random_normal({26, 0}, {12, 2}), 0, 4, 7)).solution;
  CHECK(mismatch(three, slice(drawn.solution, 0, 4, 7), rounding_tolerance(DType::Float64, 100, 16)) == "");
}

TEST_CASE_TEMPLATE("a row that is not finite leaves the others alone", M, BRENIER_FLOWS) {
  const auto flow = M::make(DType::Float64, 2);
  const Tensor z = tensor({{0.5, -0.5}, {std::nan(""), 1.0}, {1.0, HUGE_VAL}});
  const Preimage x = flow.inverse(z);
  CHECK(x.report.status == SolveStatus::NotFinite);
  CHECK(x.report.rows.at(0).status == SolveStatus::Converged);
  CHECK(x.report.rows.at(1).status == SolveStatus::NotFinite);
  CHECK(x.report.rows.at(2).status == SolveStatus::NotFinite);
  CHECK(mismatch(slice(x.solution, 0, 0, 1), flow.inverse(slice(z, 0, 0, 1)).solution,
                 rounding_tolerance(DType::Float64, 100, 16)) == "");
}

TEST_CASE_TEMPLATE("a flow whose parameters are cast computes in their precision", M, BRENIER_FLOWS) {
  const auto flow = M::make(DType::Float32, 3);
  const auto wide = cast_parameters(flow, DType::Float64);
  const Tensor x = random_normal({36, 0}, {20, 3}, DType::Float32);
  const Transformed z = flow.forward(x), exact = wide.forward(cast(x, DType::Float64));
  CHECK(exact.value.dtype() == DType::Float64);
  CHECK(mismatch(cast(z.value, DType::Float64), exact.value, rounding_tolerance(DType::Float32, 20, 60)) == "");
  CHECK(mismatch(cast(z.logdet, DType::Float64), exact.logdet, rounding_tolerance(DType::Float32, 20, 60)) == "");
}

TEST_CASE("mixed stacks have the parameters of the published comparisons") {
  const auto maf = [](std::int64_t units, std::int64_t hidden) {
    return count_parameters(mixed_stack<AffineAutoregressive<Relu>>({1, 0}, 5, 2, units, hidden, DType::Float32));
  };
  const auto naf = [](std::int64_t units, std::int64_t hidden) {
    return count_parameters(mixed_stack<SigmoidalAutoregressive<Relu>>({1, 0}, 5, 2, units, hidden, DType::Float32));
  };
  CHECK(maf(32, 3) == 11744);
  CHECK(naf(32, 3) == 26924);
  CHECK(maf(256, 5) == 1324864);
  CHECK(naf(256, 5) == 1443084);
}

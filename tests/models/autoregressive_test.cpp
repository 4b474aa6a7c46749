// Affine autoregressive flows: the start, the inverse's order, and the triangular transport between Gaussians (paper
// facts: section 3.4 and oracle 7).
#include "models/autoregressive.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "solvers/lbfgs.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

struct Weighted {
  Tensor points, weights;
};

// E f(x) for x normal, exact for polynomials up to degree 2 count - 1 in each coordinate: a Gauss-Hermite rule from the
// three-term recurrence of its polynomials, carried to N(m, L Lᵀ).
Weighted gaussian_rule(std::int64_t count, const Tensor& mean, const Tensor& factor) {
  const auto [nodes, roots] = tridiagonal_eigen(zeros({count}), sqrt(arange(count - 1) + 1.0));
  const Tensor first = broadcast_to(reshape(nodes, {count, 1}), {count, count});
  const Tensor second = broadcast_to(nodes, {count, count});
  const Tensor grid = concat({reshape(first, {count * count, 1}), reshape(second, {count * count, 1})}, -1);
  return {matmul(grid, transpose(factor)) + mean, reshape(outer(square(roots), square(roots)), {count * count})};
}

}  // namespace

TEST_CASE("an affine autoregressive flow starts near the identity") {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor x = random_normal({1, 0}, {50, 4}, dtype);
    const auto flow = AffineAutoregressive<Relu>::random({2, 0}, 4, 16, 2, dtype);
    CHECK(testing::max_abs(flow(x) - x) < 0.05);
    CHECK(testing::max_abs(flow(x) - x) > 0);
    CHECK(testing::max_abs(flow.forward(x).logdet) < 0.05);
    // The first coordinate is given by biases alone, and stays as it is.
    CHECK(mismatch(select(flow(x), 1, 0), select(x, 1, 0), rounding_tolerance(dtype, 4)) == "");
  }
}

TEST_CASE("the linear IAF scales and shifts by affine functions of the coordinates before") {
  LinearIaf flow = linear_iaf({3, 0}, 2);
  CHECK(count_parameters(flow) == 12);
  Linear& layer = flow.conditioner.layers.at(0).linear;
  // m₁, m₂, l₁, l₂ with entries that the mask must hide.
  layer.weight = tensor({{9.0, 9.0}, {2.0, 9.0}, {9.0, 9.0}, {-1.0, 9.0}});
  layer.bias = tensor({0.5, -1.0, 0.0, 3.0});
  const auto softplus_of = [](double l) { return std::log1p(std::exp(l)); };
  const Transformed z = flow.forward(tensor({{2.0, 5.0}}));
  CHECK(z.value.at({0, 0}) == doctest::Approx(0.5 + 2 * softplus_of(0)).epsilon(1e-15));
  CHECK(z.value.at({0, 1}) == doctest::Approx(2 * 2 - 1 + 5 * softplus_of(3 - 2)).epsilon(1e-15));
  CHECK(z.logdet.item() == doctest::Approx(std::log(softplus_of(0)) + std::log(softplus_of(1))).epsilon(1e-15));
}

TEST_CASE("a reversed flow is the natural one on reversed coordinates") {
  const auto natural = AffineAutoregressive<Tanh>::random({4, 0}, 3, 8, 2);
  auto reversed = AffineAutoregressive<Tanh>::random({4, 0}, 3, 8, 2, DType::Float64, Order::Reversed);
  // The same network with inputs and outputs permuted.
  Linear& first = reversed.conditioner.layers[0].linear;
  first.weight = flip(natural.conditioner.layers[0].linear.weight, {1});
  Linear& output = reversed.conditioner.layers[2].linear;
  output.weight = reshape(flip(reshape(natural.conditioner.layers[2].linear.weight, {2, 3, 8}), {1}), {6, 8});
  const Tensor x = random_normal({5, 0}, {7, 3});
  CHECK(mismatch(flip(reversed(flip(x, {1})), {1}), natural(x), rounding_tolerance(DType::Float64, 4, 8)) == "");
}

TEST_CASE("a linear IAF fitted to a Gaussian ends at the triangular transport and its cost") {
  const Tensor mean = tensor({1.5, 1.0}), covariance = tensor({{0.9, -0.75}, {-0.75, 0.9}});
  const Tensor factor = cholesky(covariance);
  const auto [points, weights] = gaussian_rule(6, mean, factor);
  const auto loss = [&, points = points, weights = weights](const LinearIaf& flow) {
    return -sum(weights * log_density(flow, points));
  };
  const auto [flow, report] =
      minimize(linear_iaf({6, 0}, 2), with_gradient(loss), {.max_iterations = 300, .gradient_tolerance = 1e-7});
  CHECK_MESSAGE(report.converged(), report.message);

  const double entropy = 1 + std::log(2 * std::numbers::pi) + 0.5 * spd_logdet(covariance).item();
  CHECK(entropy == doctest::Approx(2.1397).epsilon(1e-4));
  CHECK(loss(flow).item() == doctest::Approx(entropy).epsilon(1e-9));
  const double cost = sum(weights * sum(square(flow(points) - points), {-1})).item();
  // |m|² + tr C + d - 2 tr L
  const double triangular = 3.25 + 1.8 + 2 - 2 * (factor.at({0, 0}) + factor.at({1, 1}));
  CHECK(triangular == doctest::Approx(4.1038).epsilon(2e-5));
  CHECK(std::abs(cost - triangular) < 1e-5);
  const Tensor exact = transpose(triangular_solve(factor, transpose(points - mean), Triangle::Lower));
  CHECK(mismatch(flow(points), exact, 1e-5) == "");
}

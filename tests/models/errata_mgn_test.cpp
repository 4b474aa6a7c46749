// Errata of the report on monotone gradient networks and of its code (models/ERRATA.md, B): what is printed fails here, and
// what is right holds.
#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "models/gradnet.h"
#include "models/mgn.h"
#include "solvers/wasserstein.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::max_abs;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

const double kRounding = rounding_tolerance(DType::Float64, 40, 40);
constexpr double kWrong = 0.02;

// x₁⁴ + second + x₁x₂/2 + 3x₂²/2 - x₂³/3 with the term that three texts print differently.
template <class Second>
auto polynomial(Second second) {
  return [second](const Tensor& p) {
    const Tensor x = slice(p, 1, 0, 1), y = slice(p, 1, 1, 2);
    return square(square(x)) + second(x, y) + 0.5 * x * y + 1.5 * square(y) - y * square(y) / 3.0;
  };
}
constexpr auto half_square_of_first = [](const Tensor& x, const Tensor&) { return 0.5 * square(x); };
constexpr auto half_of_second = [](const Tensor&, const Tensor& y) { return 0.5 * y; };
constexpr auto half_square_of_second = [](const Tensor&, const Tensor& y) { return 0.5 * square(y); };

// What report and notebook train on.
Tensor printed_gradient(const Tensor& p) {
  const Tensor x = slice(p, 1, 0, 1), y = slice(p, 1, 1, 2);
  return concat({4.0 * x * square(x) + 0.5 * y, 0.5 + 0.5 * x + 3.0 * y - square(y)}, 1);
}

Tensor unit_square() { return random_uniform({61, 0}, {40, 2}); }

// Parameters of size one.
template <class Model>
Model enlarged(Model model) {
  std::uint64_t counter = 0;
  model.for_each_parameter([&](const std::string&, Tensor& parameter) {
    parameter = random_normal({62, counter++}, parameter.shape());
  });
  return model;
}

// s = Σ ln cosh as in M-MGN, with an increasing σ that is not its gradient.
struct AnySigma {
  static Tensor value(const Tensor& z) { return LogCosh::value(z); }
  static Tensor gradient(const Tensor& z) { return softplus(z); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) { return ridge_jacobian(weight, sigmoid(z)); }
};

}  // namespace

TEST_CASE(
    "B1: the report's gradient is that of its own slip, and that of neither the intended function nor the notebook's") {
  const Tensor x = unit_square(), printed = printed_gradient(x);
  CHECK(mismatch(gradient_map(polynomial(half_of_second), x), printed, kRounding) == "");
  CHECK(max_abs(gradient_map(polynomial(half_square_of_first), x) - printed) > kWrong);
  CHECK(max_abs(gradient_map(polynomial(half_square_of_second), x) - printed) > kWrong);
}

TEST_CASE("B2: the report's function is not convex near x₁ = 0, the intended one is convex on the whole square") {
  const Tensor x = random_uniform({63, 0}, {400, 2});
  const Tensor jacobians = map_jacobian(printed_gradient, x);
  // det = 12x₁²(3 - 2x₂) - 1/4
  const Tensor first = slice(x, 1, 0, 1), second = slice(x, 1, 1, 2);
  const Tensor determinant = reshape(12.0 * square(first) * (3.0 - 2.0 * second) - 0.25, {400});
  const SignedLogdet engine = slogdet(jacobians);
  CHECK(mismatch(engine.sign * exp(engine.logabs), determinant, kRounding) == "");
  CHECK(certify(printed_gradient, x).smallest_eigenvalue < -0.1);
  // It changes sign between x₁ = 0.083 (x₂ = 0) and x₁ = 0.144 (x₂ = 1).
  const auto smallest_at = [](double a, double b) {
    return smallest_eigenvalues(map_jacobian(printed_gradient, tensor({{a, b}}))).item();
  };
  CHECK(smallest_at(0.083, 0) < 0);
  CHECK(smallest_at(0.084, 0) > 0);
  CHECK(smallest_at(0.144, 1) < 0);
  CHECK(smallest_at(0.145, 1) > 0);
  const auto intended = [](const Tensor& p) { return gradient_map(polynomial(half_square_of_first), p); };
  CHECK(certify(intended, x).accepts());
}

TEST_CASE("B3: the derivative of z_L lacks an identity, and equation (14) does not") {
  const auto model = enlarged(CascadedMgn<Tanh>::random({64, 0}, 3, 5, 3, 2));
  const Tensor x = random_normal({65, 0}, {6, 3});
  const auto linear = [&](const Tensor& p) { return matmul(p, transpose(model.weight)); };
  const auto last = [&](const Tensor& p) {  // z_L by (12), with b_L = 0
    Tensor z = linear(p) + model.biases[0];
    for (std::size_t l = 1; l <= model.biases.size(); ++l)
      z = linear(p) + tanh(z) + (l < model.biases.size() ? model.biases[l] : zeros({5}));
    return z;
  };
  const Tensor bracket = reshape(model.unit_slopes(linear(x)), {6, 5, 1});  // Σ_i Π_l J_l
  const Tensor engine = map_jacobian(last, x);
  CHECK(max_abs(bracket * model.weight - engine) > kWrong);
  CHECK(mismatch((1.0 + bracket) * model.weight, engine, kRounding) == "");
  CHECK(mismatch(bracket * model.weight + model.weight, engine, kRounding) == "");
  const Tensor expected = map_jacobian(model, x);
  CHECK(mismatch(matmul(transpose(model.weight), bracket * model.weight) + model.linear.gram(), expected,
                 rounding_tolerance(DType::Float64, max_abs(expected), 60)) == "");
}

TEST_CASE("B4: M-MGN needs σ_k = ∇s_k; with any other σ_k (16) is not the Jacobian, and that is not symmetric") {
  const Tensor x = random_normal({66, 0}, {30, 3});
  const auto right = enlarged(ModularMgn<LogCosh>::random({67, 0}, 3, 5, 2, 3));
  const ModularMgn<AnySigma> wrong{right.modules, right.linear, right.offset};
  const auto gap = [&](const auto& model) {
    const Tensor jacobian = map_jacobian(model, x);
    return max_abs(model.jacobian(x) - jacobian) / max_abs(jacobian);
  };
  CHECK(gap(right) < 1e-13);
  CHECK(gap(wrong) > kWrong);
  CHECK(certify(right, x).accepts());
  CHECK(certify(wrong, x).largest_asymmetry > kWrong);
}

TEST_CASE("B6: of the two networks of \"90 parameters\" one has 90, and the other 80 or 106") {
  const auto modules = [](std::int64_t count) {
    return count_parameters(ModularGradNet<Softmax, FreeGain>::random({68, 0}, 2, 8, count));
  };
  CHECK(count_parameters(CascadedGradNet<Tanh, FreeGain>::random({68, 0}, 2, 8, 3)) == 90);
  CHECK(modules(3) == 80);
  CHECK(modules(4) == 106);
}

TEST_CASE("B8: the mean of two marginal distances is 0 for clouds that lie far apart") {
  // The second coordinate is shuffled: the same marginals, and no correlation instead of 0.9.
  const std::int64_t n = 200;
  const Tensor a = random_normal({69, 0}, {n, 1}), b = 0.9 * a + std::sqrt(0.19) * random_normal({69, 1}, {n, 1});
  const Tensor cloud = concat({a, b}, 1), shuffled = concat({a, gather(b, random_permutation({69, 2}, n))}, 1);
  const auto coordinate = [&](const Tensor& x, std::int64_t i) { return reshape(slice(x, 1, i, i + 1), {n}); };
  double score = 0;
  for (const std::int64_t i : {0, 1})
    score += 0.5 * wasserstein_1d(coordinate(cloud, i), coordinate(shuffled, i)).item();
  CHECK(score == 0);
  CHECK(wasserstein_exact(cloud, shuffled, 1) > 0.3);
}

// Residual and log-sum-exp potentials: convexity, the closed forms of one layer, parameter counts.
#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "models/log_sum_exp.h"
#include "models/residual_icnn.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

using Even = Symmetrized<Offset<GaussianSoftplus>>;
using Residual = ResidualIcnn<Softplus>;
using EvenResidual = ResidualIcnn<Offset<GaussianSoftplus>, Even>;

template <class Model>
Model made(DType dtype = DType::Float64) {
  if constexpr (std::is_same_v<Model, LogSumExp>) {
    return LogSumExp::random({30, 0}, 3, 6, dtype);
  } else {
    Model model = Model::random({31, 0}, 3, 6, 3, dtype);
    model.initialize_from(random_normal({32, 0}, {100, 3}, dtype));
    return model;
  }
}

}  // namespace

TEST_CASE_TEMPLATE("residual and log-sum-exp potentials are convex along segments, in both precisions", Model, Residual,
                   EvenResidual, LogSumExp) {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Model potential = made<Model>(dtype);
    const Tensor a = 3.0 * random_normal({33, 0}, {200, 3}, dtype), b = 3.0 * random_normal({33, 1}, {200, 3}, dtype);
    CHECK(potential(a).shape() == Shape{200, 1});
    CHECK(potential(a).dtype() == dtype);
    const double rounding = rounding_tolerance(dtype, testing::max_abs(potential(a)), 60);
    for (double gap : convexity_gap(potential, a, b, 0.3).template to_vector<double>()) CHECK(gap >= -rounding);
  }
}

TEST_CASE_TEMPLATE("they stay convex with weights of any sign and size", Model, Residual, EvenResidual, LogSumExp) {
  Model potential = made<Model>();
  std::uint64_t counter = 0;
  potential.for_each_parameter([&](const std::string&, Tensor& parameter) {
    parameter = random_normal({34, counter++}, parameter.shape());
  });
  const Certificate certificate = certify(GradientMap<Model>{potential}, random_normal({35, 0}, {60, 3}));
  CHECK_MESSAGE(certificate.accepts(), certificate.message());
}

TEST_CASE("gradient and Hessian of log-sum-exp are the mean and the covariance of its rows under the softmax") {
  const auto u = made<LogSumExp>();
  const Tensor x = random_normal({36, 0}, {7, 3}), weight = u.affine.weight;
  const Tensor p = softmax(u.affine(x)), mean_row = matmul(p, weight);
  CHECK(mismatch(gradient_map(u, x), mean_row, rounding_tolerance(DType::Float64, 1, 12)) == "");
  const Tensor second = matmul(transpose(weight), expand_axis(p, -1) * weight);
  const Tensor covariance = second - expand_axis(mean_row, -1) * expand_axis(mean_row, -2);
  CHECK(mismatch(map_jacobian(GradientMap<LogSumExp>{u}, x), covariance, rounding_tolerance(DType::Float64, 1, 12)) ==
        "");
}

TEST_CASE("log-sum-exp lies between the largest affine function and that plus the logarithm of their number") {
  const auto u = made<LogSumExp>();
  const Tensor x = 50.0 * random_normal({37, 0}, {40, 3});
  const Tensor excess = u(x) - max(u.affine(x), {-1}, true);
  CHECK(min(excess).item() >= 0);
  CHECK(max(excess).item() <= std::log(6.0) * (1 + 1e-12));
}

TEST_CASE("parameters are as many as the formulas say") {
  CHECK(count_parameters(LogSumExp::random({1, 0}, 5, 7)) == (5 + 1) * 7);
  for (const std::int64_t d : {2, 5})
    for (const std::int64_t h : {4, 7})
      for (const std::int64_t layers : {1, 2, 4})
        CHECK(count_parameters(Residual::random({1, 0}, d, h, layers)) ==
              (d + 3) * h + (layers - 1) * (2 * h * h + (d + 5) * h) + h + d + 1);
}

TEST_CASE("the shortcut hands on the features: with positive weights near zero, layers add affine functions only") {
  // softplus(-60) is 1e-26, so z_k = s(AN(z_{k-1} + W x + Q's bias / h)) to rounding.
  auto u = Residual::random({38, 0}, 2, 5, 2);
  u.layers[0].out_of.raw.weight = full({5, 5}, -60);
  const Tensor x = random_normal({38, 1}, {9, 2});
  const Tensor z = softplus(u.first_norm(u.first(x)));
  const auto& layer = u.layers[0];
  const Tensor expected = u.output(softplus(layer.norm(z + layer.x_path(x) + *layer.out_of.raw.bias / 5.0)), x);
  CHECK(mismatch(u(x), expected, rounding_tolerance(DType::Float64, 10, 10)) == "");
}

TEST_CASE("the data-dependent start of a residual network gives every norm outputs of mean 0 and deviation 1") {
  const Tensor x = 4.0 * random_normal({39, 0}, {300, 3}) + 1.0;
  auto u = Residual::random({39, 1}, 3, 6, 3);
  u.initialize_from(x);
  CHECK(std::sqrt(variance(u(x)).item()) == doctest::Approx(1).epsilon(0.02));
  const Tensor z = softplus(u.first_norm(u.first(x))), inner = u.layers[0].inner_norm(u.layers[0].into(z));
  CHECK(testing::max_abs(mean(inner, {0})) < 1e-9);
  CHECK(mismatch(sqrt(variance(inner, {0})), ones({6}), 2e-3) == "");
}

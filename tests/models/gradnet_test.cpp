// Gradient networks with gains: closed Jacobians, potentials, monotone for positive gains, and the sign-free control that
// must fail (paper facts: oracle 9).
#include "models/gradnet.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::max_abs;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

constexpr std::int64_t kDim = 3, kUnits = 5, kDepth = 3;  // layers or modules

// Parameters of size one, raw gains of both signs.
template <class Model>
Model network(DType dtype = DType::Float64) {
  Model model = Model::random({51, 0}, kDim, kUnits, kDepth, dtype);
  std::uint64_t counter = 100;
  model.for_each_parameter([&](const std::string&, Tensor& parameter) {
    parameter = random_normal({51, counter++}, parameter.shape(), dtype);
  });
  return model;
}

double rounding_of(const Tensor& values) { return rounding_tolerance(values.dtype(), 2 * max_abs(values), 80); }

Tensor loop() {
  const Tensor t = 2 * 3.14159265358979 / 12 * arange(12);
  return stack({cos(t), sin(t), sin(2.0 * t)}, 1);
}

#define BRENIER_MONOTONE_GRADNETS                                                                    \
  MonotoneCascadedGradNet<Tanh>, MonotoneCascadedGradNet<Softplus>, MonotoneModularGradNet<Softmax>, \
      MonotoneModularGradNet<SymmetricSoftmax>
#define BRENIER_FREE_GRADNETS \
  CascadedGradNet<Tanh, FreeGain>, ModularGradNet<Softmax, FreeGain>, ModularGradNet<SymmetricSoftmax, FreeGain>

}  // namespace

TEST_CASE_TEMPLATE("closed Jacobians of gradient networks are those of the engine", Model, BRENIER_MONOTONE_GRADNETS,
                   BRENIER_FREE_GRADNETS) {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Model model = network<Model>(dtype);
    const Tensor x = random_normal({52, 0}, {7, kDim}, dtype), expected = map_jacobian(model, x);
    CHECK(mismatch(model.jacobian(x), expected, 2 * rounding_of(expected)) == "");
  }
}

TEST_CASE_TEMPLATE("a gradient network is the gradient of its potential, whatever the sign of its gains", Model,
                   BRENIER_MONOTONE_GRADNETS, BRENIER_FREE_GRADNETS) {
  const Model model = network<Model>();
  const Tensor x = random_normal({53, 0}, {8, kDim}), values = model(x);
  const auto potential = [&](const Tensor& at) {
    if constexpr (requires { model.potential(at); })
      return model.potential(at);
    else
      return model.potential(at, gauss_legendre(128));
  };
  CHECK(mismatch(gradient_map(potential, x), values, 20 * rounding_of(values)) == "");
  CHECK(std::abs(loop_integral(model, loop(), gauss_legendre(64)).item()) < 1e-11 * max_abs(model(loop())));
}

TEST_CASE_TEMPLATE("positive gains make the gradient of a convex function, for any raw parameters", Model,
                   BRENIER_MONOTONE_GRADNETS) {
  static_assert(Model::is_monotone);
  const Certificate certificate = certify(network<Model>(), 2.0 * random_normal({54, 0}, {60, kDim}));
  CHECK_MESSAGE(certificate.accepts(), certificate.message());
}

TEST_CASE_TEMPLATE("sign-free gradient networks are symmetric and not monotone", Model, BRENIER_FREE_GRADNETS) {
  static_assert(!Model::is_monotone);
  const Certificate certificate = certify(network<Model>(), 2.0 * random_normal({55, 0}, {60, kDim}));
  CHECK_FALSE(certificate.accepts());
  CHECK(certificate.largest_asymmetry <= certificate.tolerance);
  CHECK(certificate.smallest_eigenvalue < -0.05);
  CHECK(certificate.monotonicity_violations > 0);
}

TEST_CASE("most published starts of sign-free networks are not monotone either") {
  int rejected = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto model = CascadedGradNet<Tanh, FreeGain>::random({seed, 0}, 2, 8, 3);
    rejected += !certify(model, random_normal({seed, 99}, {50, 2})).accepts();
  }
  CHECK(rejected > 5);
}

TEST_CASE("parameter counts of gradient networks are those of the published sizes") {
  CHECK(count_parameters(MonotoneCascadedGradNet<Tanh>::random({1, 0}, 2, 7, 4)) == 100);
  CHECK(count_parameters(MonotoneModularGradNet<Softmax>::random({1, 0}, 2, 7, 4)) == 94);
  CHECK(count_parameters(CascadedGradNet<Tanh, FreeGain>::random({1, 0}, 2, 8, 3)) == 90);
  CHECK(count_parameters(ModularGradNet<Softmax, FreeGain>::random({1, 0}, 2, 8, 3)) == 80);
}

TEST_CASE_TEMPLATE("vector activations are gradients, with their Hessians", F, Softmax, SymmetricSoftmax) {
  const Tensor z = 2.0 * random_normal({56, 0}, {6, 4}), weight = random_normal({56, 1}, {4, 3});
  const auto value = [](const Tensor& at) { return F::value(at); };
  const auto gradient = [](const Tensor& at) { return F::gradient(at); };
  CHECK(mismatch(F::gradient(z), gradient_map(value, z), rounding_tolerance(DType::Float64, 2, 20)) == "");
  const Tensor hessian = matmul(matmul(transpose(weight), map_jacobian(gradient, z)), weight);
  CHECK(mismatch(F::hessian(weight, z), hessian, rounding_of(hessian)) == "");
  CHECK(F::value(z).shape() == Shape{6, 1});
}

TEST_CASE_TEMPLATE("a row's result does not depend on the other rows of its batch", Model, BRENIER_MONOTONE_GRADNETS) {
  const Model model = network<Model>();
  const Tensor x = random_normal({57, 0}, {5, kDim});
  const Tensor others = concat({slice(x, 0, 0, 1), 100.0 * slice(x, 0, 1, 5)}, 0);
  CHECK(max_abs(slice(model(x), 0, 0, 1) - slice(model(others), 0, 0, 1)) == 0);
}

TEST_CASE("a gradient network of size zero is refused by its name") {
  using Cascaded = MonotoneCascadedGradNet<Tanh>;
  using Modular = MonotoneModularGradNet<Softmax>;
  const auto message = [](auto type, std::int64_t dim, std::int64_t units, std::int64_t depth) {
    using Model = decltype(type);
    return testing::message_of([=] { Model::random({1, 0}, dim, units, depth); });
  };
  CHECK(testing::lacks(message(Cascaded(), 0, 2, 2), {"[CascadedGradNet]", "dim", "0"}) == "");
  CHECK(testing::lacks(message(Cascaded(), 2, 0, 2), {"[CascadedGradNet]", "units", "0"}) == "");
  CHECK(testing::lacks(message(Cascaded(), 2, 2, 0), {"[CascadedGradNet]", "layers", "0"}) == "");
  CHECK(testing::lacks(message(Modular(), 0, 2, 2), {"[ModularGradNet]", "dim", "0"}) == "");
  CHECK(testing::lacks(message(Modular(), 2, -3, 2), {"[ModularGradNet]", "units", "-3"}) == "");
  CHECK(testing::lacks(message(Modular(), 2, 2, 0), {"[ModularGradNet]", "modules", "0"}) == "");
}

// Monotone gradient networks: closed Jacobians, potentials, what is promised for every value of the parameters, and the
// negative control (paper facts: oracle 9).
#include "models/mgn.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "models/certificates.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::max_abs;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

constexpr std::int64_t kDim = 3, kUnits = 5, kDepth = 3;  // layers or modules

// Parameters of size one, so that nothing is nearly linear.
template <class Model>
Model network(std::int64_t rank = kDim, DType dtype = DType::Float64) {
  Model model = Model::random({41, 0}, kDim, kUnits, kDepth, rank, dtype);
  std::uint64_t counter = 100;
  model.for_each_parameter([&](const std::string& name, Tensor& parameter) {
    if (name != "linear.factor") parameter = random_normal({41, counter++}, parameter.shape(), dtype);
  });
  return model;
}

// Where eigenvalues of a batch of matrices start, up to rounding.
double rounding_of(const Tensor& jacobians) { return rounding_tolerance(jacobians.dtype(), max_abs(jacobians), 60); }

// A closed space curve that no plane contains.
Tensor loop() {
  const Tensor t = 2 * 3.14159265358979 / 12 * arange(12);
  return stack({cos(t), sin(t), sin(2.0 * t)}, 1);
}

// σ is not the gradient of s: what the definition without that condition allows (models/ERRATA.md, B4).
struct Unmatched {
  static Tensor value(const Tensor& z) { return LogCosh::value(z); }
  static Tensor gradient(const Tensor& z) { return sigmoid(z); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) { return ridge_jacobian(weight, Sigmoid::slope(z)); }
};

#define BRENIER_MGNS CascadedMgn<Tanh>, CascadedMgn<Sigmoid>, CascadedMgn<Softplus>, ModularMgn<LogCosh>

}  // namespace

TEST_CASE_TEMPLATE("the closed Jacobians (14) and (16) are those of the engine", Model, BRENIER_MGNS) {
  for (DType dtype : {DType::Float32, DType::Float64})
    for (std::int64_t rank : {std::int64_t{0}, std::int64_t{1}, kDim}) {
      const Model model = network<Model>(rank, dtype);
      const Tensor x = random_normal({42, 0}, {7, kDim}, dtype);
      const Tensor expected = map_jacobian(model, x);
      CHECK(mismatch(model.jacobian(x), expected, rounding_of(expected)) == "");
    }
}

TEST_CASE("the Jacobian of C-MGN is the sum of products of (14), written out") {
  const auto model = network<CascadedMgn<Tanh>>();
  const Tensor x = random_normal({43, 0}, {6, kDim});
  std::vector<Tensor> slopes;  // σ'(z_0), …, σ'(z_{L-1}), of each row
  Tensor z = matmul(x, transpose(model.weight)) + model.biases[0];
  for (std::size_t l = 0; l < model.biases.size(); ++l) {
    if (l > 0) z = matmul(x, transpose(model.weight)) + tanh(z) + model.biases[l];
    slopes.push_back(1.0 / square(0.5 * (exp(z) + exp(-z))));
  }
  Tensor bracket = zeros({6, kUnits});
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    Tensor product = ones({6, kUnits});
    for (std::size_t l = i; l < slopes.size(); ++l) product = product * slopes[l];
    bracket = bracket + product;
  }
  const Tensor diagonal = reshape(bracket, {6, kUnits, 1}) * eye(kUnits);
  const Tensor printed = matmul(matmul(transpose(model.weight), diagonal), model.weight) +
                         matmul(transpose(model.linear.factor), model.linear.factor);
  CHECK(mismatch(model.jacobian(x), printed, rounding_of(printed)) == "");
}

TEST_CASE_TEMPLATE("no eigenvalue is below the smallest one of the Gram matrix of V, of full rank or not", Model,
                   BRENIER_MGNS) {
  const Tensor x = 2.0 * random_normal({44, 0}, {60, kDim});
  for (std::int64_t rank : {std::int64_t{1}, kDim}) {
    const Model model = network<Model>(rank);
    const double floor = select(symmetric_eigen(model.linear.gram()).values, -1, 0).item();
    CHECK((rank < kDim ? std::abs(floor) < 1e-14 : floor > 1e-3));
    const Certificate certificate = certify(model, x);
    CHECK(certificate.smallest_eigenvalue >= floor - rounding_of(map_jacobian(model, x)));
    CHECK_MESSAGE(certificate.accepts(), certificate.message());
  }
}

TEST_CASE_TEMPLATE("an MGN is the gradient of its potential", Model, BRENIER_MGNS) {
  const Model model = network<Model>();
  const Tensor x = random_normal({45, 0}, {8, kDim});
  // Poles of tanh lie half π off the path, at distances of order one: 96 nodes leave rounding only.
  const auto potential = [&](const Tensor& at) {
    if constexpr (requires { model.potential(at); })
      return model.potential(at);
    else
      return model.potential(at, gauss_legendre(96));
  };
  const Tensor values = model(x);
  CHECK(potential(x).shape() == Shape{8, 1});
  CHECK(mismatch(gradient_map(potential, x), values, rounding_tolerance(DType::Float64, max_abs(values), 500)) == "");
  CHECK(testing::max_abs(potential(zeros({1, kDim})) - potential(zeros({2, kDim}))) == 0);
  const Tensor gaps = convexity_gap(potential, x, flip(x, {0}), 0.3);
  CHECK(min(gaps).item() >= -1e-12);
}

TEST_CASE("the potential of C-MGN is a quadrature, and says so by its convergence") {
  const auto model = network<CascadedMgn<Tanh>>();
  const Tensor x = 2.0 * random_normal({46, 0}, {8, kDim});
  const Tensor exact = model.potential(x, gauss_legendre(128));
  const auto gap = [&](std::int64_t nodes) { return max_abs(model.potential(x, gauss_legendre(nodes)) - exact); };
  CHECK(gap(4) > 1e-4);
  CHECK(gap(16) < 0.1 * gap(4));
  CHECK(gap(64) < 1e-9);
}

TEST_CASE("parameter counts are those of the published sizes") {
  CHECK(count_parameters(CascadedMgn<Sigmoid>::random({1, 0}, 2, 2, 2, 2)) == 14);
  CHECK(count_parameters(ModularMgn<LogCosh>::random({1, 0}, 2, 3, 2, 2)) == 24);
}

TEST_CASE("the sum of ln cosh has the right values and derivatives where cosh overflows") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Tensor z = tensor({{1e4, -1e4}, {0.5, -1.25}, {0.0, 0.0}}, dtype);
    const double far = 2 * (1e4 - std::log(2.0)), near = std::log(std::cosh(0.5)) + std::log(std::cosh(1.25));
    const Tensor expected = reshape(tensor({far, near, 0.0}, dtype), {3, 1});
    CHECK(mismatch(LogCosh::value(z), expected, rounding_tolerance(dtype, 4e4, 4)) == "");
    CHECK(std::isfinite(max_abs(LogCosh::value(z))));
    Tape tape;
    const Tensor watched = tape.watch(z);
    const Tensor slope = grad(sum(LogCosh::value(watched)), watched);
    CHECK(mismatch(slope, tanh(z), rounding_tolerance(dtype, 1, 8)) == "");
    const Tensor curvature = grad(sum(slope), watched);
    CHECK(mismatch(curvature, 1.0 - square(tanh(z)), rounding_tolerance(dtype, 1, 8)) == "");
    CHECK(max_abs(slice(curvature, 0, 0, 1)) == 0);
  }
  // A module there is finite in value and Jacobian: s tanh with s of size 1e4.
  auto model = ModularMgn<LogCosh>::random({47, 0}, 2, 2, 1, 2);
  model.modules[0].weight = eye(2);
  model.modules[0].bias = zeros({2});
  const Tensor far = tensor({{1e4, 1e4}});
  CHECK(mismatch(model(far) - model.linear(far), tensor({{1.0, 1.0}}) * LogCosh::value(far), 1e-8) == "");
  CHECK(std::isfinite(max_abs(model.jacobian(far))));
}

TEST_CASE_TEMPLATE("a row's result does not depend on the other rows of its batch", Model, BRENIER_MGNS) {
  const Model model = network<Model>();
  const Tensor x = random_normal({48, 0}, {5, kDim});
  const Tensor others = concat({slice(x, 0, 0, 1), 100.0 * slice(x, 0, 1, 5)}, 0);
  const Tensor first = slice(model(x), 0, 0, 1);
  CHECK(max_abs(first - slice(model(others), 0, 0, 1)) == 0);
  CHECK(mismatch(model(slice(x, 0, 0, 1)), first, rounding_tolerance(DType::Float64, max_abs(first), 40)) == "");
}

TEST_CASE_TEMPLATE("the integral round a closed curve is 0", Model, BRENIER_MGNS) {
  const Model model = network<Model>();
  const Tensor vertices = loop();
  const double scale = max_abs(model(vertices));
  CHECK(std::abs(loop_integral(model, vertices, gauss_legendre(48)).item()) < 1e-11 * scale);
}

TEST_CASE("a module whose σ is not the gradient of its s is no gradient, and neither is (16) its Jacobian") {
  const auto model = network<ModularMgn<Unmatched>>();
  const Tensor x = random_normal({49, 0}, {40, kDim}), expected = map_jacobian(model, x);
  const Certificate certificate = certify(model, x);
  CHECK_FALSE(certificate.accepts());
  CHECK(certificate.largest_asymmetry > 0.1);
  CHECK(max_abs(model.jacobian(x) - expected) > 0.1);
  CHECK(std::abs(loop_integral(model, loop(), gauss_legendre(48)).item()) > 0.1);
}

TEST_CASE_TEMPLATE("casting to float32 changes results by rounding only", Model, CascadedMgn<Tanh>,
                   ModularMgn<LogCosh>) {
  const Model model = network<Model>();
  const Tensor x = random_normal({50, 0}, {20, kDim}), expected = model(x);
  const Tensor single = cast_parameters(model, DType::Float32)(cast(x, DType::Float32));
  CHECK(single.dtype() == DType::Float32);
  CHECK(mismatch(cast(single, DType::Float64), expected, rounding_tolerance(DType::Float32, max_abs(expected), 60)) ==
        "");
}

TEST_CASE("a model of size zero is refused by its name") {
  const auto cascaded = [](std::int64_t dim, std::int64_t units, std::int64_t layers, std::int64_t rank) {
    return testing::message_of([=] { CascadedMgn<Tanh>::random({1, 0}, dim, units, layers, rank); });
  };
  CHECK(testing::lacks(cascaded(0, 2, 2, 2), {"[CascadedMgn]", "dim", "0"}) == "");
  CHECK(testing::lacks(cascaded(2, 0, 2, 2), {"[CascadedMgn]", "units", "0"}) == "");
  CHECK(testing::lacks(cascaded(2, 2, -1, 2), {"[CascadedMgn]", "layers", "-1"}) == "");
  CHECK(testing::lacks(cascaded(2, 2, 2, -1), {"[GramLinear]", "-1"}) == "");
  CHECK(cascaded(2, 2, 2, 0) == "");
  const auto modular = [](std::int64_t dim, std::int64_t units, std::int64_t modules, std::int64_t rank) {
    return testing::message_of([=] { ModularMgn<LogCosh>::random({1, 0}, dim, units, modules, rank); });
  };
  CHECK(testing::lacks(modular(0, 2, 2, 2), {"[ModularMgn]", "dim", "0"}) == "");
  CHECK(testing::lacks(modular(2, 0, 2, 2), {"[ModularMgn]", "units", "0"}) == "");
  CHECK(testing::lacks(modular(2, 2, 0, 2), {"[ModularMgn]", "modules", "0"}) == "");
  CHECK(modular(2, 2, 2, 0) == "");
}

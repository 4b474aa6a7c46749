// Convex potentials: closed forms for one layer, convexity, published parameter counts (paper facts: oracles 2 and 12).
#include "models/icnn.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "models/normalized_icnn.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

// One of each kind, with its norms started from data where it has any.
template <class Model>
Model made(DType dtype, std::int64_t dim = 3) {
  if constexpr (requires { Model::random(RandomKey(1, 0), dim, 6, dtype); }) {
    return Model::random(RandomKey(17, 0), dim, 6, dtype);
  } else {
    Model model = Model::random(RandomKey(17, 0), dim, 6, 3, dtype);
    if constexpr (requires(const Tensor& x) { model.initialize_from(x); })
      model.initialize_from(random_normal({18, 0}, {100, dim}, dtype));
    return model;
  }
}

using SymmetricAugmented = AugmentedIcnn<Softplus, Symmetrized<Softplus>>;
using Even = Symmetrized<Offset<GaussianSoftplus>>;
#define BRENIER_ALL_ICNNS                                                                                             \
  ShallowIcnn<Softplus>, ShallowIcnn<Relu>, Icnn<Softplus>, Icnn<Relu>, Icnn<LaplaceSoftplus, Symmetrized<Softplus>>, \
      NormalizedIcnn<Softplus>, NormalizedIcnn<Offset<GaussianSoftplus>, Even>,                                       \
      AugmentedIcnn<Offset<GaussianSoftplus>, Even>, AugmentedIcnn<Softplus>, DenseIcnn<Softplus>,                    \
      DenseIcnn<Offset<GaussianSoftplus>, Even>

std::int64_t published_augmented_count(std::int64_t d, std::int64_t h, std::int64_t layers) {
  return (d + 1) * h + (layers - 1) * (h * h + h) / 2 + h + (layers - 1) * (d + 1) * h + d + (layers - 1) * h + 1;
}

}  // namespace

TEST_CASE_TEMPLATE("every potential is convex along random segments, in both precisions", Model, BRENIER_ALL_ICNNS) {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    const Model potential = made<Model>(dtype);
    const Tensor a = 3.0 * random_normal({20, 0}, {300, 3}, dtype), b = 3.0 * random_normal({20, 1}, {300, 3}, dtype);
    CHECK(potential(a).shape() == Shape{300, 1});
    CHECK(potential(a).dtype() == dtype);
    const double rounding = rounding_tolerance(dtype, testing::max_abs(potential(a)), 40);
    for (double t : {0.5, 0.1, 0.8})
      for (double gap : convexity_gap(potential, a, b, t).template to_vector<double>()) CHECK(gap >= -rounding);
  }
}

TEST_CASE_TEMPLATE("every gradient map passes the certificate", Model, BRENIER_ALL_ICNNS) {
  const GradientMap<Model> map{made<Model>(DType::Float64)};
  const Certificate certificate = certify(map, 2.0 * random_normal({21, 0}, {60, 3}));
  CHECK_MESSAGE(certificate.accepts(), certificate.message());
}

TEST_CASE_TEMPLATE("a potential with trained weights of any sign stays convex", Model, Icnn<Softplus>,
                   SymmetricAugmented, DenseIcnn<Softplus>) {
  Model potential = made<Model>(DType::Float64);
  std::uint64_t counter = 0;
  potential.for_each_parameter([&](const std::string&, Tensor& parameter) {
    parameter = 2.0 * random_normal({22, counter++}, parameter.shape());
  });
  const Certificate certificate = certify(GradientMap<Model>{potential}, random_normal({23, 0}, {60, 3}));
  CHECK_MESSAGE(certificate.accepts(), certificate.message());
}

TEST_CASE("gradient and Hessian of a one-layer ICNN are the closed forms") {
  // u = v·s(Wx + b) + a·x: ∇u = Wᵀ(v ⊙ s') + a, ∇²u = Wᵀ diag(v s'') W, with s' = σ and s'' = σ(1 - σ).
  const auto icnn = Icnn<Softplus>::random({30, 0}, 3, 5, 1);
  const Tensor x = random_normal({31, 0}, {7, 3});
  const Tensor weight = icnn.first.weight, v = icnn.output.z_path.weight(), a = icnn.output.x_path.weight;
  const Tensor s = sigmoid(icnn.first(x));
  CHECK(mismatch(gradient_map(icnn, x), matmul(v * s, weight) + a, rounding_tolerance(DType::Float64, 2, 8)) == "");

  const Tensor curvature = reshape(v * s * (1.0 - s), {7, 5, 1});
  const Tensor hessian = matmul(transpose(weight), curvature * weight);
  Tape tape;
  const Tensor input = tape.watch(x);
  CHECK(mismatch(batch_hessian(icnn(input), input), hessian, rounding_tolerance(DType::Float64, 1, 8)) == "");
  CHECK(mismatch(map_jacobian(GradientMap<Icnn<Softplus>>{icnn}, x), hessian,
                 rounding_tolerance(DType::Float64, 1, 8)) == "");
  // Reverse over reverse along one direction, the same for all rows.
  const Tensor direction = tensor({1.0, -2.0, 0.5});
  const Tensor g = grad(sum(icnn(input)), input);
  CHECK(mismatch(grad(sum(g * direction), input), matmul(hessian, direction),
                 rounding_tolerance(DType::Float64, 4, 8)) == "");
}

TEST_CASE("the shallow ICNN has unit output weights and the parameter counts of the paper") {
  const auto icnn = ShallowIcnn<Softplus>::random({40, 0}, 2, 25);
  CHECK(count_parameters(icnn) == 78);
  CHECK(count_parameters(ShallowIcnn<Relu>::random({40, 0}, 2, 4)) == 15);
  const Tensor x = random_normal({41, 0}, {4, 2});
  const Tensor expected = matmul(sigmoid(icnn.hidden(x)), icnn.hidden.weight) + icnn.skip.weight;
  CHECK(mismatch(gradient_map(icnn, x), expected, rounding_tolerance(DType::Float64, 25, 25)) == "");
}

TEST_CASE("the input-augmented ICNN has the published number of parameters for all five tabular sets") {
  struct Row {
    std::int64_t dim, units, layers, flows, published;  // published: the whole flow, without unused parameters
  };
  const Row rows[] = {{6, 512, 5, 10, 5458142},
                      {8, 512, 5, 5, 2754711},
                      {21, 512, 5, 5, 2921332},
                      {43, 256, 5, 2, 378718},
                      {63, 256, 5, 10, 2149886}};
  for (const Row& row : rows) {
    CAPTURE(row.dim);
    const auto icnn = AugmentedIcnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>>::random(
        {1, 0}, row.dim, row.units, row.layers, DType::Float32);
    CHECK(count_parameters(icnn) == published_augmented_count(row.dim, row.units, row.layers));
    // Per flow two weights of the quadratic and the potential; one ActNorm between any two flows and at both ends.
    CHECK(row.flows * (count_parameters(icnn) + 2) + (row.flows + 1) * 2 * row.dim == row.published);
  }
}

TEST_CASE("the data-dependent start gives the potential a standard deviation of one on its batch") {
  const Tensor batch = 5.0 * random_normal({50, 0}, {400, 3}) + 2.0;
  auto potential = AugmentedIcnn<Softplus, Symmetrized<Softplus>>::random({51, 0}, 3, 8, 4);
  const double before = std::sqrt(variance(potential(batch)).item()) / 1.001;  // the scale starts at 1 + 0.001
  potential.initialize_from(batch);
  const double after = std::sqrt(variance(potential(batch)).item());
  CHECK(before != doctest::Approx(1).epsilon(0.05));
  // 1 + 0.001 times the deviation before scaling, which is of the order of 1 to 10 here.
  CHECK(after >= 1);
  CHECK(after <= 1.02);
}

TEST_CASE("the gradient of a gradient map's loss reaches all parameters but the idle constant") {
  const auto icnn = ShallowIcnn<Softplus>::random({60, 0}, 2, 4);
  const Tensor x = random_normal({61, 0}, {9, 2});
  Tape tape;
  const auto recorded = tape.watch(icnn);
  // The input is a constant: it is put on the tape of the parameters.
  const auto slopes = grad(sum(square(gradient_map(recorded, x))), recorded);
  CHECK(testing::max_abs(slopes.hidden.weight) > 0);
  CHECK(testing::max_abs(*slopes.hidden.bias) > 0);
  CHECK(testing::max_abs(slopes.skip.weight) > 0);
  CHECK(slopes.skip.bias->item() == 0);
}

TEST_CASE("gradient_map gives the same values for constant and recorded inputs and parameters") {
  const auto icnn = NormalizedIcnn<Softplus>::random({62, 0}, 2, 4, 2);
  const Tensor x = random_normal({63, 0}, {5, 2});
  const Tensor expected = gradient_map(icnn, x);
  CHECK_FALSE(expected.recorded());
  Tape tape;
  const Tensor by_input = gradient_map(icnn, tape.watch(x));
  const Tensor by_parameters = gradient_map(tape.watch(icnn), x);
  const Tensor by_capture = gradient_map([u = tape.watch(icnn)](const Tensor& y) { return u(y); }, x);
  for (const Tensor& other : {by_input, by_parameters, by_capture}) {
    CHECK(other.tape() == &tape);
    CHECK(other.to_vector<double>() == expected.to_vector<double>());
  }
}

TEST_CASE("an odd width cannot be halved") {
  using Model = AugmentedIcnn<Softplus>;
  CHECK(testing::lacks(testing::message_of([] { Model::random({1, 0}, 2, 5, 2); }), {"[AugmentedIcnn]", "5"}) == "");
}

// Partially convex potentials: convex in x for every context and parameter, not in the context; gates of one at the
// start; parameter counts.
#include "models/partially_convex.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/compile_gradient.h"
#include "models/certificates.h"
#include "tests/support/compare.h"
#include "tests/support/compiled.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::mismatch;

namespace {

using Even = Symmetrized<Offset<GaussianSoftplus>>;
using Vanilla = PartiallyConvexIcnn<Softplus>;
using EvenVanilla = PartiallyConvexIcnn<Offset<GaussianSoftplus>, Even>;
using Augmented = AugmentedPartiallyConvexIcnn<Softplus>;
using EvenAugmented = AugmentedPartiallyConvexIcnn<Offset<GaussianSoftplus>, Even>;
constexpr std::int64_t kDim = 3, kContext = 2;

template <class Model>
Model made(DType dtype = DType::Float64) {
  Model model = Model::random({40, 0}, kDim, kContext, 6, 3, dtype);
  model.initialize_from(random_normal({41, 0}, {100, kDim}, dtype), random_normal({41, 1}, {100, kContext}, dtype));
  return model;
}

// All parameters normal, of any sign.
template <class Model>
Model scrambled() {
  Model model = made<Model>();
  std::uint64_t counter = 0;
  model.for_each_parameter([&](const std::string&, Tensor& parameter) {
    parameter = random_normal({42, counter++}, parameter.shape());
  });
  return model;
}

}  // namespace

TEST_CASE_TEMPLATE("a partially convex potential is convex in x for random parameters and contexts", Model, Vanilla,
                   EvenVanilla, Augmented, EvenAugmented) {
  const Model u = scrambled<Model>();
  const Tensor x = 2.0 * random_normal({43, 0}, {80, kDim}), c = random_normal({43, 1}, {80, kContext});
  const Certificate jacobians =
      certificate_of(x, gradient_map(u.at(c), x), map_jacobian(GradientMap{u.at(c)}, x), {0, 0});
  CHECK(jacobians.smallest_eigenvalue >= -jacobians.tolerance * jacobians.largest_norm);
  CHECK(jacobians.largest_asymmetry <= jacobians.tolerance);
  // Pairs of points need one context.
  const Certificate pairs = certify(GradientMap{u.at(slice(c, 0, 0, 1))}, x);
  CHECK_MESSAGE(pairs.accepts(), pairs.message());
  const Tensor y = 2.0 * random_normal({43, 2}, {80, kDim});
  CHECK(min(convexity_gap(u.at(c), x, y, 0.4)).item() >= -1e-10 * testing::max_abs(u(x, c)));
}

TEST_CASE_TEMPLATE("it need not be convex in the context: the negative control", Model, Vanilla, Augmented) {
  const Model u = scrambled<Model>();
  const Tensor a = random_normal({44, 0}, {80, kContext}), b = random_normal({44, 1}, {80, kContext});
  const Tensor x = broadcast_to(random_normal({44, 2}, {1, kDim}), {80, kDim});
  const Tensor gaps = convexity_gap([&](const Tensor& c) { return u(x, c); }, a, b, 0.5);
  CHECK(min(gaps).item() < -1e-3 * testing::max_abs(u(x, a)));
  CHECK(max(gaps).item() > 1e-3 * testing::max_abs(u(x, a)));
}

TEST_CASE_TEMPLATE("at the start all gates are one: without the paths D the context does nothing", Model, Vanilla,
                   Augmented) {
  Model u = made<Model>();
  for (auto& layer : u.layers) layer.context_path = zero_linear(6, 6, DType::Float64);
  const Tensor x = random_normal({45, 0}, {9, kDim});
  const Tensor c = 3.0 * random_normal({45, 1}, {9, kContext}), other = random_normal({45, 2}, {9, kContext});
  CHECK(mismatch(u(x, c), u(x, other), 1e-13 * testing::max_abs(u(x, c))) == "");
  const auto gates = ContextGates::open(4, 6, kDim, DType::Float64);
  const Tensor z = random_normal({45, 3}, {9, 6}), context = random_normal({45, 4}, {9, 4});
  CHECK(mismatch(gates.on_z(z, context), z, 1e-15 * testing::max_abs(z)) == "");
  CHECK(mismatch(gates.on_x(x, context), x, 0) == "");
}

TEST_CASE("parameters are as many as the formulas say") {
  for (const std::int64_t d : {2, 5})
    for (const std::int64_t m : {1, 4})
      for (const std::int64_t h : {4, 6})
        for (const std::int64_t layers : {1, 3}) {
          const std::int64_t ends = h * h + 2 * h + d * h + 2 * d + 1;
          CHECK(count_parameters(Vanilla::random({1, 0}, d, m, h, layers)) ==
                (m + d + 6) * h + (layers - 1) * (3 * h * h + 6 * h + 2 * d * h + d) + ends);
          CHECK(count_parameters(Augmented::random({1, 0}, d, m, h, layers)) ==
                (m + d + 4) * h + (layers - 1) * ((5 * h * h + 9 * h) / 2 + 3 * d * h + 2 * d) + ends);
        }
}

TEST_CASE_TEMPLATE("the data-dependent start gives unit deviation, and one context serves all rows", Model, Vanilla,
                   EvenVanilla, Augmented, EvenAugmented) {
  const Tensor x = 3.0 * random_normal({46, 0}, {300, kDim}) + 1.0, c = 2.0 * random_normal({46, 1}, {300, kContext});
  Model u = Model::random({46, 2}, kDim, kContext, 8, 3);
  u.initialize_from(x, c);
  CHECK(std::sqrt(variance(u(x, c)).item()) == doctest::Approx(1).epsilon(0.02));
  const Tensor one = slice(c, 0, 4, 5);
  CHECK(mismatch(u(x, one), u(x, broadcast_to(one, {300, kContext})), 0) == "");
  CHECK(made<Model>(DType::Float32)(cast(x, DType::Float32), cast(c, DType::Float32)).dtype() == DType::Float32);
}

TEST_CASE("derivatives reach all parameters, those of the gates too, and programs repeat them bit for bit") {
  const auto u = made<Augmented>();
  const std::vector<Tensor> data{random_normal({47, 0}, {20, kDim}), random_normal({47, 1}, {20, kContext})};
  const auto loss = [](const Augmented& model, const std::vector<Tensor>& in) {
    return mean(square(gradient_map(model.at(in[1]), in[0]) - in[0]));
  };
  Tape tape;
  const auto recorded = tape.watch(u);
  const auto eager = parameters_of(grad(loss(recorded, {tape.watch(data[0]), data[1]}), recorded));
  const auto compiled = parameters_of(compile_gradient(u, data, loss)(u, data).gradient);
  for (std::size_t i = 0; i < eager.size(); ++i) {
    CAPTURE(eager[i].name);
    CHECK(testing::bit_mismatch(compiled[i].value, eager[i].value) == "");
    CHECK(testing::max_abs(eager[i].value) > 0);
  }
}

TEST_CASE("elu is the identity on the right and e^x - 1 on the left, with slope 1 at 0") {
  Tape tape;
  const Tensor x = tape.watch(tensor({-30.0, -1.0, 0.0, 2.0, 800.0})), y = elu(x);
  CHECK(mismatch(y, tensor({std::expm1(-30.0), std::expm1(-1.0), 0.0, 2.0, 800.0}), 1e-15) == "");
  CHECK(mismatch(grad(sum(y), x), tensor({std::exp(-30.0), std::exp(-1.0), 1.0, 1.0, 1.0}), 1e-15) == "");
}

TEST_CASE("rows that do not fit and odd widths are refused") {
  const auto u = made<Vanilla>();
  CHECK(testing::lacks(testing::message_of([&] {
                         u(ones({4, kDim}), ones({3, kContext}));
                       }),
                       {"[partially convex]", "[4, 3]", "[3, 2]"}) == "");
  CHECK(testing::lacks(testing::message_of([] {
                         Augmented::random({1, 0}, 2, 2, 5, 2);
                       }),
                       {"[AugmentedPartiallyConvexIcnn]", "5"}) == "");
}

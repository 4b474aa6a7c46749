// Training steps of every model as programs: loss and gradient equal those of the eager step bit for bit, at parameters
// and data other than the recorded ones, and a trained model is the same one.
#include <doctest/doctest.h>

#include "engine/compile_gradient.h"
#include "models/gradnet.h"
#include "models/icgn.h"
#include "models/icnn.h"
#include "models/mgn.h"
#include "models/normalized_icnn.h"
#include "solvers/adam.h"
#include "tests/support/compiled.h"

using namespace brenier;
using brenier::testing::bit_mismatch;

namespace {

using Data = std::vector<Tensor>;
constexpr std::int64_t kDim = 3, kBatch = 40;

Data draw(std::uint64_t seed, DType dtype) {
  return {random_normal({seed, 0}, {kBatch, kDim}, dtype), random_normal({seed, 1}, {kBatch, kDim}, dtype)};
}

// The loss of a model that is a map, or of the gradient map of a potential.
template <class Model>
Tensor loss_of(const Model& model, const Data& data) {
  return mean(square(model(data[0]) - data[1]));
}

template <class Model>
typename GradientProgram<Model>::Result eager_step(const Model& model, const Data& data) {
  Tape tape;
  const Model recorded = tape.watch(model);
  const Tensor loss = loss_of(recorded, {tape.watch(data[0]), data[1]});
  return {loss.detached(), grad(loss, recorded)};
}

template <class Model>
std::string compare(const typename GradientProgram<Model>::Result& got,
                    const typename GradientProgram<Model>::Result& expected) {
  if (const std::string wrong = bit_mismatch(got.loss, expected.loss); !wrong.empty()) return "loss: " + wrong;
  const auto slopes = parameters_of(got.gradient), wanted = parameters_of(expected.gradient);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (const std::string wrong = bit_mismatch(slopes[i].value, wanted[i].value); !wrong.empty())
      return wanted[i].name + ": " + wrong;
  return {};
}

template <class Model>
void check_training(Model model, DType dtype) {
  const auto step = compile_gradient(model, draw(1, dtype), loss_of<Model>);
  Model eager_model = model;
  Adam adam, eager_adam;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const Data data = draw(10 + i, dtype);
    const auto got = step(model, data), expected = eager_step(eager_model, data);
    INFO("step ", i);
    CHECK(compare<Model>(got, expected) == "");
    adam.step(model, got.gradient);
    eager_adam.step(eager_model, expected.gradient);
  }
}

template <class Potential>
GradientMap<Potential> map_of(DType dtype) {
  Potential potential = [&] {
    if constexpr (requires { Potential::random({17, 0}, kDim, 6, dtype); })
      return Potential::random({17, 0}, kDim, 6, dtype);
    else
      return Potential::random({17, 0}, kDim, 6, 3, dtype);
  }();
  if constexpr (requires(const Tensor& x) { potential.initialize_from(x); })
    potential.initialize_from(random_normal({18, 0}, {100, kDim}, dtype));
  return {potential};
}

#define BRENIER_POTENTIALS                                                                                    \
  ShallowIcnn<Softplus>, Icnn<Softplus>, Icnn<Relu>, Icnn<LaplaceSoftplus>, NormalizedIcnn<GaussianSoftplus>, \
      AugmentedIcnn<GaussianSoftplus>, AugmentedIcnn<Softplus, Symmetrized<Softplus>>, DenseIcnn<Softplus>

}  // namespace

TEST_CASE_TEMPLATE("a convex potential trains compiled as it trains eagerly, in both precisions", Potential,
                   BRENIER_POTENTIALS) {
  for (DType dtype : {DType::Float32, DType::Float64}) check_training(map_of<Potential>(dtype), dtype);
}

TEST_CASE("an input-convex gradient network trains compiled as it trains eagerly") {
  const auto icgn = OneLayerIcgn<Sigmoid>::random({3, 0}, kDim, 5);
  check_training(icgn, DType::Float64);
  check_training(icgn.with_rule(gauss_legendre(8)), DType::Float64);
}

TEST_CASE_TEMPLATE("monotone gradient networks train compiled as they train eagerly, in both precisions", Model,
                   CascadedMgn<Tanh>, ModularMgn<LogCosh>) {
  for (DType dtype : {DType::Float32, DType::Float64})
    check_training(Model::random({19, 0}, kDim, 6, 3, 2, dtype), dtype);
}

TEST_CASE_TEMPLATE("gradient networks train compiled as they train eagerly, in both precisions", Model,
                   MonotoneCascadedGradNet<Tanh>, MonotoneModularGradNet<Softmax>,
                   MonotoneModularGradNet<SymmetricSoftmax>, ModularGradNet<Softmax, FreeGain>) {
  for (DType dtype : {DType::Float32, DType::Float64}) check_training(Model::random({20, 0}, kDim, 6, 3, dtype), dtype);
}

TEST_CASE("the Hessian of a potential times a vector is a program that many vectors can be given to") {
  const auto map = map_of<AugmentedIcnn<GaussianSoftplus>>(DType::Float64);
  const Data data = draw(2, DType::Float64);
  Tape tape;
  const Tensor x = tape.watch(data[0]), probe = tape.watch(zeros_like(data[0]));
  const Tensor g = map(x);
  const Program hvp = compile({probe}, {jvp(g, x, probe)});
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Tensor v = random_normal({seed, 7}, {kBatch, kDim});
    CHECK(bit_mismatch(hvp(v), jvp(g, x, v).detached()) == "");
  }
}

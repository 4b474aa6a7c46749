// A training step of an input-convex gradient network of one sigmoid layer M(x) = σ(A x + b), 2 inputs, 5 units, 128
// rows, with the integral N(x) = ∫ J(s x)ᵀ J(s x) x ds as a sum over 20 midpoints:
//
//   closed_form   J(s x)ᵀ J(s x) x = Aᵀ diag(σ'²) A x written out
//   quadrature    a tangent and a cotangent sweep through M at every midpoint
//
// Reference: Richter-Powell, Lorraine & Amos, Input convex gradient networks (2021).
#include "bench/workloads/training.h"
#include "models/icgn.h"

namespace brenier::bench {
namespace {

constexpr std::int64_t kBatch = 128, kDim = 2, kUnits = 5, kNodes = 20;

using Hidden = ActivatedLinear<Sigmoid>;

QuadratureRule midpoints() {
  const double count = static_cast<double>(kNodes);
  return {(arange(kNodes, DType::Float32) + 0.5) / count, full({kNodes}, 1 / count, DType::Float32)};
}

struct WrittenOut {
  Hidden hidden;
  QuadratureRule rule;

  Tensor operator()(const Tensor& x) const {
    const Tensor& weight = hidden.affine.weight;
    const Tensor projected = matmul(x, transpose(weight));  // [batch, units]
    const Tensor y = sigmoid(reshape(rule.nodes, {kNodes, 1, 1}) * projected + *hidden.affine.bias);
    return matmul(mean(square(y * (1.0 - y)), {0}) * projected, weight);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("hidden", hidden, visit);
  }
};

template <class Model>
TrainingTask<Model> training() {
  const Model model{with_formula_parameters(Hidden::random({0, 0}, kDim, kUnits, DType::Float32)), midpoints()};
  return {model,
          {formula_tensor(kPoints, {kBatch, kDim}, 1.7), formula_tensor(kTarget, {kBatch, kDim}, 1.0)},
          1e-2,
          [](const Model& map, const Tensors& data) { return Tensors{mean(square(map(data[0]) - data[1]))}; }};
}

}  // namespace

void add_gradient_networks(std::vector<Workload>& list) {
  // x Aᵀ and the product with A, forward, and twice as much backward; at every node where nothing is written out.
  constexpr double kProducts = 2.0 * 3.0 * kBatch * kDim * kUnits;
  add_training<WrittenOut>(list, "e/sigmoid/closed_form", {.flops = 2 * kProducts}, training<WrittenOut>);
  add_training<Icgn<Hidden>>(list, "e/sigmoid/quadrature", {.flops = 3 * kProducts * kNodes}, training<Icgn<Hidden>>);
}

}  // namespace brenier::bench

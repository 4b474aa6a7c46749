// A training step of a cascaded monotone gradient network N towards a point cloud, through Sinkhorn iterations.
//
//   z₁ = W x + b₁,  z_k = W x + tanh(z_{k-1}) + b_k,  N(x) = Wᵀ tanh(z_L) + VᵀV x + b      [128, 784], L = 10
//   L  = Σ P C,  C_ij = |N(x_i) - y_j|²,  P the plan after 100 iterations in the log domain, ε = 50
//
// Least work: ten products with W or V (four forward, six backward), the cost matrix and its adjoint.
// References: Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient networks
// (2023); Cuturi, Sinkhorn distances (2013).
#include "bench/workloads/training.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

constexpr std::int64_t kBatch = 128, kDim = 784, kUnits = 256;
constexpr int kLayers = 10, kSinkhornIterations = 100;
constexpr double kEpsilon = 50;

struct CascadedNetwork {
  Tensor w, v;  // [units, dim]
  std::vector<Tensor> biases;
  Tensor output_bias;

  Tensor operator()(const Tensor& x) const {
    const Tensor wx = matmul(x, transpose(w));
    Tensor z = wx + biases[0];
    for (std::size_t k = 1; k < biases.size(); ++k) z = wx + tanh(z) + biases[k];
    return matmul(tanh(z), w) + matmul(matmul(x, transpose(v)), v) + output_bias;
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("w", w);
    visit("v", v);
    for (std::size_t k = 0; k < biases.size(); ++k) visit(str("biases.", k), biases[k]);
    visit("output_bias", output_bias);
  }
};

// Uniform weights on n and m points.
Tensor transport_cost(const Tensor& x, const Tensor& y) {
  const Tensor cost = sum(square(x), {1}, true) + sum(square(y), {1}) - 2.0 * matmul(x, transpose(y));
  const Tensor scores = cost / -kEpsilon;
  const double log_n = std::log(static_cast<double>(x.dim(0))), log_m = std::log(static_cast<double>(y.dim(0)));
  Tensor f, g = zeros({1, y.dim(0)}, DType::Float32);
  for (int i = 0; i < kSinkhornIterations; ++i) {
    f = -log_n - logsumexp(scores + g, {1}, true);
    g = -log_m - logsumexp(scores + f, {0}, true);
  }
  return sum(exp(scores + f + g) * cost);
}

TrainingTask<CascadedNetwork> training() {
  const Tensor matrix = zeros({kUnits, kDim}, DType::Float32), bias = zeros({kUnits}, DType::Float32);
  return {
      with_formula_parameters(CascadedNetwork{matrix, matrix, Tensors(kLayers, bias), zeros({kDim}, DType::Float32)}),
      {formula_tensor(kPoints, {kBatch, kDim}, 1.7), formula_tensor(kTarget, {kBatch, kDim}, 0.5)},
      3e-4,
      [](const CascadedNetwork& network, const Tensors& data) {
        return Tensors{transport_cost(network(data[0]), data[1])};
      }};
}

}  // namespace

void add_transport(std::vector<Workload>& list) {
  constexpr double kFlops = 2.0 * kBatch * kDim * (10.0 * kUnits + 2.0 * kBatch);
  add_training<CascadedNetwork>(list, "d/tanh/step", {.flops = kFlops}, training);
}

}  // namespace brenier::bench

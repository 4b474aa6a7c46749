// A training step of a cascaded monotone gradient network N by the Sinkhorn divergence of two batches, as the
// experiments with these networks make it: S(N(x), y) by the schedule of solvers/sinkhorn.h, its gradient, Adam.
//
//   m1   784 dimensions, as from noise to digits: 256 units, 10 layers, VᵀV of rank 64, batch 256; blur 0.03
//   m2   the plane, as from one Gaussian to another: 8 units, 3 layers, rank 2, batch 64; blur 0.05
//   m3   the plane, as from a Gaussian to a banana: 16 units, 6 layers, rank 2, batch 256; blur 0.05
//
// Least work: ten products with W or V (four forward, six backward), one of x with y and the halves of two that are
// symmetric, two adjoints.
// The exponentials, 4 batch² in each iteration, are not counted.
// References: Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient networks
// (2023); Feydy et al., Interpolating between optimal transport and MMD using Sinkhorn divergences (2019).
#include "bench/workloads/training.h"
#include "engine/str.h"
#include "models/mgn.h"
#include "solvers/sinkhorn.h"

namespace brenier::bench {
namespace {

struct Size {
  const char* name;
  std::int64_t batch, dim, units, layers, rank;
  double blur;
};

constexpr Size kSizes[] = {
    {"m1", 256, 784, 256, 10, 64, 0.03}, {"m2", 64, 2, 8, 3, 2, 0.05}, {"m3", 256, 2, 16, 6, 2, 0.05}};

using Network = CascadedMgn<Tanh>;

TrainingTask<Network> training(const Size& size) {
  const Network network =
      with_formula_parameters(Network::random({0, 0}, size.dim, size.units, size.layers, size.rank, DType::Float32));
  // The box around both clouds has sides of about 4.
  const SinkhornOptions options{.blur = size.blur, .diameter = 4 * std::sqrt(static_cast<double>(size.dim))};
  return {network,
          {formula_tensor(kPoints, {size.batch, size.dim}, 1.7), formula_tensor(kTarget, {size.batch, size.dim}, 1.0)},
          1e-3,
          [options](const Network& map, const Tensors& data) {
            return Tensors{sinkhorn_divergence(map(data[0]), data[1], options)};
          }};
}

double least_flops(const Size& size) {
  const auto batch = static_cast<double>(size.batch), dim = static_cast<double>(size.dim);
  return 2 * batch * dim * (5.0 * static_cast<double>(size.units + size.rank) + 4 * batch);
}

}  // namespace

void add_couplings(std::vector<Workload>& list) {
  for (const Size& size : kSizes)
    add_training<Network>(list, str(size.name, "/tanh/step"), {.flops = least_flops(size)},
                          [size] { return training(size); });
}

}  // namespace brenier::bench

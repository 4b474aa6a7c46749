// The Sinkhorn divergence of two clouds of n points in d dimensions and its gradient with respect to one of them, by a
// schedule of exactly 100 iterations.
//
//   √ε falls from the diameter of the box, 2√d, to 0.05 √d; four sums over n² exponentials in every iteration
//
// Least work counted: the products of the points, once for each pair of clouds, and the product of the gradient.
#include "solvers/sinkhorn.h"
#include "bench/workloads/recording.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

// Between the first and the last of 100 values of ε lie 98 steps; half a step less keeps rounding from adding one.
SinkhornOptions hundred_iterations(std::int64_t d) {
  const double length = std::sqrt(static_cast<double>(d));
  return {.blur = 0.05 * length, .scaling = std::pow(0.025, 1 / 97.5), .diameter = 2 * length};
}

Formula divergence_and_gradient(std::int64_t d) {
  return [options = hundred_iterations(d)](const Tensors& in) {
    const Tensor value = sinkhorn_divergence(in[0], in[1], options);
    return Tensors{value, grad(value, in[0])};
  };
}

}  // namespace

void add_sinkhorn(std::vector<Workload>& list) {
  for (const auto& [n, d] : {std::pair<std::int64_t, std::int64_t>{1024, 2}, {1024, 784}, {4096, 2}}) {
    const auto make = [n = n, d = d] {
      return recorded(divergence_and_gradient(d),
                      {formula_tensor(kPoints, {n, d}, 1.0), formula_tensor(kTarget, {n, d}, 0.5)});
    };
    list.push_back({.name = str("sinkhorn/", n, "/", d),
                    .work = {.flops = 10.0 * static_cast<double>(n * n * d)},
                    .eager = make,
                    .compiled = {}});
  }
}

}  // namespace brenier::bench

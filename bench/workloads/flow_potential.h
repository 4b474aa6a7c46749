// The potential of one block of a convex potential flow (models/convex_flow.h) with parameters by formula, in the sizes
// of the workloads:
//
//   F(x) = softplus(w₁) u(x) + softplus(w₀) |x|²/2        u an input-augmented ICNN, first activations symmetrised
//
// Least work, in multiply-adds per row: M = d h + (L-1)(h²/2 + d h) + h + d for a forward pass, 2 M for a gradient or
// a Hessian product, 6 M for a double backward, and d/2 + … activations: h for each of L layers.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3.
#pragma once

#include "bench/workloads/recording.h"
#include "models/convex_flow.h"
#include "models/normalized_icnn.h"

namespace brenier::bench {

struct Size {
  const char* name;
  std::int64_t batch, dim, units, layers;

  // Of this many forward passes, with or without the activations.
  Work work(double passes, bool gaussian) const {
    const double multiply_adds =
        static_cast<double>(dim * units + (layers - 1) * (units * units / 2 + dim * units) + units + dim);
    const double rows = static_cast<double>(batch);
    return {.flops = 2.0 * passes * multiply_adds * rows,
            .gaussian_elements = gaussian ? rows * static_cast<double>(units * layers) : 0.0};
  }
  Tensor points() const { return formula_tensor(kPoints, {batch, dim}, 1.7); }  // of variance near 1
  Tensor target() const { return formula_tensor(kTarget, {batch, dim}, 1.7); }
  Tensor direction() const { return formula_tensor(kDirection, {batch, dim}, 1.0); }
};

inline constexpr Size kB1{"b1", 128, 2, 32, 3}, kB2{"b2", 1024, 43, 256, 5}, kB3{"b3", 1024, 6, 512, 5},
    kB4{"b4", 128, 784, 256, 3};

template <ConvexMonotoneActivation A>
using FlowNetwork = AugmentedIcnn<A, Symmetrized<A>>;
template <ConvexMonotoneActivation A>
using FlowPotential = StronglyConvex<FlowNetwork<A>>;

template <ConvexMonotoneActivation A>
FlowPotential<A> formula_potential(const Size& size, DType dtype = DType::Float32) {
  return with_formula_parameters(
      FlowPotential<A>::around(FlowNetwork<A>::random({0, 0}, size.dim, size.units, size.layers, dtype), dtype));
}

// Whether softplus in the bound is the Gaussian one.
template <class A>
inline constexpr bool is_gaussian = std::is_same_v<A, GaussianSoftplus>;

}  // namespace brenier::bench

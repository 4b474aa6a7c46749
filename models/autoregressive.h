// Affine autoregressive flows: every coordinate is scaled and shifted by functions of those before it.
//
//   z_i = m_i(x_<i) + softplus(l_i(x_<i)) x_i      ln |det| = Σ_i ln softplus(l_i)      x_i = (z_i - m_i) / softplus(l_i)
//
// m and l come from one masked network (models/masked.h). The density takes one pass, the inverse d of them, in the order
// of the coordinates. The Jacobian is triangular, so that such a map is the transport of Knothe and Rosenblatt where it
// is a transport at all, and not that of Brenier: with C = L Lᵀ, the one from N(m, C) to N(0, I) costs
// |m|² + tr C + d - 2 tr L, the optimal one |m|² + tr C + d - 2 tr C^½.
//
// Reference: Kingma et al., Improved variational inference with inverse autoregressive flow (2016); Papamakarios,
// Pavlakou & Murray, Masked autoregressive flow (2017). In the form that CP-Flow is compared with.
#pragma once

#include <cstdint>

#include "models/masked.h"

namespace brenier {

// The biases of an output with the blocks m and l at which the flow is the identity: 0 and ln(e - 1).
Tensor identity_biases(std::int64_t dim, DType dtype);

template <Activation A>
struct AffineAutoregressive {
  Made<A> conditioner;  // the blocks are m and l

  // Starts near the identity: the last weights are uniform in ±0.001, the last biases those of the identity. Uses the
  // keys counter … counter + 2 hidden_layers.
  static AffineAutoregressive random(const RandomKey& key, std::int64_t dim, std::int64_t units,
                                     std::int64_t hidden_layers, DType dtype = DType::Float64,
                                     Order order = Order::Natural) {
    auto conditioner = Made<A>::random(key, {dim, units, hidden_layers, 2, order}, dtype);
    conditioner.layers.back().linear.bias = identity_biases(dim, dtype);
    return {conditioner};
  }

  Tensor operator()(const Tensor& x) const {
    const Tensor parameters = conditioner(x);
    return select(parameters, 1, 0) + softplus(select(parameters, 1, 1)) * x;
  }

  Transformed forward(const Tensor& x) const {
    const Tensor parameters = conditioner(x);
    const Tensor scale = softplus(select(parameters, 1, 1));
    return {select(parameters, 1, 0) + scale * x, sum(log(scale), {-1})};
  }

  // In closed form, coordinate by coordinate: d passes through the conditioner.
  Preimage inverse(const Tensor& z) const {
    return exact_preimage(invert_in_order(conditioner, z, [](const Tensor& parameters, const Tensor& image) {
      return (image - select(parameters, 1, 0)) / softplus(select(parameters, 1, 1));
    }));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("conditioner", conditioner, visit);
  }
};

// m and l affine in x_<i: 2d (d + 1) parameters, of which masks leave d (d + 1) in use. The triangular maps between
// Gaussians are among them.
using LinearIaf = AffineAutoregressive<Identity>;
inline LinearIaf linear_iaf(const RandomKey& key, std::int64_t dim, DType dtype = DType::Float64,
                            Order order = Order::Natural) {
  return LinearIaf::random(key, dim, 0, 0, dtype, order);
}

}  // namespace brenier

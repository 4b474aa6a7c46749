// Residual input-convex networks: potentials [batch, d] -> [batch, 1] whose layers add to what they are given.
//
//   z₁ = g(AN(W₁x + b₁))
//   z_k = s(AN(Q_k softplus(AN(P_k z_{k-1})) + z_{k-1} + W_k x))
//   u = scale · (P z_L + w·x)
//
// The inner layer always uses the logistic softplus, whatever s is; P_k and W_k have no bias, Q_k has one. Identity is
// a non-negative weight, so the shortcut leaves z_k convex. Unlike P_k alone it also hands features on one by one, not
// only their positive averages. After random() call initialize_from(batch) once.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), published code, ResICNN2; He, Zhang,
// Ren & Sun, Deep residual learning (2016), for the idea.
#pragma once

#include <vector>

#include "models/activations.h"
#include "models/convex_layer.h"

namespace brenier {

template <ConvexMonotoneActivation A, ConvexActivation First = A>
struct ResidualIcnn {
  struct Layer {
    NonNegativeLinear into;  // P
    ActNorm inner_norm;
    NonNegativeLinear out_of;  // Q
    Linear x_path;             // W
    ActNorm norm;

    Tensor inner(const Tensor& z) const { return softplus(inner_norm(into(z))); }
    Tensor sum_of(const Tensor& z, const Tensor& x) const { return out_of(inner(z)) + z + x_path(x); }
    Tensor operator()(const Tensor& z, const Tensor& x) const { return A()(norm(sum_of(z, x))); }
    void initialize_from(const Tensor& z, const Tensor& x) {
      inner_norm.initialize_from(into(z));
      norm.initialize_from(sum_of(z, x));
    }

    template <class Visitor>
    void for_each_parameter(Visitor&& visit) {
      visit_parameters("into", into, visit);
      visit_parameters("inner_norm", inner_norm, visit);
      visit_parameters("out_of", out_of, visit);
      visit_parameters("x_path", x_path, visit);
      visit_parameters("norm", norm, visit);
    }
  };

  Linear first;
  ActNorm first_norm;
  std::vector<Layer> layers;
  ConvexLayer<ScaleNorm> output;

  // `hidden_layers` layers of `units` units h; at least one. (d+3)h + (L-1)(2h² + (d+5)h) + h + d + 1 parameters.
  // Uses the keys counter … counter + 3 hidden_layers - 1.
  static ResidualIcnn random(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t hidden_layers,
                             DType dtype = DType::Float64) {
    KeySequence keys(key);
    ResidualIcnn icnn{Linear::random(keys.next(), dim, units, dtype), ActNorm::identity(units, dtype), {}, {}};
    for (std::int64_t k = 1; k < hidden_layers; ++k) {
      const NonNegativeLinear into = NonNegativeLinear::without_bias(keys.next(), units, units, dtype);
      const NonNegativeLinear out_of = NonNegativeLinear::random(keys.next(), units, units, dtype);
      icnn.layers.push_back({into, ActNorm::identity(units, dtype), out_of,
                             Linear::without_bias(keys.next(), dim, units, dtype), ActNorm::identity(units, dtype)});
    }
    icnn.output = convex_output<ScaleNorm>(keys, units, dim, dtype);
    return icnn;
  }

  Tensor operator()(const Tensor& x) const {
    Tensor z = First()(first_norm(first(x)));
    for (const Layer& layer : layers) z = layer(z, x);
    return output(z, x);
  }

  void initialize_from(const Tensor& x) {
    first_norm.initialize_from(first(x));
    Tensor z = First()(first_norm(first(x)));
    for (Layer& layer : layers) {
      layer.initialize_from(z, x);
      z = layer(z, x);
    }
    output.initialize_from(z, x);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("first", first, visit);
    visit_parameters("first_norm", first_norm, visit);
    visit_parameters("layers", layers, visit);
    visit_parameters("output", output, visit);
  }
};

}  // namespace brenier

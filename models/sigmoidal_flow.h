// Sigmoidal autoregressive flows: every coordinate goes through a mixture of sigmoids, whose slopes, shifts and weights
// are functions of the coordinates before it. This is the deep sigmoidal flow (DSF) of neural autoregressive flows.
//
//   u_k = a_k x + b_k,  a = softplus(raw) + 1e-7,  w = softmax(raw)
//   p = (1 - δ) Σ w_k σ(u_k) + δ/2,   q = (1 - δ) Σ w_k σ(-u_k) + δ/2 = 1 - p,   z = ln p - ln q
//   ln dz/dx = ln Σ w_k a_k σ(u_k) σ(-u_k) + ln(1 - δ) - ln p - ln q
//
// The sum of the last line is taken of logarithms. q has a sum of its own instead of 1 - p: nothing cancels, so that
// δ = 1e-7 serves float32 too although it is less than one of its rounding errors next to 1. δ keeps z within ±16.8:
// images outside have no preimage. Far out, where all sigmoids are within δ of their limits, z hardly moves with x, and x
// is as uncertain as that makes it.
//
// All slopes start at 1: raw biases ln(e - 1). The published code gives this start to the first of the slopes only, by
// a slice that is too short. With shifts near 0 the flow then starts near the identity, whatever the weights.
//
// Reference: Huang, Krueger, Lacoste & Courville, Neural autoregressive flows (2018), section 3.1 and appendix C.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/masked.h"

namespace brenier {

// A mixture of sigmoids for each coordinate: parameters [rows, 3 sigmoids, d] hold raw slopes, shifts and raw weights.
Transformed transform_by_sigmoids(const Tensor& parameters, const Tensor& x);
Tensor mix_sigmoids(const Tensor& parameters, const Tensor& x);  // the value alone
// Output biases [3 sigmoids · dim] at which all slopes are 1: ln(e - 1) added to those of raw slopes.
Tensor with_unit_slopes(const Tensor& biases);

// The inverse coordinate by coordinate, on the host in double, each row by itself, with the outcome of every row.
class SigmoidalInverse {
 public:
  SigmoidalInverse(std::int64_t rows, std::int64_t max_iterations);
  // x_i [rows] from parameters [rows, 3 sigmoids] and z_i [rows], in the dtype of z_i.
  Tensor solve(const Tensor& parameters, const Tensor& images);
  // Iterations of a row are those of all its coordinates, its residual is the largest |f(x)_i - z_i|.
  SolveReport report() const;

 private:
  std::int64_t max_iterations_;
  std::vector<RowOutcome> rows_;
  std::vector<double> worst_images_;  // z_i of the coordinate that gave a row its status
};

template <Activation A>
struct SigmoidalAutoregressive {
  Made<A> conditioner;  // blocks of slopes, shifts and weights, as many of each as there are sigmoids

  // Weights and biases of the last layer start uniform in ±0.001, and slopes at 1. Uses the keys counter … counter +
  // 2 hidden_layers.
  static SigmoidalAutoregressive random(const RandomKey& key, std::int64_t dim, std::int64_t units,
                                        std::int64_t hidden_layers, DType dtype = DType::Float64,
                                        Order order = Order::Natural, std::int64_t sigmoids = 16) {
    auto conditioner = Made<A>::random(key, {dim, units, hidden_layers, 3 * sigmoids, order}, dtype);
    Linear& output = conditioner.layers.back().linear;
    output.bias = with_unit_slopes(*output.bias);
    return {conditioner};
  }

  Tensor operator()(const Tensor& x) const { return mix_sigmoids(conditioner(x), x); }
  Transformed forward(const Tensor& x) const { return transform_by_sigmoids(conditioner(x), x); }

  // By Newton's method within a bracket that is known beforehand, halved where Newton is slow, to rounding. Rows whose z
  // has no preimage are Stagnated and end where the flow has reached its limit; max_iterations is for a coordinate.
  Preimage inverse(const Tensor& z, std::int64_t max_iterations = 200) const {
    SigmoidalInverse inverse(z.dim(0), max_iterations);
    const Tensor x = invert_in_order(conditioner, z, [&](const Tensor& parameters, const Tensor& image) {
      return inverse.solve(parameters, image);
    });
    return {x, inverse.report()};
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("conditioner", conditioner, visit);
  }
};

}  // namespace brenier

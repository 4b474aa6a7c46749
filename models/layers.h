// Building blocks of convex networks: affine maps, affine maps with non-negative weights, normalisation.
//
// Weights are stored [out, in] and inputs are rows: y = x Wᵀ + b. Every block is a plain struct of tensors; `random`
// makes a trainable one, and draws it with exactly the key it is given.
// Reference: Amos, Xu & Kolter, Input convex neural networks (2017); Huang et al., Convex potential flows (2021).
#pragma once

#include <cstdint>
#include <optional>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "models/flow.h"

namespace brenier {

// Keys with successive counters, starting at the given one: one draw each.
class KeySequence {
 public:
  explicit KeySequence(const RandomKey& first)
      : seed_(first.seed), counter_(first.counter.to_vector<std::int64_t>()[0]) {}
  RandomKey next() { return {seed_, static_cast<std::uint64_t>(counter_++)}; }

 private:
  std::uint64_t seed_;
  std::int64_t counter_;
};

// The same model in another precision.
template <HasParameters Model>
Model cast_parameters(Model model, DType dtype) {
  model.for_each_parameter([&](const std::string&, Tensor& parameter) { parameter = cast(parameter, dtype); });
  return model;
}

// x Wᵀ + b, any sign: [rows, in] -> [rows, out].
struct Linear {
  Tensor weight;               // [out, in]
  std::optional<Tensor> bias;  // [out]

  // All entries uniform in ±1/√in, as customary for fully connected layers.
  static Linear random(const RandomKey& key, std::int64_t in, std::int64_t out, DType dtype = DType::Float64);
  static Linear without_bias(const RandomKey& key, std::int64_t in, std::int64_t out, DType dtype = DType::Float64);

  Tensor operator()(const Tensor& x) const;

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("weight", weight);
    if (bias) visit("bias", *bias);
  }
};

// (softplus(R) x + b) / in: non-decreasing in every input, because the weights are positive by construction. The
// division keeps a mean of many convex features at their own size; as published it applies to the bias too.
struct NonNegativeLinear {
  Linear raw;  // R and b

  // R and b uniform in ±1/√in, so that all weights start near ln 2 / in.
  static NonNegativeLinear random(const RandomKey& key, std::int64_t in, std::int64_t out,
                                  DType dtype = DType::Float64);
  static NonNegativeLinear without_bias(const RandomKey& key, std::int64_t in, std::int64_t out,
                                        DType dtype = DType::Float64);

  Tensor weight() const;  // [out, in], positive: softplus(R) / in
  Tensor operator()(const Tensor& x) const;

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("raw", raw, visit);
  }
};

// No normalisation: stands where the others may.
struct NoNorm {
  static NoNorm identity(std::int64_t, DType = DType::Float64) { return {}; }
  void initialize_from(const Tensor&) {}
  Tensor operator()(const Tensor& x) const { return x; }

  template <class Visitor>
  void for_each_parameter(Visitor&&) {}
};

// x (e^l + 0.001) per channel: a positive factor, so convexity survives. Huang et al. 2021, appendix E.1.
struct ScaleNorm {
  Tensor log_scale;  // l, [channels]

  static ScaleNorm identity(std::int64_t channels, DType dtype = DType::Float64);  // l = 0
  // l = -ln(std + 1e-6) over the rows of a batch [rows, channels]: the output's standard deviation is then 1 plus
  // 0.001 of the input's.
  void initialize_from(const Tensor& batch);
  Tensor factor() const;  // e^l + 0.001, [channels]
  Tensor operator()(const Tensor& x) const { return x * factor(); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("log_scale", log_scale);
  }
};

// (x + b)(e^l + 0.001) per channel. There is no hidden first call: initialize_from is the data-dependent start. It is a
// flow too (models/flow.h), whose ln |det| is Σ ln(e^l + 0.001) in every row.
struct ActNorm {
  Tensor shift;  // b, [channels]
  ScaleNorm scale;

  static ActNorm identity(std::int64_t channels, DType dtype = DType::Float64);  // b = 0, l = 0
  // b = -mean; the scale as above.
  void initialize_from(const Tensor& batch);
  Tensor operator()(const Tensor& x) const { return scale(x + shift); }
  Transformed forward(const Tensor& x) const;
  Preimage inverse(const Tensor& z) const;  // in closed form

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("shift", shift);
    visit_parameters("scale", scale, visit);
  }
};

}  // namespace brenier

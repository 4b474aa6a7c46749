// One draw serves a weight matrix and its bias: the bias takes the last numbers of the sample. Initial values are the
// only place with random numbers in this folder.
#include "models/layers.h"

#include <cmath>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

constexpr double kScaleFloor = 0.001;  // keeps the factor of a ScaleNorm away from zero
constexpr double kStdFloor = 1e-6;     // a constant channel has no scale of its own

Tensor uniform_numbers(const RandomKey& key, std::int64_t in, std::int64_t out, std::int64_t count, DType dtype) {
  if (in < 1 || out < 1) throw std::invalid_argument(str("[Linear] a layer from ", in, " to ", out, " units is empty"));
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  return (2.0 * random_uniform(key, {count}, dtype) - 1.0) * bound;
}

}  // namespace

Linear Linear::random(const RandomKey& key, std::int64_t in, std::int64_t out, DType dtype) {
  const Tensor numbers = uniform_numbers(key, in, out, (in + 1) * out, dtype);
  return {reshape(slice(numbers, 0, 0, in * out), {out, in}), slice(numbers, 0, in * out, (in + 1) * out)};
}

Linear Linear::without_bias(const RandomKey& key, std::int64_t in, std::int64_t out, DType dtype) {
  return {reshape(uniform_numbers(key, in, out, in * out, dtype), {out, in}), std::nullopt};
}

Tensor Linear::operator()(const Tensor& x) const {
  const Tensor product = matmul(x, transpose(weight));
  return bias ? product + *bias : product;
}

NonNegativeLinear NonNegativeLinear::random(const RandomKey& key, std::int64_t in, std::int64_t out, DType dtype) {
  return {Linear::random(key, in, out, dtype)};
}

NonNegativeLinear NonNegativeLinear::without_bias(const RandomKey& key, std::int64_t in, std::int64_t out,
                                                  DType dtype) {
  return {Linear::without_bias(key, in, out, dtype)};
}

Tensor NonNegativeLinear::weight() const { return softplus(raw.weight) / static_cast<double>(raw.weight.dim(1)); }

Tensor NonNegativeLinear::operator()(const Tensor& x) const {
  const Tensor product = matmul(x, transpose(weight()));
  return raw.bias ? product + *raw.bias / static_cast<double>(raw.weight.dim(1)) : product;
}

ScaleNorm ScaleNorm::identity(std::int64_t channels, DType dtype) { return {zeros({channels}, dtype)}; }

void ScaleNorm::initialize_from(const Tensor& batch) {
  if (batch.rank() != 2 || batch.dim(0) < 1)
    throw std::invalid_argument(
        str("[ScaleNorm] a batch [rows, channels] is needed to start from, got ", batch.shape()));
  log_scale = -log(sqrt(variance(batch.detached(), {0})) + kStdFloor);
}

Tensor ScaleNorm::factor() const { return exp(log_scale) + kScaleFloor; }

ActNorm ActNorm::identity(std::int64_t channels, DType dtype) {
  return {zeros({channels}, dtype), ScaleNorm::identity(channels, dtype)};
}

void ActNorm::initialize_from(const Tensor& batch) {
  scale.initialize_from(batch);
  shift = -mean(batch.detached(), {0});
}

Transformed ActNorm::forward(const Tensor& x) const {
  const Tensor factor = scale.factor();
  return {(x + shift) * factor, broadcast_to(sum(log(factor)), {x.dim(0)})};
}

Preimage ActNorm::inverse(const Tensor& z) const {
  return exact_preimage(z.detached() / scale.factor().detached() - shift.detached());
}

}  // namespace brenier

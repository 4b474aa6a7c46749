// Degrees, and the masks that follow from them.
#include "models/masked.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

using Degrees = std::vector<std::int64_t>;

constexpr double kOutputBound = 0.001;  // of the first weights and biases of the output: flows start near the identity

void check(const MadeSizes& sizes) {
  if (sizes.dim < 1 || sizes.blocks < 1 || sizes.hidden_layers < 0 || (sizes.hidden_layers > 0 && sizes.units < 1))
    throw std::invalid_argument(str("[Made] ", sizes.hidden_layers, " hidden layers of ", sizes.units, " units from ",
                                    sizes.dim, " inputs to ", sizes.blocks, " outputs each make no network"));
}

Degrees input_degrees(const MadeSizes& sizes) {
  Degrees degrees(static_cast<std::size_t>(sizes.dim));
  for (std::int64_t i = 0; i < sizes.dim; ++i)
    degrees[static_cast<std::size_t>(i)] = sizes.order == Order::Natural ? i + 1 : sizes.dim - i;
  return degrees;
}

// One block after the other, each in the order of the coordinates.
Degrees output_degrees(const MadeSizes& sizes) {
  Degrees degrees;
  const Degrees block = input_degrees(sizes);
  for (std::int64_t k = 0; k < sizes.blocks; ++k) degrees.insert(degrees.end(), block.begin(), block.end());
  return degrees;
}

Degrees hidden_degrees(const RandomKey& key, const MadeSizes& sizes, const Degrees& before) {
  const std::int64_t low = *std::min_element(before.begin(), before.end());
  const std::int64_t count = std::max<std::int64_t>(sizes.dim - low, 1);  // low … d-1; one coordinate: all 1
  Degrees degrees;
  for (const double u : random_uniform(key, {sizes.units}).to_vector<double>())
    degrees.push_back(low + static_cast<std::int64_t>(std::floor(u * static_cast<double>(count))));
  return degrees;
}

// 1 where from ≤ to - gap.
Tensor mask_between(const Degrees& from, const Degrees& to, std::int64_t gap, DType dtype) {
  std::vector<double> mask;
  mask.reserve(from.size() * to.size());
  for (const std::int64_t b : to)
    for (const std::int64_t a : from) mask.push_back(a <= b - gap ? 1 : 0);
  return tensor(mask, {static_cast<std::int64_t>(to.size()), static_cast<std::int64_t>(from.size())}, dtype);
}

MaskedLinear output_layer(const RandomKey& key, const Degrees& from, const Degrees& to, DType dtype) {
  const auto in = static_cast<std::int64_t>(from.size());
  const Linear drawn = Linear::random(key, in, static_cast<std::int64_t>(to.size()), dtype);
  const double factor = kOutputBound * std::sqrt(static_cast<double>(in));
  return {{drawn.weight * factor, *drawn.bias * factor}, mask_between(from, to, 1, dtype)};
}

}  // namespace

std::vector<MaskedLinear> masked_layers(const RandomKey& key, const MadeSizes& sizes, DType dtype) {
  check(sizes);
  KeySequence keys(key);
  std::vector<MaskedLinear> layers;
  Degrees before = input_degrees(sizes);
  for (std::int64_t k = 0; k < sizes.hidden_layers; ++k) {
    const Degrees degrees = hidden_degrees(keys.next(), sizes, before);
    const auto in = static_cast<std::int64_t>(before.size());
    layers.push_back({Linear::random(keys.next(), in, sizes.units, dtype), mask_between(before, degrees, 0, dtype)});
    before = degrees;
  }
  layers.push_back(output_layer(keys.next(), before, output_degrees(sizes), dtype));
  return layers;
}

}  // namespace brenier

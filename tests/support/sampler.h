// Reproducible random tensors for tests, from std::mt19937_64 and nothing of the engine's own generator.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "engine/tensor.h"

namespace brenier::testing {

class Sampler {
 public:
  explicit Sampler(std::uint64_t seed) : seed_(seed), engine_(seed) {}

  std::uint64_t seed() const { return seed_; }
  // One number in [low, high).
  double number(double low = 0, double high = 1);
  // 0 … n-1 in random order.
  std::vector<std::int64_t> permutation(std::int64_t n);
  // Independent entries in [low, high), rounded to dtype.
  Tensor uniform(const Shape& shape, double low = -1, double high = 1, DType dtype = DType::Float64);
  // Signs times magnitudes in [low, high): nothing near zero.
  Tensor both_signs(const Shape& shape, double low, double high, DType dtype = DType::Float64);
  // Distinct entries at least (high - low)/(2 size) apart, in random order: nothing near a tie.
  Tensor spaced(const Shape& shape, double low, double high, DType dtype = DType::Float64);
  // Symmetric matrices [..., n, n] with random eigenvectors and eigenvalues spread evenly over [low, high], ends included.
  Tensor spd(const Shape& shape, double low, double high, DType dtype = DType::Float64);
  // With the given eigenvalues.
  Tensor with_spectrum(const std::vector<double>& eigenvalues, DType dtype = DType::Float64);
  // A direction to differentiate along: every entry has magnitude in [0.5, 1), so that none hides its derivative.
  Tensor direction(const Shape& shape, DType dtype = DType::Float64) { return both_signs(shape, 0.5, 1, dtype); }

 private:
  std::uint64_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace brenier::testing

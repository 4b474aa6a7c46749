// See sampler.h. The conversion to [0, 1) is written out because the standard leaves its distributions unspecified.
#include "tests/support/sampler.h"

#include <numeric>
#include <utility>
#include <vector>

namespace brenier::testing {

namespace {

template <class Draw>
Tensor filled(const Shape& shape, DType dtype, Draw&& draw) {
  std::vector<double> values(static_cast<std::size_t>(element_count(shape)));
  for (double& v : values) v = draw();
  return tensor(values, shape, dtype);
}

// H A H with the reflection H = I - 2 v v^T / v^T v, in place.
void reflect_both_sides(std::vector<double>& a, const std::vector<double>& v) {
  const std::size_t n = v.size();
  const double length = std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
  for (bool columns : {false, true}) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto at = [&](std::size_t j) -> double& { return columns ? a[j * n + i] : a[i * n + j]; };
      double inner = 0;
      for (std::size_t j = 0; j < n; ++j) inner += at(j) * v[j];
      for (std::size_t j = 0; j < n; ++j) at(j) -= 2 * inner / length * v[j];
    }
  }
}

}  // namespace

double Sampler::number(double low, double high) {
  return low + (high - low) * static_cast<double>(engine_() >> 11) * 0x1p-53;
}

std::vector<std::int64_t> Sampler::permutation(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[engine_() % i]);
  return order;
}

Tensor Sampler::uniform(const Shape& shape, double low, double high, DType dtype) {
  return filled(shape, dtype, [&] { return number(low, high); });
}

Tensor Sampler::both_signs(const Shape& shape, double low, double high, DType dtype) {
  return filled(shape, dtype, [&] {
    const double magnitude = number(low, high);
    return number() < 0.5 ? -magnitude : magnitude;
  });
}

Tensor Sampler::spaced(const Shape& shape, double low, double high, DType dtype) {
  const std::vector<std::int64_t> order = permutation(element_count(shape));
  std::size_t next = 0;
  return filled(shape, dtype, [&] {
    const double cell = static_cast<double>(order[next++]) + number(0.25, 0.75);
    return low + (high - low) * cell / static_cast<double>(order.size());
  });
}

Tensor Sampler::with_spectrum(const std::vector<double>& eigenvalues, DType dtype) {
  const std::size_t n = eigenvalues.size();
  std::vector<double> a(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) a[i * n + i] = eigenvalues[i];
  for (int reflection = 0; reflection < 3 && n > 1; ++reflection) {
    std::vector<double> v(n);
    for (double& entry : v) entry = number(-1, 1);
    reflect_both_sides(a, v);
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) a[i * n + j] = a[j * n + i];
  return tensor(a, {static_cast<std::int64_t>(n), static_cast<std::int64_t>(n)}, dtype);
}

Tensor Sampler::spd(const Shape& shape, double low, double high, DType dtype) {
  const auto n = static_cast<std::size_t>(shape[-1]);
  std::vector<double> eigenvalues(n, low), all;
  for (std::size_t i = 0; i < n && n > 1; ++i)
    eigenvalues[i] = low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1);
  for (std::int64_t batch = element_count(shape.part(0, shape.rank() - 2)); batch > 0; --batch) {
    const std::vector<double> one = with_spectrum(eigenvalues).to_vector<double>();
    all.insert(all.end(), one.begin(), one.end());
  }
  return tensor(all, shape, dtype);
}

}  // namespace brenier::testing

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

}  // namespace brenier::testing

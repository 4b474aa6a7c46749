#include "tests/support/spectrum.h"

#include <cmath>

namespace brenier::testing {

Tensor Spectrum::reflected(const Tensor& v) const {
  const Tensor projected = sum(mirror * v, {-1}, true) / sum(square(mirror), {-1}, true);
  return v - 2.0 * projected * mirror;
}

Tensor Spectrum::apply(const std::function<Tensor(const Tensor&)>& f, const Tensor& v) const {
  return reflected(f(eigenvalues) * reflected(v));
}

LinearOperator Spectrum::matrix(std::int64_t* counter) const {
  const auto map = [*this, counter](const Tensor& v) {
    if (counter) *counter += v.size() / v.dim(-1);
    return apply([](const Tensor& x) { return x; }, v);
  };
  return {map, [*this, counter](const Tensor& indices) { return rows(indices).matrix(counter); }};
}

Tensor Spectrum::solve(const Tensor& b) const { return apply(reciprocal, b); }

Tensor Spectrum::dense() const {
  const std::int64_t d = eigenvalues.dim(1);
  const Tensor units = broadcast_to(expand_axis(eye(d, eigenvalues.dtype()), 1), {d, eigenvalues.dim(0), d});
  return permute(matrix()(units), {1, 0, 2});
}

Spectrum Spectrum::rows(const Tensor& indices) const {
  return {gather(eigenvalues, indices, 0), gather(mirror, indices, 0)};
}

std::vector<double> log_uniform(std::int64_t d, double low, double high) {
  std::vector<double> result(static_cast<std::size_t>(d), low);
  for (std::size_t i = 0; i < result.size() && d > 1; ++i)
    result[i] = low * std::pow(high / low, static_cast<double>(i) / static_cast<double>(d - 1));
  return result;
}

}  // namespace brenier::testing

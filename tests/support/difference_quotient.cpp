// See difference_quotient.h.
#include "tests/support/difference_quotient.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/ops.h"
#include "tests/support/compare.h"

namespace brenier::testing {

namespace {

// eps^(1/7), rounded to a power of two so that the step itself is exact.
double first_step(DType precision) { return precision == DType::Float32 ? 0x1p-3 : 0x1p-7; }

double largest_of(const std::vector<double>& values, double at_least) {
  for (double v : values) at_least = std::max(at_least, std::abs(v));
  return at_least;
}

// Fills in values and truncation error from central differences with steps h, h/2, h/4.
DifferenceQuotient extrapolated(const std::array<std::vector<double>, 3>& central) {
  DifferenceQuotient result;
  for (std::size_t i = 0; i < central[0].size(); ++i) {
    const double coarse = (4 * central[1][i] - central[0][i]) / 3, fine = (4 * central[2][i] - central[1][i]) / 3;
    const double best = (16 * fine - coarse) / 15;
    result.values.push_back(best);
    // The change by the last step bounds the error of `fine`, and exceeds by far that of `best`.
    result.error = std::max(result.error, 2 * std::abs(best - fine));
  }
  return result;
}

}  // namespace

DifferenceQuotient difference_quotient(const std::function<std::vector<double>(double)>& f, DType precision,
                                       double scale) {
  std::array<std::vector<double>, 3> central;
  double step = first_step(precision);
  for (std::vector<double>& quotient : central) {
    const std::vector<double> above = f(step), below = f(-step);
    scale = largest_of(above, scale);
    for (std::size_t i = 0; i < above.size(); ++i) quotient.push_back((above[i] - below[i]) / (2 * step));
    step /= 2;
  }
  DifferenceQuotient result = extrapolated(central);
  // `step` has been halved once more than used; 16 roundings of the size of `scale` may hide in a value.
  result.error += 16 * epsilon(precision) * scale / step;
  result.judges = result.error <= 64 * std::sqrt(epsilon(precision)) * largest_of(result.values, scale);
  return result;
}

DifferenceQuotient difference_quotient(const Map& map, const Tensors& tangents) {
  const auto along = [&](double step) {
    Tensors moved = map.arguments;
    for (std::size_t k = 0; k < tangents.size(); ++k) moved[map.active[k]] = moved[map.active[k]] + step * tangents[k];
    return flattened(evaluate(map, moved));
  };
  return difference_quotient(along, map.precision, std::max(1.0, max_abs(active_arguments(map))));
}

std::vector<double> flattened(const Tensors& xs) {
  std::vector<double> all;
  for (const Tensor& x : xs) {
    const std::vector<double> values = x.to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace brenier::testing

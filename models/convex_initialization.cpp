// See models/convex_initialization.h.
#include "models/convex_initialization.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

// r with softplus(r) = y > 0: ln(e^y - 1), without overflow for large y or cancellation for small ones.
Tensor softplus_inverse(const Tensor& y) { return y + log(-expm1(-y)); }

void require_valid(const PrincipledOptions& options) {
  const double c = options.correlation.value_or(0.5);
  if (!(c > 0 && c < 1)) throw std::invalid_argument(str("[principled_start] correlation ", c, " not in (0, 1)"));
  if (!(options.row_sum > 0) || !(options.effective_inputs >= 1))
    throw std::invalid_argument(str("[principled_start] row_sum ", options.row_sum, " and effective_inputs ",
                                    options.effective_inputs, "; expected above 0 and at least 1"));
}

}  // namespace

RowLaw principled_law(const FeatureStatistics& features, const PrincipledOptions& options) {
  require_valid(options);
  if (options.correlation) return features.fixed_point(*options.correlation);
  const RowLaw law = features.law(options.row_sum, options.effective_inputs);
  if (!(law.variance <= 1))
    throw std::invalid_argument(str("[principled_start] positive weights with row_sum ", options.row_sum,
                                    " give variance ", law.variance,
                                    ", which leaves nothing for the input; lower row_sum or raise effective_inputs"));
  return law;
}

RowLaw principled_output_law(const FeatureStatistics& features, const PrincipledOptions& options) {
  require_valid(options);
  if (options.correlation) return features.fixed_point(*options.correlation);
  const double variance_of_unit_sum = features.law(1, options.effective_inputs).variance;
  return features.law(1 / std::sqrt(variance_of_unit_sum), options.effective_inputs);
}

void start_directions(Linear& linear, KeySequence& keys) {
  const std::int64_t out = linear.weight.dim(0), in = linear.weight.dim(1);
  const DType dtype = linear.weight.dtype();
  linear.weight = draw_directions(keys.next(), in, out, 1, dtype);
  if (linear.bias) linear.bias = zeros({out}, dtype);
}

void start_paths(NonNegativeLinear& z_path, Linear& x_path, KeySequence& keys, const FeatureStatistics& features,
                 const RowLaw& law) {
  const std::int64_t out = z_path.raw.weight.dim(0), in = z_path.raw.weight.dim(1);
  const DType dtype = z_path.raw.weight.dtype();
  const Tensor weights = draw_positive_rows(keys.next(), in, out, law, DType::Float64);
  // Weights are softplus(raw) / in. What underflows to zero has no logarithm.
  constexpr double kSmallest = 1e-30;
  z_path.raw.weight = cast(softplus_inverse(maximum(static_cast<double>(in) * weights, kSmallest)), dtype);
  if (z_path.raw.bias) z_path.raw.bias = zeros({out}, dtype);
  x_path.weight = draw_directions(keys.next(), x_path.weight.dim(1), out, std::max(0.0, 1 - law.variance), dtype);
  if (x_path.bias) x_path.bias = cast(-matmul(weights, tensor(features.means(), {in})), dtype);
}

}  // namespace brenier

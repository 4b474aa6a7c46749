// With v_j² = 1 the second moments of all d² entries need two small tables only:
//
//   E (z_i v_j)² = E z_i²,   E (z_i v_j + z_j v_i)²/4 = (E z_i² + E z_j²)/4 + E (z_i v_i)(z_j v_j)/2
#include "experiments/support/inverse_estimator.h"

#include <stdexcept>

#include "engine/str.h"
#include "solvers/conjugate_gradient.h"

namespace brenier::experiments {
namespace {

EstimatorError error_of(const Tensor& mean_value, const Tensor& second_moment, const Tensor& truth) {
  const Tensor deviation = sqrt(maximum(second_moment - square(mean_value), 0.0));
  return {mean(abs(mean_value) / deviation).item(), mean(abs(mean_value - truth)).item()};
}

double mean_iterations(const SolveReport& report) {
  double sum = 0;
  for (const RowOutcome& row : report.rows) sum += static_cast<double>(row.iterations);
  return sum / static_cast<double>(report.rows.size());
}

}  // namespace

Tensor wishart(const RandomKey& key, std::int64_t d, std::int64_t degrees, DType dtype) {
  const Tensor a = random_normal(key, {degrees, d}, dtype);
  return matmul(transpose(a), a);
}

Tensor all_signs(std::int64_t d, DType dtype) {
  if (d < 1 || d > 20) throw std::invalid_argument(str("[all_signs] d must be in 1 … 20, got ", d));
  const std::int64_t count = std::int64_t{1} << d;
  std::vector<double> signs;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j < d; ++j) signs.push_back((i >> j) & 1 ? 1 : -1);
  return tensor(signs, {count, d}, dtype);
}

InverseEstimate judge_inverse_estimator(const Tensor& h, const Tensor& signs, double absolute_tolerance,
                                        CgStart start) {
  ConjugateGradientOptions options{.absolute_tolerance = absolute_tolerance,
                                   .relative_tolerance = 0,
                                   .norm = ResidualNorm::Infinity,
                                   .max_iterations = h.dim(-1),
                                   .confirm = false};
  if (start == CgStart::Probe) options.start = signs;
  const auto [solution, report] = conjugate_gradient(matrix_operator(h), signs, options);
  const Tensor z = cast(solution, DType::Float64), v = cast(signs, DType::Float64), zv = z * v;
  const Tensor truth = spd_inverse(cast(h, DType::Float64));
  const double share = 1.0 / static_cast<double>(v.dim(0));
  const Tensor first = share * matmul(transpose(z), v), cross = share * matmul(transpose(zv), zv);
  const Tensor row = mean(square(z), {0}, true), column = transpose(row);  // E z_j² and E z_i²
  InverseEstimate result;
  result.plain = error_of(first, broadcast_to(column, first.shape()), truth);
  result.symmetric = error_of(0.5 * (first + transpose(first)), 0.25 * (row + column) + 0.5 * cross, truth);
  result.iterations = mean_iterations(report);
  return result;
}

}  // namespace brenier::experiments

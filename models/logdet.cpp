// See models/logdet.h. Conjugate gradients inside a program cannot stop early, for a program repeats operations; rows
// that have converged stand still instead, behind masks. The first product H v is the one that the surrogate is made of.
#include "models/logdet.h"

#include <algorithm>
#include <stdexcept>

#include "engine/autodiff.h"
#include "engine/str.h"
#include "engine/tape.h"
#include "solvers/conjugate_gradient.h"
#include "solvers/slq.h"

namespace brenier {
namespace {

void require_recorded(const RecordedGradient& map) {
  if (!map.x.recorded() || !map.gradient.recorded())
    throw std::invalid_argument("[logdet] x and the gradient must be recorded; use Tape::watch()");
  if (map.x.rank() != 2 || map.x.shape() != map.gradient.shape())
    throw std::invalid_argument(
        str("[logdet] x ", map.x.shape(), " and gradient ", map.gradient.shape(), " must both be [rows, d]"));
}

// H as recorded: products can be differentiated.
LinearOperator recorded_hessian(const RecordedGradient& map) {
  return LinearOperator([map](const Tensor& v) { return jvp(map.gradient, map.x, v); });
}

Tensor row_dot(const Tensor& a, const Tensor& b) { return sum(a * b, {-1}, true); }

struct Solved {
  Tensor solution;              // [probes, rows, d], or [rows, d] for one probe
  Tensor residual, iterations;  // [probes, rows]
};

// One residual or count for each vector of v.
Tensor per_vector(const Tensor& numbers, const Tensor& v) {
  return reshape(numbers, {v.rank() == 3 ? v.dim(0) : 1, v.dim(-2)});
}

// `most` iterations for all rows, from zero; `product` is H v, the first of them.
Solved unrolled_cg(const LinearOperator& hessian, const std::optional<LinearOperator>& m, const Tensor& v,
                   const Tensor& product, std::int64_t most, double tolerance) {
  const auto apply_m = [&](const Tensor& r) { return m ? (*m)(r) : r; };
  Tensor r = v, z = zeros_like(v), p = apply_m(r), rho = row_dot(r, p), iterations, size;
  for (std::int64_t i = 0; i < most; ++i) {
    const Tensor q = i == 0 && !m ? product : hessian(p), curvature = row_dot(p, q);
    const Tensor active = i == 0 ? less(0.0, rho) : less(tolerance, size);
    const Tensor alpha = where(active * less(0.0, curvature), rho / curvature, 0.0);
    iterations = i == 0 ? active : iterations + active;
    z = z + alpha * p;
    r = r - alpha * q;
    // Written with z so that a program brings z up to date now. Left to the end, it would keep every p until then.
    size = max(abs(r) + 0.0 * z, {-1}, true);
    if (i + 1 == most) break;
    const Tensor preconditioned = apply_m(r), next = row_dot(r, preconditioned);
    p = preconditioned + where(active, next / rho, 0.0) * p;
    rho = next;
  }
  return {z, per_vector(size, v), per_vector(iterations, v)};
}

// On values, with converged rows left out.
Solved solved_cg(const LinearOperator& hessian, const std::optional<LinearOperator>& m, const Tensor& v,
                 std::int64_t most, double tolerance) {
  const LinearSolution found = conjugate_gradient(hessian, v,
                                                  {.absolute_tolerance = tolerance,
                                                   .relative_tolerance = 0,
                                                   .norm = ResidualNorm::Infinity,
                                                   .max_iterations = most,
                                                   .preconditioner = m});
  std::vector<double> residuals, iterations;
  for (const RowOutcome& row : found.report.rows) {
    residuals.push_back(row.residual_norm);
    iterations.push_back(static_cast<double>(row.iterations));
  }
  const auto numbers = [&](const std::vector<double>& values) {
    return per_vector(tensor(values, {static_cast<std::int64_t>(values.size())}, v.dtype()), v);
  };
  return {found.solution, numbers(residuals), numbers(iterations)};
}

Solved solve(const CgLogdet& estimator, const RecordedGradient& map, const Tensor& v, const Tensor& product) {
  const std::int64_t dim = v.dim(-1), most = std::min(estimator.max_iterations.value_or(dim), dim);
  if (most < 1) throw std::invalid_argument(str("[logdet] max_iterations is ", most, ", at least 1 is needed"));
  const bool program = map.x.tape()->recording_program();
  const LinearOperator hessian = program ? recorded_hessian(map) : hessian_operator(map.potential, map.x.detached());
  std::optional<LinearOperator> m;
  if (estimator.preconditioner) m = estimator.preconditioner(hessian, map.x.shape());
  return program ? unrolled_cg(hessian, m, v, product, most, estimator.tolerance)
                 : solved_cg(hessian, m, v, most, estimator.tolerance);
}

SlqEstimate lanczos_quadrature(std::int64_t steps, std::int64_t probes, const RecordedGradient& map,
                               const RandomKey& key) {
  require_recorded(map);
  return slq_logdet(recorded_hessian(map), map.x.shape(), key,
                    {.steps = steps, .probes = probes, .dtype = map.x.dtype()});
}

}  // namespace

LogdetTerm logdet_term(const ExactLogdet&, const RecordedGradient& map, const RandomKey&) {
  require_recorded(map);
  const bool has_value = map.value.defined() && map.value.recorded();
  const Tensor value = spd_logdet(has_value ? batch_hessian(map.value, map.x) : batch_jacobian(map.gradient, map.x));
  return {.surrogate = value, .value = value};
}

LogdetTerm logdet_term(const CgLogdet& estimator, const RecordedGradient& map, const RandomKey& key) {
  require_recorded(map);
  return logdet_term(estimator, map,
                     draw_probes(key, estimator.probes, map.x.shape(), ProbeDistribution::Rademacher, map.x.dtype()));
}

LogdetTerm logdet_term(const CgLogdet& estimator, const RecordedGradient& map, const Tensor& probes) {
  require_recorded(map);
  if (probes.rank() != 3 || probes.shape().part(1, 3) != map.x.shape())
    throw std::invalid_argument(
        str("[logdet] probes are ", probes.shape(), ", not [k, rows, d] for x ", map.x.shape()));
  // One probe goes without the axis of probes, over which every gradient of a parameter would have to be summed.
  const bool is_single = probes.dim(0) == 1;
  const Tensor v = is_single ? reshape(probes, map.x.shape()) : probes;
  const Tensor product = jvp(map.gradient, map.x, v);
  const Solved solved = solve(estimator, map, v, product);
  const Tensor forms = sum(stop_gradient(solved.solution) * product, {-1});
  return {.surrogate = is_single ? forms : mean(forms, {0}),
          .residual = stop_gradient(solved.residual),
          .iterations = stop_gradient(solved.iterations)};
}

LogdetTerm logdet_term(const SlqLogdet& estimator, const RecordedGradient& map, const RandomKey& key) {
  const SlqEstimate estimate = lanczos_quadrature(estimator.steps, estimator.probes, map, key);
  LogdetTerm term{.value = stop_gradient(estimate.value)};
  if (estimator.probes > 1) term.standard_error = stop_gradient(estimate.standard_error);
  return term;
}

LogdetTerm logdet_term(const LanczosLogdet& estimator, const RecordedGradient& map, const RandomKey& key) {
  const SlqEstimate estimate = lanczos_quadrature(estimator.steps, estimator.probes, map, key);
  LogdetTerm term{.surrogate = estimate.value, .value = estimate.value};
  if (estimator.probes > 1) term.standard_error = estimate.standard_error;
  return term;
}

LogdetTerm logdet_term(const LogdetEstimator& estimator, const RecordedGradient& map, const RandomKey& key) {
  return std::visit([&](const auto& chosen) { return logdet_term(chosen, map, key); }, estimator);
}

namespace {

constexpr std::int64_t kFewestAssembled = 5;  // see engine/hessian.cpp

// Multiply-adds per row of a forward pass of an input-augmented potential.
double multiply_adds(const PotentialSize& size) {
  const auto d = static_cast<double>(size.dim), h = static_cast<double>(size.units);
  return d * h + static_cast<double>(size.layers - 1) * (h * h / 2 + d * h) + h + d;
}

double hidden_units(const PotentialSize& size) { return static_cast<double>(size.layers * size.units); }

}  // namespace

double logdet_flops(const CgLogdet& estimator, const PotentialSize& size, double iterations) {
  // Gradient 2 M, each product 2 M, and the reverse sweep through the gradient and the first product 8 M.
  const auto probes = static_cast<double>(estimator.probes);
  return 2 * multiply_adds(size) * (2 + 4 + probes * (2 * iterations + 4));
}

double logdet_flops(const ExactLogdet&, const PotentialSize& size) {
  const auto d = static_cast<double>(size.dim), passes = multiply_adds(size);
  const double differentiated =
      size.dim < kFewestAssembled ? 6 * d * passes : 3 * d * passes + 3 * hidden_units(size) * d * d;
  return 2 * (6 * passes + differentiated) + d * d * d;
}

LogdetEstimator recommended_logdet(const PotentialSize& size, double expected_iterations) {
  constexpr double kWorthOfALikelihood = 1.3, kSlownessOfAssembly = 1.5;
  const CgLogdet cg;
  const double exact = logdet_flops(ExactLogdet(), size) * (size.dim < kFewestAssembled ? 1 : kSlownessOfAssembly);
  if (exact <= kWorthOfALikelihood * logdet_flops(cg, size, expected_iterations)) return ExactLogdet();
  return cg;
}

}  // namespace brenier

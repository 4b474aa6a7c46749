#include "solvers/invert_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "engine/str.h"
#include "solvers/lbfgs.h"
#include "solvers/newton_cg.h"

namespace brenier {
namespace {

// Along -g: right where the map is near the identity; where it is steeper, the step overshoots and one interpolation
// finds the minimum, which costs less than to grow from the cautious step of lbfgs().
constexpr double kFirstStep = 1;

BatchObjective tilted(const BatchObjective::Potential& potential) {
  return {std::vector<Tensor>{}, [potential](const Tensor& x, const std::vector<Tensor>& data) {
            return reshape(potential(x), {x.dim(0)}) - sum(x * data[0], {-1});
          }};
}

// Rounding errors of the value, which the line search must overlook.
double noise_of(const BatchObjective::Potential& potential, const Tensor& start, const Tensor& images) {
  constexpr double kRoundings = 16;
  const double epsilon =
      start.dtype() == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const double terms = max(abs(potential(start))).item() + max(abs(sum(start * images, {-1}))).item();
  return std::isfinite(terms) ? kRoundings * epsilon * terms : 0;
}

// Gradients less their targets at x, the largest entry of each row, and, if asked for, the Newton step from there.
struct Residual {
  Tensor size;  // [rows, 1]
  Tensor step;  // [rows, n]
};
Residual residual_at(const BatchObjective::Potential& potential, const Tensor& x, const Tensor& target,
                     bool with_step) {
  Tape tape;
  const Tensor input = tape.watch(x), value = potential(input);
  const Tensor error = (grad(sum(value), input) - target).detached();
  Residual result{max(abs(error), {-1}, true), {}};
  if (with_step) {
    const Tensor hessian = batch_hessian(value, input).detached();
    result.step = -reshape(spd_solve(hessian, expand_axis(error, -1)), error.shape());
  }
  return result;
}

}  // namespace

GradientInverse::GradientInverse(BatchObjective::Potential potential, InversionOptions options)
    : potential_(std::move(potential)), options_(std::move(options)), objective_(tilted(potential_).compiled()) {}

Minimum<Tensor> GradientInverse::operator()(const Tensor& images) const {
  const Tensor start = options_.start.defined() ? options_.start : images;
  if (images.rank() != 2 || !images.is_floating() || start.shape() != images.shape() || start.dtype() != images.dtype())
    throw std::invalid_argument(str("[invert_gradient] images ", images.shape(), " of ", images.dtype(), " and start ",
                                    start.shape(), " of ", start.dtype(), "; both should be the same [rows, n]"));
  const BatchObjective objective = objective_.with_data({images});
  const double by_dtype = images.dtype() == DType::Float32 ? 1e-5 : 1e-10;
  const double tolerance = options_.gradient_tolerance.value_or(by_dtype);
  const LineSearchOptions search{.noise = images.size() == 0 ? 0 : noise_of(potential_, start, images)};
  if (options_.method == InversionMethod::NewtonCg)
    return newton_cg(
        objective, start,
        {.max_iterations = options_.max_iterations, .gradient_tolerance = tolerance, .line_search = search});
  return lbfgs(objective, start,
               {.max_iterations = options_.max_iterations,
                .gradient_tolerance = tolerance,
                .memory = options_.memory,
                .line_search = search,
                .first_step = kFirstStep});
}

Minimum<Tensor> refine_preimage(const BatchObjective::Potential& potential, Minimum<Tensor> found, const Tensor& images,
                                double tolerance) {
  constexpr int kSteps = 2;
  const Tensor target = cast(images, DType::Float64).detached();
  Tensor x = cast(found.solution, DType::Float64).detached();
  Residual here = residual_at(potential, x, target, true);
  for (int step = 0; step < kSteps; ++step) {
    const Tensor moved = x + here.step;
    const Residual there = residual_at(potential, moved, target, step + 1 < kSteps);
    const Tensor better = less(there.size, here.size);
    x = where(better, moved, x);
    here.size = where(better, there.size, here.size);
    here.step = there.step;
  }
  found.solution = cast(x, images.dtype());
  const std::vector<double> sizes = here.size.to_vector<double>();
  SolveReport& report = found.report;
  std::int64_t open = 0;
  for (std::size_t row = 0; row < report.rows.size(); ++row) {
    report.rows[row].residual_norm = sizes[row];
    if (sizes[row] <= tolerance) report.rows[row].status = SolveStatus::Converged;
    open += report.rows[row].status != SolveStatus::Converged;
  }
  report.residual_norm = sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
  if (open == 0) {
    report.status = SolveStatus::Converged;
    report.message = str("inverse: all ", sizes.size(), " rows to |residual| <= ", report.residual_norm);
  }
  return found;
}

Minimum<Tensor> invert_gradient(BatchObjective::Potential potential, const Tensor& images,
                                const InversionOptions& options) {
  return GradientInverse(std::move(potential), options)(images);
}

}  // namespace brenier

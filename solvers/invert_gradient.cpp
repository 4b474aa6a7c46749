#include "solvers/invert_gradient.h"

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

Minimum<Tensor> invert_gradient(BatchObjective::Potential potential, const Tensor& images,
                                const InversionOptions& options) {
  return GradientInverse(std::move(potential), options)(images);
}

}  // namespace brenier

// See models/sigmoidal_flow.h.
#include "models/sigmoidal_flow.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "engine/str.h"
#include "models/sigmoid_mixture.h"

namespace brenier {
namespace {

// All [rows, sigmoids, d] but p and q, [rows, d].
struct Mixture {
  Tensor slope, argument, raw_weight, p, q;
};

Tensor above_floor(const Tensor& probability) { return probability * (1 - kSigmoidFloor) + kSigmoidFloor / 2; }

Mixture mixture_of(const Tensor& parameters, const Tensor& x) {
  const std::int64_t count = parameters.dim(1) / 3;
  const auto part = [&](std::int64_t index) { return slice(parameters, 1, index * count, (index + 1) * count); };
  const Tensor slope = softplus(part(0)) + kSigmoidFloor, raw_weight = part(2);
  const Tensor argument = slope * expand_axis(x, 1) + part(1), weight = softmax(raw_weight, 1);
  return {slope, argument, raw_weight, above_floor(sum(weight * sigmoid(argument), {1})),
          above_floor(sum(weight * sigmoid(-argument), {1}))};
}

// NaN counts as the largest.
double larger(double a, double b) { return std::isnan(a) || a >= b ? a : b; }

double rounded_to(DType dtype, double x) {
  return dtype == DType::Float32 ? static_cast<double>(static_cast<float>(x)) : x;
}

std::string sentence(const RowOutcome& row, double image, std::int64_t max_iterations) {
  const double limit = std::log((1 - kSigmoidFloor / 2) / (kSigmoidFloor / 2));
  switch (row.status) {
    case SolveStatus::IterationLimit:
      return str("stopped after ", max_iterations, " iterations for z = ", image, ", residual ", row.residual_norm,
                 "; see max_iterations");
    case SolveStatus::Stagnated:
      return str("z = ", image, " is outside ±", limit, ", the range of the flow; residual ", row.residual_norm);
    default:
      return str("z = ", image, " or a parameter that the conditioner makes is not finite");
  }
}

}  // namespace

Tensor mix_sigmoids(const Tensor& parameters, const Tensor& x) {
  const Mixture mixture = mixture_of(parameters, x);
  return log(mixture.p) - log(mixture.q);
}

Transformed transform_by_sigmoids(const Tensor& parameters, const Tensor& x) {
  const Mixture mixture = mixture_of(parameters, x);
  const Tensor log_p = log(mixture.p), log_q = log(mixture.q);
  const Tensor log_weight = mixture.raw_weight - logsumexp(mixture.raw_weight, {1}, true);
  // ln σ(u) + ln σ(-u)
  const Tensor log_density = -softplus(mixture.argument) - softplus(-mixture.argument);
  const Tensor log_slope = logsumexp(log_weight + log_density + log(mixture.slope), {1});
  return {log_p - log_q, sum(log_slope + std::log1p(-kSigmoidFloor) - log_p - log_q, {-1})};
}

Tensor with_unit_slopes(const Tensor& biases) {
  const std::int64_t third = biases.dim(0) / 3;
  const double unit_slope = std::log(std::numbers::e - 1);  // softplus of it is 1
  return concat({slice(biases, 0, 0, third) + unit_slope, slice(biases, 0, third, 3 * third)}, 0);
}

SigmoidalInverse::SigmoidalInverse(std::int64_t rows, std::int64_t max_iterations)
    : max_iterations_(max_iterations),
      rows_(static_cast<std::size_t>(rows), {.status = SolveStatus::Converged}),
      worst_images_(static_cast<std::size_t>(rows)) {}

Tensor SigmoidalInverse::solve(const Tensor& parameters, const Tensor& images) {
  const std::vector<double> numbers = parameters.to_vector<double>(), targets = images.to_vector<double>();
  const std::size_t width = static_cast<std::size_t>(parameters.dim(1));
  std::vector<double> x(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const SigmoidMixture mixture{std::span(numbers).subspan(i * width, width)};
    const SigmoidMixture::Root root = mixture.solve(targets[i], max_iterations_);
    x[i] = rounded_to(images.dtype(), root.x);
    RowOutcome& row = rows_[i];
    row.residual_norm = larger(row.residual_norm, std::abs(mixture.image(x[i]) - targets[i]));
    row.iterations += root.iterations;
    if (severity(root.status) > severity(row.status)) {
      row.status = root.status;
      worst_images_[i] = targets[i];
    }
  }
  return tensor(x, images.shape(), images.dtype());
}

SolveReport SigmoidalInverse::report() const {
  SolveReport report{.status = SolveStatus::Converged, .message = {}, .rows = rows_};
  std::size_t worst = 0, open = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    open += rows_[i].status != SolveStatus::Converged;
    if (severity(rows_[i].status) > severity(rows_[worst].status)) worst = i;
    report.iterations = std::max(report.iterations, rows_[i].iterations);
    report.row_evaluations += rows_[i].iterations;
    report.residual_norm = larger(report.residual_norm, rows_[i].residual_norm);
  }
  if (open > 0) report.status = rows_[worst].status;
  report.message = open == 0 ? str("sigmoidal inverse: all ", rows_.size(), " rows converged after at most ",
                                   report.iterations, " iterations, largest residual ", report.residual_norm)
                             : str("sigmoidal inverse: ", open, " of ", rows_.size(), " rows did not converge; row ",
                                   worst, ": ", sentence(rows_[worst], worst_images_[worst], max_iterations_));
  return report;
}

}  // namespace brenier

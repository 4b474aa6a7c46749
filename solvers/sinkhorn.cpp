// Sinkhorn's iteration in the log domain, on centred points.
//
// An update of the potential of x is f_i = -ε ln Σ_j b_j e^((g_j - C_ij)/ε). With x = x' + c, y = y' + c + δ about the
// means of the clouds,
//
//   C_ij = |x_i - y_j|²/2 = u_i + w_j - x'_i·y'_j,   u_i = |x'_i|²/2 - x'_i·δ + |δ|²/4,   w_j = |y'_j|²/2 + y'_j·δ + |δ|²/4
//
// so that F = f - u and G = g - w are iterated by F_i = -ε ln Σ_j b_j e^((G_j + x'_i·y'_j)/ε): one log_matvec of a matrix
// product, in which neither the distance of the clouds nor that from the origin appears. Rounding then costs exponents
// about eps (radius/blur)², with the radius of a cloud; and u and w never enter the divergence but for terms linear in x'
// and y'.
//
// The schedule: potentials start from g = 0 at ε = diameter², then every update is averaged with the potential before,
// F <- (F + F~)/2, both sides from old values (Feydy 2020, Geometric data analysis, section 3.3). At the end one full
// update, the only one that is recorded. With a tolerance, plain alternating updates at the final ε come between: they
// contract the error four times as fast where it matters.
#include "solvers/sinkhorn.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "engine/backend.h"
#include "engine/str.h"
#include "solvers/sinkhorn_update.h"

namespace brenier {
namespace {

constexpr std::int64_t kCachedBytes = std::int64_t{512} << 10;  // half of an L2 cache of 1 MiB

// The same value as a constant. What a program is made of must stay recorded.
Tensor held(const Tensor& x) { return in_program(x) ? stop_gradient(x) : x.detached(); }

// A cloud about its mean.
struct Cloud {
  Tensor points;   // x' [n, d], recorded if x is
  Tensor weights;  // [n]
  Tensor held_points, held_weights, log_weights;
  Tensor mean;  // [d], constant
};

Tensor weights_of(const char* which, const Tensor& points, const Tensor& given) {
  const std::int64_t n = points.dim(0);
  if (!given.defined()) return full({n}, 1 / static_cast<double>(n), points.dtype());
  if (given.shape() != Shape{n} || given.dtype() != points.dtype())
    throw std::invalid_argument(str("[sinkhorn] ", which, "_weights must be ", points.dtype(), " [", n, "], got ",
                                    given.dtype(), " ", given.shape()));
  return given;
}

Cloud make_cloud(const char* which, const Tensor& points, const Tensor& given_weights) {
  const Tensor weights = weights_of(which, points, given_weights), held_weights = held(weights);
  const Tensor held_points = held(points), mean = matmul(held_weights, held_points) / sum(held_weights);
  return {points - mean, weights, held_points - mean, held_weights, log(held_weights), mean};
}

Tensor half_square(const Tensor& points) { return 0.5 * sum(square(points), {1}); }

void check_weights(const Cloud& x, const Cloud& y) {
  for (const Cloud* cloud : {&x, &y})
    if (min(cloud->held_weights).item() < 0) throw std::invalid_argument("[sinkhorn] weights must not be negative");
  const double mass = sum(x.held_weights).item(), other = sum(y.held_weights).item();
  if (std::abs(mass - other) > 1e-4 * std::max(mass, other))
    throw std::invalid_argument(str("[sinkhorn] the weights of x sum to ", mass, ", those of y to ", other));
}

void check_arguments(const Tensor& x, const Tensor& y, const SinkhornOptions& options) {
  if (!x.defined() || !y.defined() || x.rank() != 2 || y.rank() != 2 || x.dim(1) != y.dim(1) || x.dim(0) == 0 ||
      y.dim(0) == 0)
    throw std::invalid_argument(
        str("[sinkhorn] expects points [n, d] and [m, d], got ", x.shape(), " and ", y.shape()));
  if (x.dtype() != y.dtype() || !x.is_floating())
    throw std::invalid_argument(str("[sinkhorn] dtypes differ or are not floating: ", x.dtype(), " and ", y.dtype()));
  if (!(options.blur > 0) || !(options.scaling > 0 && options.scaling < 1) || !(options.diameter >= 0) ||
      !(options.tolerance >= 0) || options.max_iterations < 0)
    throw std::invalid_argument(str("[sinkhorn] needs blur > 0, scaling in (0, 1), diameter, tolerance and ",
                                    "max_iterations >= 0, got ", options.blur, ", ", options.scaling, ", ",
                                    options.diameter, ", ", options.tolerance, ", ", options.max_iterations));
}

// D², then D² scaling^2k from k = 0 while above blur², then blur².
std::vector<double> epsilon_schedule(double diameter, const SinkhornOptions& options) {
  const double last = options.blur * options.blur;
  if (!std::isfinite(diameter) || diameter == 0) return {last};
  std::vector<double> schedule{diameter * diameter};
  const double steps = std::ceil(std::log(options.blur / diameter) / std::log(options.scaling));
  for (int k = 0; k < steps; ++k) schedule.push_back(std::pow(diameter * std::pow(options.scaling, k), 2));
  schedule.push_back(last);
  return schedule;
}

// The three problems at once.
class Iteration {
 public:
  Iteration(const Cloud& x, const Cloud& y, const SinkhornOptions& options)
      : x_(x),
        y_(y),
        options_(options),
        shift_(y.mean - x.mean),
        to_x_(x.held_points, y.held_points),
        to_y_(y.held_points, x.held_points, true),
        self_x_(x.held_points, x.held_points),
        self_y_(y.held_points, y.held_points) {
    if (fits(x, y, options)) keep_products(x, y);
  }

  void run_schedule(const std::vector<double>& epsilons) {
    const double first = epsilons.front();
    const Tensor a0 = x_.log_weights - cost_part(x_, -1) / first, b0 = y_.log_weights - cost_part(y_, 1) / first;
    f_ = to_x_(b0, first), g_ = to_y_(a0, first);
    fx_ = self_x_(x_.log_weights - half_square(x_.held_points) / first, first);
    gy_ = self_y_(y_.log_weights - half_square(y_.held_points) / first, first);
    for (double epsilon : epsilons) {
      epsilon_ = epsilon;
      const Tensor f = to_x_(at_y(g_), epsilon), g = to_y_(at_x(f_), epsilon);
      f_ = 0.5 * (f_ + f), g_ = 0.5 * (g_ + g);
      fx_ = 0.5 * (fx_ + self_x_(at_x(fx_), epsilon)), gy_ = 0.5 * (gy_ + self_y_(at_y(gy_), epsilon));
      ++iterations_;
    }
  }

  // At the final ε until all marginals are met. Devices whose memory the host cannot read are asked less often.
  void run_to_tolerance() {
    const std::int64_t period = f_.backend().host_readable() ? 1 : 10;
    double self_error = 2 * options_.tolerance + 1;
    for (std::int64_t i = 1; i <= options_.max_iterations; ++i) {
      f_ = to_x_(at_y(g_), epsilon_);
      const Tensor g = to_y_(at_x(f_), epsilon_);
      const bool asks = i % period == 0 || i == options_.max_iterations;
      const double error = asks ? missed(y_, g_, g) : 0;
      g_ = g;
      if (!(self_error <= options_.tolerance)) self_error = average_self_terms(asks);
      ++iterations_;
      if (asks && !(std::max(error, self_error) > options_.tolerance)) return;  // NaN ends it too
    }
  }

  SinkhornSolution finish(bool readable) const {
    const Tensor f = to_x_.at(x_.points, at_y(g_), epsilon_), g = to_y_.at(y_.points, at_x(f_), epsilon_);
    const Tensor fx = self_x_.at(x_.points, at_x(fx_), epsilon_), gy = self_y_.at(y_.points, at_y(gy_), epsilon_);
    const Tensor across = 0.25 * sum(square(shift_)), xd = matmul(x_.points, shift_), yd = matmul(y_.points, shift_);
    const Tensor value = dot(x_.weights, f - fx - xd + across) + dot(y_.weights, g - gy + yd + across);
    const Tensor xx = half_square(x_.points), yy = half_square(y_.points);
    SinkhornSolution solution{value, {f + xx - xd + across, g + yy + yd + across, fx + xx, gy + yy}, {}};
    if (!readable) return solution;
    const double errors[] = {missed(x_, f_, held(f)), missed(y_, g_, held(g)), missed(x_, fx_, held(fx)),
                             missed(y_, gy_, held(gy))};
    double largest = 0;
    for (double error : errors) largest = std::isnan(error) ? error : std::max(error, largest);
    solution.report = report(largest, held(value).item());
    return solution;
  }

 private:
  // log_matvec is fastest along contiguous columns while the matrix is in a cache, and along rows when it is not. All
  // four go the same way, so that a cloud has divergence 0 from itself to the last bit.
  void keep_products(const Cloud& x, const Cloud& y) {
    const std::int64_t n = std::max(x.points.dim(0), y.points.dim(0));
    const bool cached = n * n * static_cast<std::int64_t>(size_of(x.points.dtype())) <= kCachedBytes;
    const auto laid_out = [&](const ScaledProducts& rows, const ScaledProducts& opposite) {
      return cached ? opposite.transposed() : rows;
    };
    const ScaledProducts first = to_x_.products(), second = to_y_.products(first);
    const ScaledProducts own_x = self_x_.products(), own_y = self_y_.products();
    to_x_.keep(laid_out(first, second));
    to_y_.keep(laid_out(second, first));
    self_x_.keep(laid_out(own_x, own_x));
    self_y_.keep(laid_out(own_y, own_y));
  }

  static bool fits(const Cloud& x, const Cloud& y, const SinkhornOptions& options) {
    const auto n = static_cast<double>(x.points.dim(0)), m = static_cast<double>(y.points.dim(0));
    const double numbers = n * n + m * m + 2 * n * m;
    return numbers * static_cast<double>(size_of(x.points.dtype())) <= static_cast<double>(options.matrix_bytes);
  }

  // u or w.
  Tensor cost_part(const Cloud& cloud, double sign) const {
    return half_square(cloud.held_points) + sign * matmul(cloud.held_points, shift_) + 0.25 * sum(square(shift_));
  }
  Tensor at_x(const Tensor& potential) const { return x_.log_weights + potential * (1 / epsilon_); }
  Tensor at_y(const Tensor& potential) const { return y_.log_weights + potential * (1 / epsilon_); }

  // By how much the marginal of the plan misses the weights, if `updated` is what `potential` should be: |a (e^.. - 1)|_1.
  double missed(const Cloud& cloud, const Tensor& potential, const Tensor& updated) const {
    return sum(cloud.held_weights * abs(expm1((potential - updated) * (1 / epsilon_)))).item();
  }

  double average_self_terms(bool asks) {
    const Tensor fx = self_x_(at_x(fx_), epsilon_), gy = self_y_(at_y(gy_), epsilon_);
    const double error = asks ? std::max(missed(x_, fx_, fx), missed(y_, gy_, gy)) : 2 * options_.tolerance + 1;
    fx_ = 0.5 * (fx_ + fx), gy_ = 0.5 * (gy_ + gy);
    return error;
  }

  SolveReport report(double error, double value) const {
    const auto end = [&](SolveStatus status, const std::string& message) {
      return SolveReport{status, iterations_, error, "sinkhorn: " + message};
    };
    const double blur = std::sqrt(epsilon_);
    if (!std::isfinite(error) || !std::isfinite(value))
      return end(SolveStatus::NotFinite,
                 str("not finite after ", iterations_, " iterations; points or weights are not ",
                     "finite, or blur = ", blur, " is too small for ", f_.dtype()));
    if (options_.tolerance == 0)
      return end(SolveStatus::IterationLimit,
                 str("the schedule of ", iterations_, " iterations left a marginal error of ", error,
                     "; set tolerance to iterate to convergence"));
    if (error <= options_.tolerance)
      return end(SolveStatus::Converged, str("marginal error ", error, " after ", iterations_, " iterations"));
    return end(SolveStatus::IterationLimit,
               str("marginal error ", error, " > tolerance ", options_.tolerance, " after ", iterations_,
                   " iterations; raise max_iterations = ", options_.max_iterations, " or blur = ", blur));
  }

  const Cloud &x_, &y_;
  const SinkhornOptions& options_;
  Tensor shift_;  // δ [d]
  SinkhornUpdate to_x_, to_y_, self_x_, self_y_;
  Tensor f_, g_, fx_, gy_;  // F, G, and the potentials of the self terms without |x'|²/2 and |y'|²/2
  double epsilon_ = 0;
  std::int64_t iterations_ = 0;
};

}  // namespace

double box_diagonal(const Tensor& x, const Tensor& y) {
  const Tensor high = maximum(max(x, {0}), max(y, {0})), low = minimum(min(x, {0}), min(y, {0}));
  return std::sqrt(sum(square(high - low)).item());
}

SinkhornSolution solve_sinkhorn(const Tensor& x, const Tensor& y, const SinkhornOptions& options) {
  check_arguments(x, y, options);
  const bool readable = !in_program(x) && !in_program(y);
  if (!readable && (options.diameter == 0 || options.tolerance > 0))
    throw std::invalid_argument(
        "[sinkhorn] in a program that is being recorded the diameter must be given, and no tolerance");
  const Cloud cloud_x = make_cloud("x", x, options.x_weights), cloud_y = make_cloud("y", y, options.y_weights);
  if (readable) check_weights(cloud_x, cloud_y);
  const double diameter = options.diameter > 0 ? options.diameter : box_diagonal(held(x), held(y));
  Iteration iteration(cloud_x, cloud_y, options);
  iteration.run_schedule(epsilon_schedule(diameter, options));
  if (options.tolerance > 0) iteration.run_to_tolerance();
  return iteration.finish(readable);
}

}  // namespace brenier

// Gradients of ln det from few steps against the exact ones.
//
// With d steps both methods are free of bias. So the bias of fewer steps is the mean difference to these for equal
// directions, which has much less noise than the gradients themselves.
#include <cmath>
#include <vector>

#include "engine/brenier.h"
#include "experiments/estimators/flow_potential.h"
#include "experiments/estimators/studies.h"

namespace brenier::experiments {
namespace {

Tensor flat(const FlowPotential& gradient) {
  std::vector<Tensor> parts;
  for (const NamedParameter& parameter : parameters_of(gradient))
    parts.push_back(cast(reshape(parameter.value.detached(), {-1}), DType::Float64));
  return concat(parts, 0);
}

double norm(const Tensor& x) { return std::sqrt(sum(square(x)).item()); }

struct GradientError {
  double bias = 0;   // norm of the mean error
  double error = 0;  // root mean square of the norm, for one direction per point
};

// 20 F(x S) + |x|²/2000 for S = diag(factors): its Hessians 20 S ∇²F S + I/1000 have far smaller and larger eigenvalues.
FlowPotential stretched(FlowPotential u, const Tensor& factors) {
  const auto stretch = [&](Linear& linear) { linear.weight = linear.weight * factors; };
  stretch(u.convex.first);
  for (auto& layer : u.convex.layers) {
    stretch(layer.chain.x_path);
    stretch(layer.augment);
  }
  stretch(u.convex.output.x_path);
  u.quadratic_weight = full({1}, std::log(std::expm1(1e-3)), factors.dtype());
  u.convex_weight = full({1}, 20, factors.dtype());
  return u;
}

// Relative to the exact gradient. With d steps both estimators have no bias, so the bias of fewer steps is the mean of the
// differences to these, for equal directions, which have much less noise than the estimates.
GradientError gradient_error(const Method& method, const FlowPotential& u, const Tensor& x, std::int64_t steps,
                             const std::vector<Tensor>& directions, const std::vector<Tensor>& complete,
                             const Tensor& exact) {
  const double share = 1.0 / static_cast<double>(directions.size());
  Tensor shift = zeros_like(exact);
  double squares = 0;
  for (std::size_t i = 0; i < directions.size(); ++i) {
    const Tensor estimate = flat(method.gradient(u, x, directions[i], steps));
    shift = shift + share * (estimate - complete[i]);
    squares += share * sum(square(estimate - exact)).item();
  }
  return {norm(shift) / norm(exact), std::sqrt(squares) / norm(exact)};
}

void add_errors(Run& run, const Settings& settings, const char* potential, const FlowPotential& u, const Tensor& x,
                LinePlot& plot) {
  const Tensor exact = flat(exact_gradient(u, x));
  const double condition = median_condition(u, x);
  for (const Method& method : kMethods) {
    std::vector<Tensor> directions, complete;
    for (std::int64_t i = 0; i < settings.probes; ++i) {
      directions.push_back(random_rademacher({run.seed(), static_cast<std::uint64_t>(200 + i)}, x.shape(), x.dtype()));
      complete.push_back(flat(method.gradient(u, x, directions.back(), x.dim(1))));
    }
    Curve curve{str(method.name, ", condition ", std::lround(condition))};
    for (std::int64_t steps : step_counts(x.dim(1))) {
      run.poll_interrupt();
      const GradientError error = gradient_error(method, u, x, steps, directions, complete, exact);
      run.add_result({{"study", "error"},
                      {"potential", potential},
                      {"condition", condition},
                      {"method", method.name},
                      {"steps", steps},
                      {"bias", error.bias},
                      {"error", error.error}});
      curve.x.push_back(static_cast<double>(steps));
      curve.y.push_back(error.bias > 1e-12 ? error.bias : std::nan(""));
    }
    plot.curves.push_back(curve);
  }
}

}  // namespace

void study_error(Run& run, const Settings& settings) {
  const Tensor x = random_normal({run.seed(), 103}, {settings.error_batch, settings.dim}, run.dtype());
  const auto u = random_potential({run.seed(), 104}, x, settings.units, settings.layers);
  LinePlot plot{.name = "gradient_bias", .title = "Gradients of ln det from few steps"};
  plot.x_label = "steps of Lanczos or conjugate gradients";
  plot.y_label = "bias relative to the gradient";
  plot.y_scale = Scale::Log;
  add_errors(run, settings, "start", u, x, plot);
  const Tensor factors = exp(linspace(0, std::log(15), settings.dim, run.dtype()));
  add_errors(run, settings, "stretched", stretched(u, factors), x / factors, plot);
  run.draw(plot);
}

}  // namespace brenier::experiments

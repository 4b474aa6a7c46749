// Which estimator trains faster, in seconds rather than steps: one block of a convex potential flow on a Gaussian with
// C ~ Wishart(I, d + 1) / (d + 1), in 2, 6, 16 and 43 dimensions, with the exact log-determinant and with the surrogate at
// the usual tolerance. The true density is known, so what is drawn is the divergence that is left.
#include "experiments/estimators/studies.h"
#include "experiments/support/flow_fitting.h"
#include "models/convex_flow.h"
#include "models/normalized_icnn.h"

namespace brenier::experiments {
namespace {

using Block = ConvexFlow<AugmentedIcnn<Offset<GaussianSoftplus>, Symmetrized<Offset<GaussianSoftplus>>>>;

struct Gaussian {
  Tensor factor;  // L with L Lᵀ = C

  Gaussian(std::uint64_t seed, std::int64_t dim) {
    const Tensor a = random_normal({seed, (std::uint64_t{1} << 60) + static_cast<std::uint64_t>(dim)}, {dim, dim + 1});
    factor = cholesky(matmul(a, transpose(a)) * (1.0 / static_cast<double>(dim + 1)));
  }
  // ln N(x; 0, C) of every row.
  Tensor log_density(const Tensor& x) const {
    const Tensor z = transpose(triangular_solve(factor, transpose(x), Triangle::Lower));
    return normal_log_density(z) - sum(log(sum(factor * eye(factor.dim(0)), {-1})));
  }
  Tensor draw(const RandomKey& key, std::int64_t count, DType dtype) const {
    return cast(matmul(random_normal(key, {count, factor.dim(0)}), transpose(factor)), dtype);
  }
};

Curve train(Run& run, const Settings& settings, const Gaussian& source, const char* name,
            const LogdetEstimator& estimator) {
  const std::int64_t dim = source.factor.dim(0), steps = settings.time_steps, watched = 20;
  const RandomKey start(run.seed(), 0), training(run.seed(), std::uint64_t{1} << 61),
      test(run.seed(), std::uint64_t{3} << 60);
  const Tensor data = source.draw(training, 100'000, run.dtype()), fresh = source.draw(test, 2000, DType::Float64);
  Block flow = Block::around(decltype(Block::potential.convex)::random(start, dim, settings.time_units, 3, run.dtype()),
                             run.dtype());
  flow.initialize_from(slice(data, 0, 0, 1024));
  const Tensor truth = source.log_density(fresh);
  const auto gap = [&](const Block& now) {
    return mean_nll(log_density_in_pieces(run, cast_parameters(now, DType::Float64), fresh) - truth).value;
  };
  Curve curve{str(name, ", d = ", dim)};
  const FlowWatcher<Block> watch = [&](std::int64_t made, const Block& now) {
    curve.x.push_back(static_cast<double>(made));
    curve.y.push_back(gap(now));
  };
  const FlowFit fitted = fit_flow(run, str("time-", dim, "-", name), flow, data, estimator,
                                  {.steps = steps, .batch = 256, .learning_rate = 0.01}, run.seed(), watched, watch);
  for (double& x : curve.x) x *= fitted.milliseconds_per_step / 1e3;
  curve.x.push_back(fitted.seconds);
  curve.y.push_back(gap(flow));
  run.add_result({{"study", "time"},
                  {"method", name},
                  {"dim", dim},
                  {"exact_gap", curve.y.back()},
                  {"seconds_per_step", fitted.milliseconds_per_step / 1e3},
                  {"iterations", fitted.iterations.empty() ? 0 : fitted.iterations.back()},
                  {"seconds", fitted.seconds}});
  return curve;
}

}  // namespace

void study_time(Run& run, const Settings& settings) {
  for (const std::int64_t dim : {2, 6, 16, 43}) {
    const Gaussian source(run.seed(), dim);
    LinePlot plot{.name = str("time_", dim), .title = str("Loss against time, ", dim, " dimensions")};
    plot.x_label = "seconds of training";
    plot.y_label = "divergence from the truth (nats)";
    plot.x_scale = plot.y_scale = Scale::Log;
    plot.curves = {train(run, settings, source, "exact", ExactLogdet()),
                   train(run, settings, source, "surrogate", CgLogdet())};
    run.draw(plot);
  }
}

}  // namespace brenier::experiments

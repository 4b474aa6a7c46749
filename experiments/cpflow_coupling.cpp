// Optimal couplings of Gaussians (Huang, Chen, Tsirigotis & Courville, Convex potential flows, 2021, section 5.2 and
// figure 4): flows trained by likelihood alone to send N(m, C) to N(0, I).
//
// Infinitely many maps do that. One block of a convex potential flow without norms around it is the gradient of a convex
// function, so the one map it can find is the optimal one, of cost |m|² + tr C + d - 2 tr C^½. A linear inverse
// autoregressive flow is triangular, and finds |m|² + tr C + d - 2 tr L with C = L Lᵀ. Both costs are exact; the
// cost of a model is measured as its excess over the optimal map on the same points, which removes most of the noise.
//
// Next on the walk: models/convex_flow.h, solvers/gaussian_transport.h.
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "experiments/support/flow_fitting.h"
#include "models/autoregressive.h"
#include "models/convex_flow.h"
#include "models/normalized_icnn.h"
#include "solvers/gaussian_transport.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

struct Settings {
  std::vector<std::int64_t> dims{2, 4, 8, 16};
  std::int64_t layers = 5, units = 64, test_points = 10'000;
  // Read twice. The 50,000 of the paper are learned by heart in 16 dimensions.
  std::int64_t training_points = 1'000'000;
  FlowFitOptions fit{.steps = 8000, .batch = 256, .learning_rate = 0.01};
};

using Block = ConvexFlow<AugmentedIcnn<Offset<GaussianSoftplus>, Offset<GaussianSoftplus>>>;

struct Source {
  Tensor mean, covariance, factor;  // m [d], C [d, d], L with L Lᵀ = C
  std::int64_t dim() const { return mean.dim(0); }
};

// In two dimensions the one of the paper's code; else m ~ N(0, I) and C ~ Wishart(I, d + 1), drawn with the seed.
Source source_of(std::int64_t d, std::uint64_t seed) {
  constexpr std::uint64_t kSources = std::uint64_t{1} << 60;
  Source source{tensor({1.5, 1.0}), tensor({{0.9, -0.75}, {-0.75, 0.9}}), {}};
  if (d != 2) {
    const auto counter = kSources + 2 * static_cast<std::uint64_t>(d);
    const Tensor a = random_normal({seed, counter}, {d, d + 1});
    source = {random_normal({seed, counter + 1}, {d}), matmul(a, transpose(a)), {}};
  }
  source.factor = cholesky(source.covariance);
  return source;
}

Tensor draw(const Source& source, const RandomKey& key, std::int64_t count, DType dtype) {
  return cast(matmul(random_normal(key, {count, source.dim()}), transpose(source.factor)) + source.mean, dtype);
}

double trace_of(const Tensor& a) { return sum(a * eye(a.dim(0))).item(); }

// What is known in closed form.
struct Exact {
  double entropy, optimal_cost, triangular_cost;
  AffineMap map;  // the optimal one

  explicit Exact(const Source& source)
      : map(bures_map(source.mean, source.covariance, zeros({source.dim()}), eye(source.dim()))) {
    const auto d = static_cast<double>(source.dim());
    entropy = 0.5 * spd_logdet(source.covariance).item() + 0.5 * d * std::log(2 * std::numbers::pi * std::numbers::e);
    const double moments = sum(square(source.mean)).item() + trace_of(source.covariance) + d;
    optimal_cost = moments - 2 * trace_of(symmetric_sqrt(source.covariance));
    triangular_cost = moments - 2 * trace_of(source.factor);
  }
};

struct Judgement {
  double kl, kl_se, cost, uvp;
};

template <class F>
Judgement judge(Run& run, const F& flow, const Tensor& x, const Exact& exact) {
  const F model = cast_parameters(flow, DType::Float64);
  const Tensor optimal = exact.map(x), image = model(x);
  // The entropy of these very points in the place of that of the distribution: the same mean, and less noise.
  const Tensor own = 0.5 * sum(square(optimal), {-1}) + exact.entropy - 0.5 * static_cast<double>(x.dim(1));
  const MeanNll kl = mean_nll(log_density_in_pieces(run, model, x) + own);
  const Tensor excess = sum(square(x - image) - square(x - optimal), {-1});
  return {kl.value, kl.standard_error, exact.optimal_cost + mean(excess).item(),
          l2_uvp(image, optimal, static_cast<double>(x.dim(1))).item()};
}

class Study {
 public:
  Study(Run& run, const Settings& settings, std::int64_t dim)
      : run_(run), settings_(settings), source_(source_of(dim, run.seed())), exact_(source_) {
    plot_ = {.name = str("coupling_", dim),
             .title = str("Cost against divergence while training, ", dim, " dimensions")};
    plot_.x_label = "KL divergence (nats)";
    plot_.y_label = "transport cost";
    plot_.x_scale = Scale::Log;
  }

  template <class F>
  void fit(const std::string& model, F flow) {
    const Tensor data = draw(source_, key(1), settings_.training_points, run_.dtype());
    const Tensor fresh = draw(source_, key(2), settings_.test_points, DType::Float64);
    const Tensor few = slice(fresh, 0, 0, std::min<std::int64_t>(1000, fresh.dim(0)));
    if constexpr (requires { flow.initialize_from(data); })
      flow.initialize_from(slice(data, 0, 0, std::min<std::int64_t>(1024, data.dim(0))));
    Curve curve{model};
    const FlowWatcher<F> watch = [&](std::int64_t, const F& now) {
      const Judgement seen = judge(run_, now, few, exact_);
      curve.x.push_back(seen.kl > 0 ? seen.kl : std::nan(""));
      curve.y.push_back(seen.cost);
    };
    const FlowFit fitted = fit_flow(run_, str("d", source_.dim(), "-", model), flow, data, ExactLogdet(), settings_.fit,
                                    run_.seed(), 25, watch);
    const Judgement end = judge(run_, flow, fresh, exact_);
    run_.add_result({{"dim", source_.dim()},
                     {"model", model},
                     {"kl", end.kl},
                     {"kl_se", end.kl_se},
                     {"transport_cost", end.cost},
                     {"optimal_cost", exact_.optimal_cost},
                     {"triangular_cost", exact_.triangular_cost},
                     {"l2_uvp", end.uvp},
                     {"seconds", fitted.seconds}});
    plot_.curves.push_back(curve);
  }

  void finish() {
    const std::vector<double> ends = common_range();
    plot_.curves.push_back({"optimal", ends, {exact_.optimal_cost, exact_.optimal_cost}});
    plot_.curves.push_back({"triangular", ends, {exact_.triangular_cost, exact_.triangular_cost}});
    run_.draw(plot_);
  }

 private:
  RandomKey key(std::uint64_t stream) const {
    return {run_.seed(), (std::uint64_t{1} << 61) + 8 * static_cast<std::uint64_t>(source_.dim()) + stream};
  }
  std::vector<double> common_range() const {
    double low = 1, high = 1;
    for (const Curve& curve : plot_.curves)
      for (const double x : curve.x)
        if (x > 0) low = std::min(low, x), high = std::max(high, x);
    return {low, high};
  }

  Run& run_;
  const Settings& settings_;
  Source source_;
  Exact exact_;
  LinePlot plot_;
};

void run_study(Run& run, const Settings& settings) {
  run.plan_stages(2 * static_cast<int>(settings.dims.size()));
  for (const std::int64_t dim : settings.dims) {
    Study study(run, settings, dim);
    const RandomKey key(run.seed(), 0);
    using Potential = decltype(Block::potential.convex);
    study.fit("CP-Flow",
              Block::around(Potential::random(key, dim, settings.units, settings.layers, run.dtype()), run.dtype()));
    study.fit("linear IAF", linear_iaf(key, dim, run.dtype()));
    study.finish();
  }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "cpflow_coupling",
       .claim = "Trained by likelihood alone, a convex potential flow converges to the optimal transport map, and an "
                "inverse autoregressive flow to a costlier one.",
       .source = "Huang, Chen, Tsirigotis & Courville, Convex Potential Flows (2021), section 5.2, figure 4",
       .description =
           "Sends correlated Gaussians to the standard one with one convex potential block and with a linear "
           "inverse autoregressive flow, and compares divergence and cost with their exact limits.",
       .columns = {"dim", "model", "kl", "transport_cost", "optimal_cost", "triangular_cost", "l2_uvp", "seconds"}},
      [&](OptionTable& options) {
        options.integers("dims", settings.dims, {.min = 2, .max = 64}, "dimensions, each a study of its own");
        options.integer("layers", settings.layers, {.min = 1, .max = 1000, .quick = 2},
                        "hidden layers of the potential");
        options.integer("units", settings.units, {.min = 2, .max = 100'000, .quick = 32},
                        "hidden units in each layer, an even number");
        options.integer("training-points", settings.training_points, {.min = 128, .max = 10'000'000, .quick = 50'000},
                        "points to train on");
        options.integer("test-points", settings.test_points, {.min = 100, .max = 10'000'000},
                        "fresh points to judge by");
        add_flow_fit_options(options, settings.fit, 300);
      },
      [&](Run& run) {
        for (const int dim : {2, 8, 16})
          run.add_paper({{"dim", dim}, {"model", "CP-Flow"}, {"statement", "approaches the optimal cost (figure 4)"}});
        run_study(run, settings);
      });
}

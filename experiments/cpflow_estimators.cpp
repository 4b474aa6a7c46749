// The gradient of ln det H of a convex potential flow, H = ∇²u(x), and what its estimators cost and get wrong.
//
//   tolerance   figure 7: signal-to-noise ratio and bias of z vᵀ as an estimator of H⁻¹, against the tolerance of CG
//   cost        figures 2 and 9: peak memory and seconds of a gradient, by back-propagation through m Lanczos steps and by
//               the surrogate with k CG steps
//   error       the same two against the exact gradient
//   training    the exact loss of a flow that is trained with each of them
//
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), figure 2 and appendix F.
// Next on the walk: experiments/support/logdet_gradients.h, solvers/slq.h.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "engine/brenier.h"
#include "engine/compile_gradient.h"
#include "experiments/support/inverse_estimator.h"
#include "experiments/support/logdet_gradients.h"
#include "experiments/support/map_fitting.h"
#include "experiments/support/program.h"
#include "models/flow.h"
#include "models/normalized_icnn.h"
#include "solvers/adam.h"
#include "solvers/flat_parameters.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

enum class Study { All, Tolerance, Cost, Error, Training };

struct Settings {
  Study study = Study::All;
  std::int64_t matrices = 10, draws = 100'000;                  // of the study of tolerances
  std::int64_t dim = 43, units = 256, layers = 5, batch = 256;  // of the potential in the study of cost
  std::int64_t error_batch = 64, probes = 8, repetitions = 3;
  std::int64_t training_dim = 32, training_steps = 800;
  double stretch = 300;  // largest by smallest standard deviation of the data of training
};

// --- Figure 7 ---------------------------------------------------------------------------------------------------------

constexpr std::int64_t kMatrixSize = 10;

std::vector<double> tolerances() {
  std::vector<double> result{0, 1e-3, 1e-2};
  for (int i = 1; i <= 20; ++i) result.push_back(0.05 * i);
  return result;
}

struct Spread {
  double mean = 0, low = 0, high = 0;
};
Spread spread_of(const std::vector<double>& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  double sum = 0;
  for (double number : x) sum += number;
  return {sum / static_cast<double>(x.size()), *low, *high};
}

void add_point(Curve& curve, double x, const Spread& y) {
  curve.x.push_back(x);
  curve.y.push_back(y.mean);
  curve.low.push_back(y.low);
  curve.high.push_back(y.high);
}

// What one choice of start and part gave for all matrices at one tolerance.
struct ToleranceStudy {
  const char* start;
  const char* part;
  Curve snr, bias;

  void add(Run& run, double tolerance, const std::vector<EstimatorError>& sampled,
           const std::vector<EstimatorError>& enumerated, double iterations) {
    std::vector<double> ratios, biases, exact;
    for (const EstimatorError& error : sampled) ratios.push_back(error.snr), biases.push_back(error.bias);
    for (const EstimatorError& error : enumerated) exact.push_back(error.bias);
    const Spread ratio = spread_of(ratios), bias_spread = spread_of(biases);
    run.add_result({{"study", "tolerance"},
                    {"start", start},
                    {"part", part},
                    {"atol", tolerance},
                    {"snr", ratio.mean},
                    {"snr_lowest", ratio.low},
                    {"snr_highest", ratio.high},
                    {"bias", bias_spread.mean},
                    {"exact_bias", spread_of(exact).mean},
                    {"iterations", iterations}});
    add_point(snr, tolerance, ratio);
    add_point(bias, tolerance, bias_spread);
  }
};

// Both parts for one start. The draws and all 1024 sign vectors; the bias over the latter has no noise.
void study_start(Run& run, const Settings& settings, CgStart start, double tolerance, ToleranceStudy& plain,
                 ToleranceStudy& symmetric) {
  std::vector<EstimatorError> sampled[2], enumerated[2];
  double iterations = 0;
  for (std::int64_t i = 0; i < settings.matrices; ++i) {
    run.poll_interrupt();
    const auto key = [&](std::int64_t stream) {
      return RandomKey(run.seed(), static_cast<std::uint64_t>(2 * i + stream));
    };
    const Tensor h = wishart(key(0), kMatrixSize, 2 * kMatrixSize, run.dtype()) / static_cast<double>(kMatrixSize);
    const Tensor signs = random_rademacher(key(1), {settings.draws, kMatrixSize}, run.dtype());
    const InverseEstimate drawn = judge_inverse_estimator(h, signs, tolerance, start);
    const InverseEstimate all = judge_inverse_estimator(h, all_signs(kMatrixSize, run.dtype()), tolerance, start);
    sampled[0].push_back(drawn.plain), sampled[1].push_back(drawn.symmetric);
    enumerated[0].push_back(all.plain), enumerated[1].push_back(all.symmetric);
    iterations += drawn.iterations / static_cast<double>(settings.matrices);
  }
  plain.add(run, tolerance, sampled[0], enumerated[0], iterations);
  symmetric.add(run, tolerance, sampled[1], enumerated[1], iterations);
}

void draw_tolerance(Run& run, const Settings& settings) {
  std::vector<ToleranceStudy> studies;
  for (const char* start : {"zero", "probe"})
    for (const char* part : {"all", "symmetric"}) {
      const std::string label =
          str(part[0] == 'a' ? "z v'" : "symmetric part", start[0] == 'z' ? ", from 0" : ", from v");
      studies.push_back({start, part, {label}, {label}});
    }
  std::vector<double> all = tolerances();
  for (double tolerance : all) {
    study_start(run, settings, CgStart::Zero, tolerance, studies[0], studies[1]);
    study_start(run, settings, CgStart::Probe, tolerance, studies[2], studies[3]);
  }
  LinePlot snr{.name = "estimator_snr", .title = "Estimates of the inverse of 10 x 10 Wishart matrices"};
  snr.x_label = "absolute tolerance of conjugate gradients";
  snr.y_label = "signal-to-noise ratio";
  LinePlot bias = snr;
  bias.name = "estimator_bias";
  bias.y_label = "absolute bias";
  for (const ToleranceStudy& study : studies) {
    snr.curves.push_back(study.snr);
    bias.curves.push_back(study.bias);
  }
  run.draw(snr);
  run.draw(bias);
}

// --- A potential ------------------------------------------------------------------------------------------------------

// u(x) = softplus(w₁) F(x) + softplus(w₀) |x|²/2 with an input-augmented ICNN F. At the start softplus(w₀) = 1, w₁ = 0.
struct FlowPotential {
  AugmentedIcnn<Softplus, Symmetrized<Softplus>> icnn;
  Tensor quadratic, convex;  // w₀ and w₁, [1]

  static FlowPotential random(const RandomKey& key, const Tensor& x, std::int64_t units, std::int64_t layers) {
    FlowPotential u{AugmentedIcnn<Softplus, Symmetrized<Softplus>>::random(key, x.dim(1), units, layers, x.dtype()),
                    full({1}, std::log(std::exp(1.0) - 1), x.dtype()), zeros({1}, x.dtype())};
    u.icnn.initialize_from(x);
    return u;
  }

  Tensor operator()(const Tensor& x) const {
    return softplus(convex) * icnn(x) + softplus(quadratic) * (0.5 * sum(square(x), {-1}, true));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("icnn", icnn, visit);
    visit("quadratic", quadratic);
    visit("convex", convex);
  }
};

// The median over rows of the condition numbers of ∇²u(x).
double median_condition(const FlowPotential& u, const Tensor& x) {
  const Tensor hessians =
      with_recorded_input(u, x, [&](const Tensor& input) { return batch_hessian(u(input), input); });
  const Tensor values = cast(symmetric_eigen(hessians.detached()).values, DType::Float64);
  const Tensor ratios = select(values, -1, values.dim(-1) - 1) / select(values, -1, 0);
  return median(ratios.to_vector<double>());
}

FlowPotential exact_gradient(const FlowPotential& u, const Tensor& x) {
  return with_gradient([&](const FlowPotential& p) { return exact_logdet(p, x); })(u).gradient;
}
FlowPotential lanczos_gradient(const FlowPotential& u, const Tensor& x, const Tensor& v, std::int64_t steps) {
  return with_gradient([&](const FlowPotential& p) { return lanczos_logdet(p, x, v, steps); })(u).gradient;
}
FlowPotential surrogate_gradient(const FlowPotential& u, const Tensor& x, const Tensor& v, std::int64_t steps) {
  const Tensor z = hessian_solution(u, x, v, {.relative_tolerance = 0, .max_iterations = steps, .confirm = false});
  return with_gradient([&](const FlowPotential& p) { return surrogate_logdet(p, x, v, z); })(u).gradient;
}

struct Method {
  const char* name;
  FlowPotential (*gradient)(const FlowPotential&, const Tensor& x, const Tensor& v, std::int64_t steps);
};
constexpr Method kMethods[] = {{"Lanczos", lanczos_gradient}, {"surrogate", surrogate_gradient}};

// 1 … d, denser at the beginning.
std::vector<std::int64_t> step_counts(std::int64_t d) {
  std::vector<std::int64_t> result;
  for (std::int64_t m : {1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 36})
    if (m < d) result.push_back(m);
  result.push_back(d);
  return result;
}

// --- Figures 2 and 9 --------------------------------------------------------------------------------------------------

struct Cost {
  double seconds = 0, megabytes = 0;  // the latter at the peak, beyond what was there before
};

// One call of `work`; its result lives until the end.
template <class Work>
Cost cost_of(const Work& work) {
  using Clock = std::chrono::steady_clock;
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  const auto start = Clock::now();
  const auto result = work();
  result.quadratic.item();  // waits for the device
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {seconds, static_cast<double>(memory_stats().peak_bytes - before) / 1e6};
}

void draw_cost(Run& run, const Settings& settings) {
  const Tensor x = random_normal({run.seed(), 100}, {settings.batch, settings.dim}, run.dtype());
  const Tensor v = random_rademacher({run.seed(), 101}, x.shape(), run.dtype());
  const auto u = FlowPotential::random({run.seed(), 102}, x, settings.units, settings.layers);
  LinePlot memory{.name = "memory", .title = "One gradient of ln det of a flow"};
  memory.x_label = "steps of Lanczos or conjugate gradients";
  memory.y_label = "peak memory (MB)";
  LinePlot seconds = memory;
  seconds.name = "seconds";
  seconds.y_label = "seconds";
  for (const Method& method : kMethods) memory.curves.push_back({method.name}), seconds.curves.push_back({method.name});
  for (std::int64_t steps : step_counts(settings.dim)) {
    std::vector<double> times[2];
    Cost cost[2];
    for (std::int64_t i = 0; i < settings.repetitions; ++i)
      for (std::size_t k = 0; k < 2; ++k) {
        run.poll_interrupt();
        cost[k] = cost_of([&] { return kMethods[k].gradient(u, x, v, steps); });
        times[k].push_back(cost[k].seconds);
      }
    for (std::size_t k = 0; k < 2; ++k) {
      run.add_result({{"study", "cost"},
                      {"method", kMethods[k].name},
                      {"steps", steps},
                      {"peak_megabytes", cost[k].megabytes},
                      {"seconds", median(times[k])}});
      memory.curves[k].x.push_back(static_cast<double>(steps));
      memory.curves[k].y.push_back(cost[k].megabytes);
      seconds.curves[k].x.push_back(static_cast<double>(steps));
      seconds.curves[k].y.push_back(median(times[k]));
    }
  }
  run.draw(memory);
  run.draw(seconds);
}

// --- Against the exact gradient ---------------------------------------------------------------------------------------

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

void study_error(Run& run, const Settings& settings, const char* potential, const FlowPotential& u, const Tensor& x,
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

void draw_error(Run& run, const Settings& settings) {
  const Tensor x = random_normal({run.seed(), 103}, {settings.error_batch, settings.dim}, run.dtype());
  auto u = FlowPotential::random({run.seed(), 104}, x, settings.units, settings.layers);
  LinePlot plot{.name = "gradient_bias", .title = "Gradients of ln det from few steps"};
  plot.x_label = "steps of Lanczos or conjugate gradients";
  plot.y_label = "bias relative to the gradient";
  plot.y_scale = Scale::Log;
  study_error(run, settings, "start", u, x, plot);
  u.quadratic = full({1}, -7, x.dtype());
  u.convex = full({1}, 3, x.dtype());
  study_error(run, settings, "stretched", u, x, plot);
  run.draw(plot);
}

// --- Training with each of them ---------------------------------------------------------------------------------------

using Logdet = std::function<Tensor(const FlowPotential& u, const std::vector<Tensor>& data)>;  // data: x, v and z
struct Trainee {
  std::string method;
  std::int64_t steps;  // 0: until the tolerance is met
  Logdet logdet;
};

std::vector<Trainee> trainees() {
  const auto lanczos = [](std::int64_t m) {
    return Trainee{"Lanczos", m, [m](const FlowPotential& u, const std::vector<Tensor>& data) {
                     return lanczos_logdet(u, data[0], data[1], m);
                   }};
  };
  const Logdet surrogate = [](const FlowPotential& u, const std::vector<Tensor>& data) {
    return surrogate_logdet(u, data[0], data[1], data[2]);
  };
  const Logdet exact = [](const FlowPotential& u, const std::vector<Tensor>& data) { return exact_logdet(u, data[0]); };
  return {lanczos(5), lanczos(10), {"surrogate", 0, surrogate}, {"exact", 0, exact}};
}

// Normal numbers with standard deviations from 1/stretch to 1 along the axes of a reflection: [n, d].
Tensor stretched_normal(const RandomKey& key, std::int64_t n, std::int64_t d, double stretch, DType dtype) {
  const Tensor scales = exp(linspace(-std::log(stretch), 0, d, dtype)), axis = linspace(1, 2, d, dtype);
  const Tensor z = scales * random_normal(key, {n, d}, dtype);
  return z - sum(z * axis, {-1}, true) * axis * (2 / sum(square(axis)).item());
}
double stretched_entropy(std::int64_t d, double stretch) {
  const double mean_log_scale = -0.5 * std::log(stretch);
  return static_cast<double>(d) * (mean_log_scale + 0.5 * (1 + std::log(2 * std::numbers::pi)));
}

// -mean ln p with a log-determinant of one's own.
template <class Potential>
Tensor flow_loss(const Potential& u, const Tensor& x, const Tensor& logdet) {
  return -mean(normal_log_density(gradient_map(u, x))) - logdet;
}

void train(Run& run, const Settings& settings, const Trainee& trainee, LinePlot& plot) {
  constexpr std::int64_t kBatch = 128, kEvery = 25;
  const std::int64_t d = settings.training_dim;
  const auto batch_at = [&](std::int64_t step) {
    return stretched_normal({run.seed(), static_cast<std::uint64_t>(1000 + step)}, kBatch, d, settings.stretch,
                            run.dtype());
  };
  const Tensor test = stretched_normal({run.seed(), 300}, 1024, d, settings.stretch, run.dtype());
  auto u = FlowPotential::random({run.seed(), 301}, test, 64, 3);
  const auto program =
      compile_gradient(u, {batch_at(0), batch_at(0), batch_at(0)},
                       [&](const auto& m, const auto& data) { return flow_loss(m, data[0], trainee.logdet(m, data)); });
  Adam adam{.learning_rate = 5e-3};
  Curve curve{str(trainee.method, trainee.steps > 0 ? str(" ", trainee.steps) : "")};
  double estimated = 0, exact = 0;
  std::int64_t step = 0;
  Stage stage = run.stage(curve.label, settings.training_steps, [&](Archive& archive) {
    archive("model", u);
    archive("adam", adam);
    archive("steps", curve.x);
    archive("gaps", curve.y);
    archive("estimated", estimated);
    archive("step", step);
  });
  for (; stage.keep_going(step); ++step) {
    const Tensor x = batch_at(step);
    const Tensor v =
        random_rademacher({run.seed(), static_cast<std::uint64_t>(1'000'000 + step)}, x.shape(), x.dtype());
    const Tensor z = trainee.method == "surrogate" ? hessian_solution(u, x, v) : v;
    const auto [loss, gradient] = program(u, {x, v, z});
    adam.step(u, gradient);
    estimated = 0.98 * estimated + 0.02 * loss.item();
    if ((step + 1) % kEvery != 0) continue;
    exact = flow_loss(u, test, exact_logdet(u, test)).item() - stretched_entropy(d, settings.stretch);
    curve.x.push_back(static_cast<double>(step + 1));
    curve.y.push_back(exact);
    stage.log(step, {{"exact_gap", exact}, {"loss", loss.item()}});
  }
  run.add_result({{"study", "training"},
                  {"method", trainee.method},
                  {"steps", trainee.steps},
                  {"exact_gap", curve.y.empty() ? std::nan("") : curve.y.back()},
                  {"estimated_gap",
                   trainee.method == "surrogate" ? std::nan("") : estimated - stretched_entropy(d, settings.stretch)},
                  {"condition", median_condition(u, test)},
                  {"seconds", stage.seconds()}});
  plot.curves.push_back(curve);
}

void draw_training(Run& run, const Settings& settings) {
  const std::vector<Trainee> all = trainees();
  run.plan_stages(static_cast<int>(all.size()));
  LinePlot plot{.name = "training", .title = "One flow trained on a stretched Gaussian, four estimators"};
  plot.x_label = "steps of Adam";
  plot.y_label = "exact loss above the entropy (nats)";
  plot.y_scale = Scale::Log;
  for (const Trainee& trainee : all) train(run, settings, trainee, plot);
  run.draw(plot);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "cpflow_estimators",
       .claim =
           "Gradients of ln det by conjugate gradients are unbiased up to their tolerance and need constant memory; "
           "back-propagation through Lanczos needs memory and time that grow with its size, and diverged for size 5.",
       .source = "Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), figures 2, 7 and 9, appendix F",
       .description =
           "Measures bias, noise, memory and time of estimators of the gradient of a flow's log-determinant.",
       .columns = {"study", "start", "part", "method", "atol", "steps", "snr", "bias", "exact_bias", "iterations",
                   "peak_megabytes", "error", "exact_gap", "estimated_gap", "condition", "seconds"}},
      [&](OptionTable& options) {
        options.choice("study", settings.study,
                       {{"all", Study::All},
                        {"tolerance", Study::Tolerance},
                        {"cost", Study::Cost},
                        {"error", Study::Error},
                        {"training", Study::Training}},
                       "which part to do");
        options.integer("matrices", settings.matrices, {.min = 1, .max = 1000, .quick = 3},
                        "random matrices of figure 7");
        options.integer("draws", settings.draws, {.min = 2, .max = 10'000'000, .quick = 5000}, "of v for each of them");
        options.integer("dim", settings.dim, {.min = 1, .max = 1000, .quick = 12}, "inputs of the potential");
        options.integer("units", settings.units, {.min = 2, .max = 10'000, .quick = 32}, "its width, even");
        options.integer("layers", settings.layers, {.min = 1, .max = 100, .quick = 3}, "its hidden layers");
        options.integer("batch", settings.batch, {.min = 1, .max = 100'000, .quick = 64}, "points of one gradient");
        options.integer("training-steps", settings.training_steps, {.min = 1, .max = 100'000, .quick = 100},
                        "of Adam for each estimator");
        options.integer("training-dim", settings.training_dim, {.min = 2, .max = 1000, .quick = 8},
                        "inputs of the flows that are trained");
        options.number("stretch", settings.stretch, {.min = 1, .max = 1e6},
                       "largest by smallest standard deviation of their data");
      },
      [&](Run& run) {
        const auto wanted = [&](Study study) { return settings.study == Study::All || settings.study == study; };
        if (wanted(Study::Tolerance)) draw_tolerance(run, settings);
        if (wanted(Study::Cost)) draw_cost(run, settings);
        if (wanted(Study::Error)) draw_error(run, settings);
        if (wanted(Study::Training)) draw_training(run, settings);
      });
}

// One flow trained with each estimator of the gradient of ln det, and judged by its exact loss.
//
// A Gauss rule of few nodes is above ln det, and its gradient is that of the estimate, not of ln det: training widens the
// gap. The estimated loss falls below the entropy of the data, which no loss can, while the exact one rises. This is how
// back-propagation through five steps diverges. Five iterations of conjugate gradients are no better; a tolerance is.
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "engine/brenier.h"
#include "engine/compile_gradient.h"
#include "experiments/estimators/flow_potential.h"
#include "experiments/estimators/studies.h"
#include "models/flow.h"
#include "solvers/adam.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kBatch = 128, kEvery = 25;  // points of a step; steps between two looks at the exact loss

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
  return {lanczos(5), lanczos(10), {"surrogate", 5, surrogate}, {"surrogate", 0, surrogate}, {"exact", 0, exact}};
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

// The z of the surrogate; others do not look at it.
Tensor solution(const Trainee& trainee, const FlowPotential& u, const Tensor& x, const Tensor& v) {
  if (trainee.method != "surrogate") return v;
  if (trainee.steps == 0) return hessian_solution(u, x, v);
  return hessian_solution(u, x, v, {.relative_tolerance = 0, .max_iterations = trainee.steps, .confirm = false});
}

Tensor points_of(const Run& run, const Settings& settings, std::uint64_t counter, std::int64_t count) {
  return stretched_normal({run.seed(), counter}, count, settings.training_dim, settings.stretch, run.dtype());
}

// A flow on its way.
struct Trained {
  FlowPotential u;
  Adam adam{.learning_rate = 5e-3};
  Curve curve;           // exact loss above the entropy
  double estimated = 0;  // moving average of the loss whose gradient is taken
  std::int64_t step = 0;

  void operator()(Archive& archive) {
    archive("model", u);
    archive("adam", adam);
    archive("steps", curve.x);
    archive("gaps", curve.y);
    archive("estimated", estimated);
    archive("step", step);
  }
};

// One step of Adam; the loss. `program` maps the model, x, v and z to loss and gradient.
double advance(Run& run, const Settings& settings, const Trainee& trainee,
               const GradientProgram<FlowPotential>& program, Trained& flow) {
  const auto counter = static_cast<std::uint64_t>(flow.step);
  const Tensor x = points_of(run, settings, 1000 + counter, kBatch);
  const Tensor v = random_rademacher({run.seed(), 1'000'000 + counter}, x.shape(), x.dtype());
  const auto [loss, gradient] = program(flow.u, {x, v, solution(trainee, flow.u, x, v)});
  flow.adam.step(flow.u, gradient);
  const double value = loss.item();
  flow.estimated = flow.step == 0 ? value : 0.98 * flow.estimated + 0.02 * value;
  return value;
}

void train(Run& run, const Settings& settings, const Trainee& trainee, LinePlot& plot) {
  const double entropy = stretched_entropy(settings.training_dim, settings.stretch);
  const Tensor test = points_of(run, settings, 300, 1024), example = points_of(run, settings, 1000, kBatch);
  Trained flow{.u = random_potential({run.seed(), 301}, test, 64, 3),
               .curve = {str(trainee.method, trainee.steps > 0 ? str(" ", trainee.steps) : "")}};
  const auto program = compile_gradient(flow.u, {example, example, example}, [&](const auto& u, const auto& data) {
    return flow_loss(u, data[0], trainee.logdet(u, data));
  });
  Stage stage = run.stage(flow.curve.label, settings.training_steps, std::ref(flow));
  for (; stage.keep_going(flow.step); ++flow.step) {
    const double loss = advance(run, settings, trainee, program, flow);
    if ((flow.step + 1) % kEvery != 0) continue;
    flow.curve.x.push_back(static_cast<double>(flow.step + 1));
    flow.curve.y.push_back(flow_loss(flow.u, test, exact_logdet(flow.u, test)).item() - entropy);
    stage.log(flow.step, {{"exact_gap", flow.curve.y.back()}, {"loss", loss}});
  }
  const bool meaningful = trainee.method != "surrogate" && flow.step > 0;
  run.add_result({{"study", "training"},
                  {"method", trainee.method},
                  {"steps", trainee.steps},
                  {"exact_gap", flow.curve.y.empty() ? std::nan("") : flow.curve.y.back()},
                  {"estimated_gap", meaningful ? flow.estimated - entropy : std::nan("")},
                  {"condition", median_condition(flow.u, test)},
                  {"seconds", stage.seconds()}});
  plot.curves.push_back(flow.curve);
}

}  // namespace

void study_training(Run& run, const Settings& settings) {
  const std::vector<Trainee> all = trainees();
  run.plan_stages(static_cast<int>(all.size()));
  LinePlot plot{.name = "training", .title = "One flow trained on a stretched Gaussian, by several estimators"};
  plot.x_label = "steps of Adam";
  plot.y_label = "exact loss above the entropy (nats)";
  plot.y_scale = Scale::Log;
  for (const Trainee& trainee : all) train(run, settings, trainee, plot);
  run.draw(plot);
}

}  // namespace brenier::experiments

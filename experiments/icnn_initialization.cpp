// How input-convex networks start, and what that is worth: the published start against the principled one of
// models/convex_initialization.h, for the ICNN without norms and the input-augmented one of CP-Flow.
//
//   signal     mean and deviation of pre-activations for x ~ N(0, I), by layer; the Hessian's condition number and
//              |∇u|, by depth; the condition of I + H ln 2, which the block of a CP-Flow has at its start.
//   training   the error left after some steps of Adam that fit ∇u to the gradient of a log-sum-exp, on fresh points,
//              as a share of that gradient's variance.
//
// "published" is CP-Flow's, with the data-dependent start of norms; "principled" looks at no data; "fixed point" is
// that of Hoedt & Klambauer (2023) with correlation 1/2, which is unstable for smooth activations.
// Next on the walk: models/convex_initialization.h, models/signal_propagation.h.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "experiments/support/map_fitting.h"
#include "experiments/support/program.h"
#include "models/convex_initialization.h"
#include "models/log_sum_exp.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

constexpr std::int64_t kSignalRows = 256, kHessianRows = 24, kTargetUnits = 12, kTestRows = 2000;

struct Settings {
  FitOptions fit{.adam_steps = 400, .lbfgs_steps = 0, .batch = 128, .learning_rate = 5e-3};
  std::int64_t seeds = 5;
  std::vector<std::int64_t> dims{2, 43}, widths{32, 256}, depths{1, 2, 3, 5, 7, 10, 14, 20},
      training_depths{2, 5, 10, 20};
  std::int64_t training_width = 32;
  PrincipledOptions principled{};
};

enum class Start { Published, Principled, FixedPoint };
constexpr const char* name_of(Start start) {
  return start == Start::Published ? "published" : start == Start::Principled ? "principled" : "fixed point";
}

using Vanilla = Icnn<Softplus>;
using Augmented = AugmentedIcnn<Softplus, Symmetrized<Softplus>>;
template <class Model>
constexpr const char* kName = std::is_same_v<Model, Vanilla> ? "vanilla" : "augmented";
template <class Model>
std::vector<Start> starts() {
  if constexpr (std::is_same_v<Model, Vanilla>) return {Start::Published, Start::Principled, Start::FixedPoint};
  return {Start::Published, Start::Principled};
}

template <class Model>
Model started(Start start, std::uint64_t seed, std::int64_t dim, std::int64_t width, std::int64_t depth, DType dtype,
              const PrincipledOptions& principled) {
  Model model = Model::random({seed, 0}, dim, width, depth, dtype);
  if (start == Start::Principled) principled_start(model, {seed, 100}, principled);
  if (start == Start::FixedPoint) principled_start(model, {seed, 100}, {.correlation = 0.5});
  if constexpr (requires(const Tensor& x) { model.initialize_from(x); })
    if (start == Start::Published) model.initialize_from(random_normal({seed, 200}, {1000, dim}, dtype));
  return model;
}

double quantile(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(level * static_cast<double>(values.size() - 1))];
}

void append(std::vector<double>& to, const Tensor& values) {
  const std::vector<double> numbers = values.to_vector<double>();
  to.insert(to.end(), numbers.begin(), numbers.end());
}

// Of several networks of one kind.
struct Signal {
  std::vector<double> means, deviations;  // by layer, averaged over networks
  std::vector<double> conditions, block_conditions, slopes;

  template <class Model>
  void add(const Model& model, const Tensor& x, double weight) {
    const std::vector<Tensor> layers = pre_activations(model, x);
    means.resize(layers.size());
    deviations.resize(layers.size());
    for (std::size_t k = 0; k < layers.size(); ++k) {
      means[k] += weight * mean(layers[k]).item();
      deviations[k] += weight * std::sqrt(mean(variance(layers[k], {0})).item());
    }
    const Tensor points = slice(x, 0, 0, kHessianRows);
    append(slopes, sqrt(sum(square(gradient_map(model, points)), {-1})));
    const Tensor values = symmetric_eigen(map_jacobian(GradientMap<Model>{model}, points)).values;
    // Eigenvalues within rounding of zero are zero: the condition is then infinite.
    const Tensor low = select(values, -1, 0), high = select(values, -1, values.dim(-1) - 1);
    append(conditions, where(less(1e-13 * high, low), high / low, INFINITY));
    append(block_conditions, (1.0 + std::log(2.0) * high) / (1.0 + std::log(2.0) * low));
  }
};

class Study {
 public:
  Study(Run& run, const Settings& settings) : run_(run), settings_(settings) {}

  template <class Model>
  void signal(Start start, std::int64_t dim, std::int64_t width) {
    Curve& condition = curve(hessian_conditions_, title<Model>(start, dim, width));
    Curve& block = curve(block_conditions_, title<Model>(start, dim, width));
    for (const std::int64_t depth : settings_.depths) {
      run_.poll_interrupt();
      Signal signal;
      for (std::int64_t i = 0; i < settings_.seeds; ++i) {
        const std::uint64_t seed = run_.seed() + static_cast<std::uint64_t>(i);
        const Tensor x = random_normal({seed, 300}, {kSignalRows, dim});
        signal.add(started<Model>(start, seed, dim, width, depth, DType::Float64, settings_.principled), x,
                   1 / static_cast<double>(settings_.seeds));
      }
      run_.add_result(row<Model>(start, dim, width, depth, signal));
      add_point(condition, depth, median(signal.conditions));
      add_point(block, depth, median(signal.block_conditions));
      if (depth == settings_.depths.back()) add_layers(title<Model>(start, dim, width), signal);
    }
  }

  template <class Model>
  void training(Start start, std::int64_t dim, std::int64_t width) {
    Curve& errors = curve(errors_, title<Model>(start, dim, width));
    for (const std::int64_t depth : settings_.training_depths) {
      std::vector<double> left;
      double seconds = 0;
      for (std::int64_t i = 0; i < settings_.seeds; ++i)
        left.push_back(fit<Model>(start, dim, width, depth, i, seconds));
      run_.add_result({{"study", "training"},
                       {"model", kName<Model>},
                       {"start", name_of(start)},
                       {"dim", dim},
                       {"width", width},
                       {"depth", depth},
                       {"error_median", median(left)},
                       {"error_worst", *std::max_element(left.begin(), left.end())},
                       {"errors", left},
                       {"seconds", seconds}});
      add_point(errors, depth, median(left));
    }
  }

  void draw() {
    plot("deviations", "Spread of pre-activations", "layer", "standard deviation", deviations_, Scale::Log);
    plot("means", "Mean of pre-activations", "layer", "mean", means_, Scale::Linear);
    plot("condition", "Hessian, median", "hidden layers", "condition number", hessian_conditions_, Scale::Log);
    plot("block_condition", "I + H ln 2, median", "hidden layers", "condition number", block_conditions_,
         Scale::Linear);
    plot("training", "Error after Adam, median", "hidden layers", "unexplained share of variance", errors_, Scale::Log);
  }

 private:
  template <class Model>
  static std::string title(Start start, std::int64_t dim, std::int64_t width) {
    return str(kName<Model>, ", ", name_of(start), ", d = ", dim, ", ", width, " units");
  }

  static Curve& curve(std::vector<Curve>& curves, const std::string& label) {
    return curves.emplace_back(Curve{label});
  }
  static void add_point(Curve& curve, std::int64_t x, double y) {
    curve.x.push_back(static_cast<double>(x));
    curve.y.push_back(y);
  }

  // Each from another truth: the gradient of log-sum-exp of rows with slopes of two to three along every line.
  template <class Model>
  double fit(Start start, std::int64_t dim, std::int64_t width, std::int64_t depth, std::int64_t i, double& seconds) {
    const std::uint64_t seed = run_.seed() + static_cast<std::uint64_t>(i);
    const double slope = 3 / std::sqrt(static_cast<double>(dim));
    const LogSumExp truth{{slope * random_normal({seed, 301}, {kTargetUnits, dim}, run_.dtype()),
                           random_normal({seed, 302}, {kTargetUnits}, run_.dtype())}};
    const Tensor x = random_normal({seed, 303}, {4096, dim}, run_.dtype());
    const Tensor fresh = random_normal({seed, 304}, {kTestRows, dim}, run_.dtype());
    GradientMap<Model> map{started<Model>(start, seed, dim, width, depth, run_.dtype(), settings_.principled)};
    std::vector<double> losses;
    std::string stage = str(title<Model>(start, dim, width), " ", depth, "/seed", i);
    std::replace(stage.begin(), stage.end(), ' ', '_');
    seconds += fit_map(
        run_, stage, map, x, gradient_map(truth, x), settings_.fit, seed, Optimizer::AdamAlone,
        [](const auto& model, const RandomKey&) { return model; }, losses);
    const Tensor expected = gradient_map(truth, fresh);
    return map_errors(map(fresh), expected).mse / sum(variance(expected, {0})).item();
  }

  template <class Model>
  Row row(Start start, std::int64_t dim, std::int64_t width, std::int64_t depth, const Signal& signal) const {
    return {{"study", "signal"},
            {"model", kName<Model>},
            {"start", name_of(start)},
            {"dim", dim},
            {"width", width},
            {"depth", depth},
            {"mean", signal.means.back()},
            {"deviation", signal.deviations.back()},
            {"condition_median", median(signal.conditions)},
            {"condition_90", quantile(signal.conditions, 0.9)},
            {"block_condition_median", median(signal.block_conditions)},
            {"block_condition_90", quantile(signal.block_conditions, 0.9)},
            {"gradient_median", median(signal.slopes)},
            {"gradient_90", quantile(signal.slopes, 0.9)},
            {"layer_means", signal.means},
            {"layer_deviations", signal.deviations}};
  }

  void add_layers(const std::string& label, const Signal& signal) {
    Curve means{label}, deviations{label};
    for (std::size_t k = 0; k < signal.means.size(); ++k) {
      // What explodes leaves the picture.
      const double mean = signal.means[k], deviation = signal.deviations[k];
      add_point(means, static_cast<std::int64_t>(k) + 1, std::abs(mean) < 3 ? mean : std::nan(""));
      add_point(deviations, static_cast<std::int64_t>(k) + 1, deviation < 100 ? deviation : std::nan(""));
    }
    means_.push_back(means);
    deviations_.push_back(deviations);
  }

  // One figure for each dimension, of the smallest width.
  void plot(const char* name, const char* heading, const char* x, const char* y, const std::vector<Curve>& curves,
            Scale scale) {
    for (const std::int64_t dim : settings_.dims) {
      const std::string ending = str(", d = ", dim, ", ", settings_.widths.front(), " units");
      LinePlot figure{.name = str(name, "_d", dim), .title = str(heading, ending)};
      figure.x_label = x;
      figure.y_label = y;
      figure.y_scale = scale;
      for (Curve found : curves) {
        if (!found.label.ends_with(ending)) continue;
        found.label.resize(found.label.size() - ending.size());
        figure.curves.push_back(found);
      }
      if (!figure.curves.empty()) run_.draw(figure);
    }
  }

  Run& run_;
  const Settings& settings_;
  std::vector<Curve> means_, deviations_, hessian_conditions_, block_conditions_, errors_;
};

template <class Model>
void study_all(Study& study, const Settings& settings, bool training) {
  for (const std::int64_t dim : settings.dims)
    for (const Start start : starts<Model>()) {
      if (training)
        study.training<Model>(start, dim, settings.training_width);
      else
        for (const std::int64_t width : settings.widths) study.signal<Model>(start, dim, width);
    }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "icnn_initialization",
       .claim = "Weights that start so that mean, variance and correlation of signals are kept let deep input-convex "
                "networks learn faster.",
       .source =
           "Hoedt & Klambauer, Principled weight initialisation for input-convex neural networks (2023); Huang et "
           "al., Convex potential flows (2021), for the published start",
       .description =
           "Compares starts of input-convex networks: signals by layer, conditioning of the Hessian, and the "
           "error after some steps of Adam.",
       .columns = {"study", "model", "start", "dim", "width", "depth", "mean", "deviation", "block_condition_median",
                   "gradient_median", "error_median", "error_worst"}},
      [&](OptionTable& options) {
        // The default of the list added last.
        const auto under_quick = [&](std::vector<std::int64_t>& list, const std::vector<std::int64_t>& quick) {
          options.entries().back().use_quick = [&list, quick] { list = quick; };
        };
        add_fit_options(options, settings.fit, 150, 0);
        options.integer("seeds", settings.seeds, {.min = 1, .max = 1000, .quick = 2}, "networks of each kind");
        options.integers("dims", settings.dims, {.min = 1, .max = 1000}, "dimensions of the input");
        options.integers("widths", settings.widths, {.min = 2, .max = 4096}, "even numbers of units, for the signals");
        under_quick(settings.widths, {32});
        options.integers("depths", settings.depths, {.min = 1, .max = 100}, "hidden layers, for the signals");
        under_quick(settings.depths, {1, 3, 10, 20});
        options.integers("training-depths", settings.training_depths, {.min = 1, .max = 100}, "those that are trained");
        under_quick(settings.training_depths, {2, 10});
        options.integer("training-width", settings.training_width, {.min = 2, .max = 4096}, "units of those");
        options.number("row-sum", settings.principled.row_sum, {.min = 1e-3, .max = 100}, "of the principled start");
        options.number("effective-inputs", settings.principled.effective_inputs, {.min = 1, .max = 1e6},
                       "of the principled start");
      },
      [&](Run& run) {
        run.plan_stages(static_cast<int>(
            settings.seeds * 5 * static_cast<std::int64_t>(settings.dims.size() * settings.training_depths.size())));
        Study study(run, settings);
        study_all<Vanilla>(study, settings, false);
        study_all<Augmented>(study, settings, false);
        study_all<Vanilla>(study, settings, true);
        study_all<Augmented>(study, settings, true);
        run.add_paper({{"statement", "ICNNs of relu learn faster from the principled start (figures)"}});
        study.draw();
      });
}

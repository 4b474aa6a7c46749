// Two couplings in the plane by monotone gradient networks (report on Chaudhari, Pranav & Moura, Learning gradients of
// convex functions with monotone gradient networks, 2023): N((-6, 4), I) is carried onto a correlated Gaussian and onto
// a banana, (X, Y + X² - 1/2) turned by π/5, from samples alone, by the Sinkhorn divergence between batches.
//
// The gradient of a convex function that carries one distribution onto the other is unique (Brenier 1991), so a monotone
// network that succeeds has found the optimal map, which between Gaussians is known. The sign-free network is under no
// such constraint. Training draws fresh points in every step; validation and judgement have points of their own.
//
// Next on the walk: experiments/support/transport_fitting.h, models/mgn.h, models/gradnet.h.
#include <algorithm>
#include <string>
#include <vector>

#include "experiments/support/coupling_scores.h"
#include "experiments/support/coupling_targets.h"
#include "experiments/support/fitted_start.h"
#include "experiments/support/transport_fitting.h"
#include "models/certificates.h"
#include "models/gradnet.h"
#include "models/mgn.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

enum class TargetChoice { All, Gaussian, Banana };
enum class ModelChoice { All, CMgn, MMgn, CGradNet, MGradNet, SignFree };

struct Settings {
  TargetChoice target = TargetChoice::All;
  ModelChoice model = ModelChoice::All;
  std::int64_t seeds = 5, validation_points = 1000, repetitions = 20;
  std::int64_t units = 0, depth = 0;  // 0: those of the report
  TransportFitOptions fit{
      .steps = 2000, .batch = 256, .learning_rate = 3e-2, .blur = 0.5, .scaling = 0.7, .validations = 20};
};

// Streams of random numbers: one seed for each, so that no point is drawn for two purposes.
enum Stream : std::uint64_t {
  kStart,
  kSource,
  kTarget,
  kValidationSource,
  kValidationTarget,
  kTestSource,
  kTestTarget
};
std::uint64_t seed_of(const Run& run, std::int64_t i, Stream stream) {
  return 8 * (run.seed() + static_cast<std::uint64_t>(i)) + stream;
}

// All models on one target.
class Study {
 public:
  Study(Run& run, const Settings& settings, const CouplingTarget& target)
      : run_(run), settings_(settings), target_(target) {
    if (settings.units > 0) target_.units = settings.units;
    if (settings.depth > 0) target_.depth = settings.depth;
    points_ = panels("points", "held-out points");
    grids_ = panels("grids", "what becomes of a grid");
    curves_ = {.name = str(target.name, "_training"),
               .title = str("Target ", target.name, ": validation while training, median and range of the seeds")};
    curves_.x_label = "step";
    curves_.y_label = "Sinkhorn divergence (1)";
    curves_.y_scale = Scale::Log;
    const Tensor to_target = mean(points(0, kTestTarget), {0}) - coupling_source_mean();
    points_.panels.push_back({.title = "source, moved", .points = points(0, kTestSource) + to_target});
    points_.panels.push_back({.title = "target", .points = points(0, kTestTarget)});
    grids_.panels.push_back({.title = "source, moved", .lines = grid() + to_target});
  }

  // What two samples of the target itself score.
  void report_floor() {
    const auto first = [&](std::int64_t r) { return points(2 * r, kTestTarget); };
    const auto second = [&](std::int64_t r) { return points(2 * r + 1, kTestTarget); };
    Row row{{"target", target_.name}, {"model", "floor"}, {"seed", nullptr}, {"parameters", nullptr}};
    add_scores(row, run_, settings_.repetitions, first, second);
    run_.add_result(row);
  }

  // From every seed; `make(key, units, depth, dtype)` starts a network.
  template <class Make>
  void fit(const std::string& model, const Make& make, Value paper) {
    std::vector<Row> rows;
    std::vector<std::vector<double>> scores;
    for (std::int64_t i = 0; i < settings_.seeds; ++i) {
      auto network = make(RandomKey(seed_of(run_, i, kStart), 0), target_.units, target_.depth, run_.dtype());
      const auto source = draws(i, kSource), target = draws(i, kTarget);
      auto map = fitted_start(network, source(0), target(0));
      const TransportFit fitted = fit_transport(run_, str(target_.name, "/", model, "/seed", i), map, source, target,
                                                settings_.fit, validation(map, i));
      rows.push_back(judge(model, i, map, fitted.seconds));
      rows.back().set("paper", paper);
      run_.add_result(rows.back());
      scores.push_back(fitted.scores);
    }
    if (settings_.seeds > 1) run_.add_result(median_of_seeds(rows));
    add_curve(model, scores);
  }

  void finish() {
    run_.draw(points_);
    run_.draw(grids_);
    run_.draw(curves_);
  }

 private:
  Panels panels(const char* what, const char* title) const {
    return {.name = str(target_.name, "_", what),
            .title = str("From N((-6, 4), I) to the target ", target_.name, ": ", title, ", first seed"),
            .x = target_.window_x,
            .y = target_.window_y,
            .columns = 4};
  }
  static Tensor grid() { return grid_lines({-8.5, -3.5}, {1.5, 6.5}, 11, 61); }
  Tensor draw(Stream stream, const RandomKey& key, std::int64_t count) const {
    const bool of_source = stream == kSource || stream == kValidationSource || stream == kTestSource;
    return of_source ? coupling_source(key, count) : target_.draw(key, count);
  }
  // The test points number r: the same for all models and seeds.
  Tensor points(std::int64_t r, Stream stream) const {
    return draw(stream, {seed_of(run_, 0, stream), static_cast<std::uint64_t>(r)}, kScoredPoints);
  }
  BatchOfStep draws(std::int64_t i, Stream stream) const {
    const auto at = [this, stream](const RandomKey& key) {
      return cast(draw(stream, key, settings_.fit.batch), run_.dtype());
    };
    return draws_of(at, seed_of(run_, i, stream));
  }

  template <class Map>
  std::function<double(const Map&)> validation(const Map&, std::int64_t i) const {
    const auto sample = [&](Stream stream) {
      return cast(draw(stream, {seed_of(run_, i, stream), 0}, settings_.validation_points), run_.dtype());
    };
    return [x = sample(kValidationSource), y = sample(kValidationTarget)](const Map& map) {
      return judged_sinkhorn(map(x), y);
    };
  }

  template <class Map>
  Row judge(const std::string& model, std::int64_t i, const Map& trained, double seconds) {
    const Map map{cast_parameters(trained.network, DType::Float64), cast(trained.centre, DType::Float64)};
    const auto images = [&](std::int64_t r) { return map(points(r, kTestSource)); };
    const auto targets = [&](std::int64_t r) { return points(r, kTestTarget); };
    Row row{{"target", target_.name}, {"model", model}, {"seed", i}, {"parameters", count_parameters(map)}};
    add_scores(row, run_, settings_.repetitions, images, targets);
    const Tensor x = draw(kTestSource, {seed_of(run_, 0, kTestSource), 1 << 20}, 10'000);
    row.set("l2_uvp", uvp(map, x));
    const Certificate certificate = certify(map, x);
    row.set("min_eigenvalue", certificate.smallest_eigenvalue);
    row.set("monotonicity_violations", certificate.monotonicity_violations);
    row.set("certified", certificate.accepts());
    row.set("seconds", seconds);
    if (i == 0) {
      const Tensor warped = reshape(map(reshape(grid(), {-1, 2})), grid().shape());
      points_.panels.push_back({.title = model, .points = images(0)});
      grids_.panels.push_back({.title = model, .lines = warped});
    }
    return row;
  }

  // Between Gaussians the optimal map is known.
  template <class Map>
  Value uvp(const Map& map, const Tensor& x) const {
    if (!target_.is_gaussian) return nullptr;
    return l2_uvp(map(x), optimal_gaussian_map()(x), 2).item();
  }

  void add_curve(const std::string& model, const std::vector<std::vector<double>>& scores) {
    Curve curve{model};
    for (std::size_t k = 0; k < scores.front().size(); ++k) {
      std::vector<double> at;
      for (const std::vector<double>& of_seed : scores)
        if (k < of_seed.size()) at.push_back(of_seed[k]);
      curve.x.push_back(static_cast<double>((k + 1) * settings_.fit.steps) /
                        static_cast<double>(scores.front().size()));
      curve.y.push_back(median(at));
      curve.low.push_back(*std::min_element(at.begin(), at.end()));
      curve.high.push_back(*std::max_element(at.begin(), at.end()));
    }
    curves_.curves.push_back(curve);
  }

  Run& run_;
  const Settings& settings_;
  CouplingTarget target_;
  Panels points_, grids_;
  LinePlot curves_;
};

void run_study(Run& run, const Settings& settings, const CouplingTarget& target) {
  Study study(run, settings, target);
  study.report_floor();
  const auto wants = [&](ModelChoice model) { return settings.model == ModelChoice::All || settings.model == model; };
  if (wants(ModelChoice::CMgn)) {
    study.fit(
        "C-MGN",
        [](const RandomKey& key, std::int64_t units, std::int64_t depth, DType dtype) {
          return CascadedMgn<Tanh>::random(key, 2, units, depth, 2, dtype);
        },
        target.paper_cascade);
  }
  if (wants(ModelChoice::MMgn)) {
    study.fit(
        "M-MGN",
        [](const RandomKey& key, std::int64_t units, std::int64_t depth, DType dtype) {
          return ModularMgn<LogCosh>::random(key, 2, units, depth, 2, dtype);
        },
        target.paper_modular);
  }
  if (wants(ModelChoice::CGradNet)) {
    study.fit(
        "mGradNet-C",
        [](const RandomKey& key, std::int64_t units, std::int64_t depth, DType dtype) {
          return MonotoneCascadedGradNet<Tanh>::random(key, 2, units, depth, dtype);
        },
        nullptr);
  }
  if (wants(ModelChoice::MGradNet)) {
    study.fit(
        "mGradNet-M",
        [](const RandomKey& key, std::int64_t units, std::int64_t depth, DType dtype) {
          return MonotoneModularGradNet<Softmax>::random(key, 2, units, depth, dtype);
        },
        nullptr);
  }
  if (wants(ModelChoice::SignFree)) {
    study.fit(
        "GradNet-C",
        [](const RandomKey& key, std::int64_t units, std::int64_t depth, DType dtype) {
          return CascadedGradNet<Tanh, FreeGain>::random(key, 2, units, depth, dtype);
        },
        nullptr);
  }
  study.finish();
}

void add_options(OptionTable& options, Settings& settings) {
  options.choice("target", settings.target,
                 {{"all", TargetChoice::All}, {"gaussian", TargetChoice::Gaussian}, {"banana", TargetChoice::Banana}},
                 "which coupling");
  options.choice("model", settings.model,
                 {{"all", ModelChoice::All},
                  {"c-mgn", ModelChoice::CMgn},
                  {"m-mgn", ModelChoice::MMgn},
                  {"mgradnet-c", ModelChoice::CGradNet},
                  {"mgradnet-m", ModelChoice::MGradNet},
                  {"gradnet-c", ModelChoice::SignFree}},
                 "which network");
  options.integer("seeds", settings.seeds, {.min = 1, .max = 1000, .quick = 1}, "runs of each network");
  options.integer("units", settings.units, {.min = 0, .max = 100'000},
                  "units; 0: 8, and 16 for the banana, as reported");
  options.integer("depth", settings.depth, {.min = 0, .max = 1000},
                  "layers or modules; 0: 3, and 6 for the banana, as reported");
  options.integer("validation-points", settings.validation_points, {.min = 16, .max = 100'000, .quick = 300},
                  "points of source and of target that choose the step to keep");
  options.integer("repetitions", settings.repetitions, {.min = 1, .max = 1000, .quick = 3},
                  "pairs of 1000 fresh points over which the scores are averaged");
  add_transport_options(options, settings.fit, 200);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_coupling",
       .claim =
           "Monotone gradient networks trained with the Sinkhorn divergence carry a Gaussian onto another, and onto "
           "a banana, with Wasserstein scores of 0.09 to 0.19.",
       .source = "Report on Chaudhari, Pranav & Moura, Learning Gradients of Convex Functions with Monotone Gradient "
                 "Networks (2023), figure 2",
       .description = "Learns two couplings from samples with four kinds of monotone networks and one without signs, "
                      "judges them on fresh points, and draws the maps.",
       .columns = {"target", "model", "seed", "parameters", "marginal_w1", "w2", "sinkhorn", "l2_uvp", "min_eigenvalue",
                   "monotonicity_violations", "certified", "paper", "seconds"}},
      [&](OptionTable& options) { add_options(options, settings); },
      [&](Run& run) {
        std::vector<CouplingTarget> targets;
        if (settings.target != TargetChoice::Banana) targets.push_back(gaussian_target());
        if (settings.target != TargetChoice::Gaussian) targets.push_back(banana_target());
        run.plan_stages(static_cast<int>(std::ssize(targets) * settings.seeds) *
                        (settings.model == ModelChoice::All ? 5 : 1));
        for (const CouplingTarget& target : targets) {
          run.add_paper({{"target", target.name}, {"model", "C-MGN"}, {"marginal_w1", target.paper_cascade}});
          run.add_paper({{"target", target.name}, {"model", "M-MGN"}, {"marginal_w1", target.paper_modular}});
          run_study(run, settings, target);
        }
      });
}

// Fields on the unit square: each model is fitted from several seeds with the same budget, Adam and then L-BFGS on a grid
// of cell midpoints, and judged on another grid of 100 x 100 points. The row of a model is that of its median seed.
//
// The report's printed polynomial is not convex near x = 0, so that no monotone map can fit it exactly. How well one
// could is bounded from below by the projection of the field onto maps that are monotone on the grid
// (experiments/support/monotone_projection.h).
#include <vector>

#include "engine/str.h"
#include "experiments/gradient_field/studies.h"
#include "experiments/support/gradient_fields.h"
#include "experiments/support/monotone_projection.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kEvaluationGrid = 100;

struct PlaneField {
  const char* name;
  Tensor (*at)(const Tensor&);
};
constexpr PlaneField kFields[] = {
    {"polynomial", icgn_polynomial}, {"report", report_polynomial}, {"log-sum-exp", log_sum_exp_2d}};

struct Verdict {
  std::int64_t seed = 0;
  MapErrors errors{};
  Certificate certificate{};
};

class Study {
 public:
  Study(Run& run, const Settings& settings, const PlaneField& field) : run_(run), settings_(settings), field_(field) {
    const double margin = 0.5 / static_cast<double>(settings.training_grid);
    const Interval midpoints{margin, 1 - margin};
    points_ = grid_points(midpoints, midpoints, settings.training_grid, run.dtype());
    grid_ = grid_points({0, 1}, {0, 1}, kEvaluationGrid);
    maps_ = {.name = str(field.name, "_errors"), .title = str("Error of the fitted maps: ", field.name)};
    maps_.color_label = "|N - field| (1)";
    maps_.color_scale = Scale::Log;
  }

  template <class Make>
  void fit(const std::string& name, const Make& make) {
    std::vector<Verdict> verdicts;
    double seconds = 0;
    std::int64_t parameters = 0;
    for (std::int64_t i = 0; i < settings_.seeds; ++i) {
      const std::uint64_t seed = run_.seed() + static_cast<std::uint64_t>(i);
      auto model = make(RandomKey(seed, 0), run_.dtype());
      std::vector<double> losses;
      seconds += fit_map(
          run_, str(field_.name, "/", name, "/seed", seed), model, points_, field_.at(points_), settings_.fit, seed,
          Optimizer::AdamThenLbfgs, [](const auto& m, const RandomKey&) { return m; }, losses);
      const auto exact = cast_parameters(model, DType::Float64);
      verdicts.push_back(
          {static_cast<std::int64_t>(seed), map_errors(exact(grid_), field_.at(grid_)), certify(exact, grid_)});
      parameters = count_parameters(model);
    }
    report(name, parameters, std::move(verdicts), seconds);
  }

  // The error that no monotone map goes below, and where it must lie.
  void add_floor() {
    const ProjectionOptions options{.sweeps = run_.quick() ? 200 : 4000};
    const MonotoneProjection projection = project_on_monotone(field_.at(grid_), options);
    const Certificate truth = certify(field_.at, grid_);
    if (truth.accepts()) return;
    const MapErrors errors = map_errors(projection.values, field_.at(grid_));
    run_.add_result({{"field", field_.name},
                     {"model", "any monotone map"},
                     {"mse_db", in_decibel(projection.floor)},
                     {"attained_db", in_decibel(projection.attained)},
                     {"worst_violation", projection.worst_violation},
                     {"min_eigenvalue", truth.smallest_eigenvalue}});
    maps_.panels.push_back(
        {"least possible, any monotone map", where(less(errors.error_norms, 1e-7), NAN, errors.error_norms)});
  }

  void draw() {
    if (!maps_.panels.empty()) run_.draw(maps_);
  }

 private:
  void report(const std::string& name, std::int64_t parameters, std::vector<Verdict> verdicts, double seconds) {
    const auto by_error = [](const Verdict& a, const Verdict& b) { return a.errors.mse < b.errors.mse; };
    std::sort(verdicts.begin(), verdicts.end(), by_error);
    std::vector<double> decibels;
    for (const Verdict& verdict : verdicts) decibels.push_back(in_decibel(verdict.errors.mse));
    const Verdict& middle = verdicts[(verdicts.size() - 1) / 2];
    const Certificate& certificate = middle.certificate;
    bool all_accepted = true;
    for (const Verdict& verdict : verdicts) all_accepted = all_accepted && verdict.certificate.accepts();
    run_.add_result({{"field", field_.name},
                     {"model", name},
                     {"parameters", parameters},
                     {"mse_db", decibels[(decibels.size() - 1) / 2]},
                     {"best_db", decibels.front()},
                     {"worst_db", decibels.back()},
                     {"max_error", middle.errors.max_error},
                     {"min_eigenvalue", certificate.smallest_eigenvalue},
                     {"asymmetry", certificate.largest_asymmetry},
                     {"certificate", certificate.accepts() ? "accepted" : "rejected"},
                     {"all_seeds_accepted", all_accepted},
                     {"seed", middle.seed},
                     {"seeds", static_cast<std::int64_t>(verdicts.size())},
                     {"seconds", seconds}});
    run_.print(str(field_.name, ", ", name, ": ", certificate.message()));
    maps_.panels.push_back({str(name, ", ", parameters), middle.errors.error_norms});
  }

  Run& run_;
  Settings settings_;
  PlaneField field_;
  Tensor points_, grid_;
  HeatMaps maps_;
};

}  // namespace

int count_plane_stages(const Settings& settings) {
  int fields = 0, models = 0;
  for (const PlaneField& field : kFields) fields += is_wanted(settings.fields, "plane", field.name);
  for_each_plane_model(
      [&](const char* name, bool monotone, const auto&) { models += wants_model(settings, name, monotone); });
  return fields * models * static_cast<int>(settings.seeds);
}

void study_plane(Run& run, const Settings& settings) {
  for (const PlaneField& field : kFields) {
    if (!is_wanted(settings.fields, "plane", field.name)) continue;
    Study study(run, settings, field);
    for_each_plane_model([&](const char* name, bool monotone, const auto& make) {
      if (wants_model(settings, name, monotone)) study.fit(name, make);
    });
    study.add_floor();
    study.draw();
  }
}

}  // namespace brenier::experiments

// The polynomial experiment of Input Convex Gradient Networks (Richter-Powell, Lorraine & Amos 2021, section 4.1).
//
// The map T(x, y) = (4x³ + y/2 + x, 3y - y² + x/2), equation (6), is the gradient of a convex polynomial on [0, 1]².
// The paper fits it with an ICGN of 15 parameters and the gradient of an ICNN of 78, and finds that the ICNN struggles.
// Here both are fitted with several activations, sizes and quadratures, each from several seeds and with the same
// budget: Adam, then L-BFGS. The loss is the mean squared 2-norm error on a grid of cell midpoints; errors are
// reported on another grid, of 101 x 101 points.
//
// Next on the walk: models/icgn.h, models/icnn.h, engine/autodiff.h.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "experiments/support/gradient_fields.h"
#include "experiments/support/map_fitting.h"
#include "experiments/support/program.h"
#include "models/icgn.h"
#include "models/icnn.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

constexpr std::int64_t kRandomNodes = 20, kFixedNodes = 12, kEvaluationNodes = 64;
constexpr std::int64_t kEvaluationGrid = 101;

struct Settings {
  FitOptions fit;
  std::int64_t seeds = 8;
  std::int64_t training_grid = 24;
  // Initial weights of an ICGN, in units of the usual ones. With the usual ones every seed of the five-unit sigmoid
  // network ends in the same local minimum, at -19.0 dB.
  double initial_scale = 3;
};

// What a row of the table is about.
struct Subject {
  const char* model;
  std::int64_t layers, hidden;
  const char *activation, *quadrature;

  bool exact() const { return quadrature == std::string("closed form") || quadrature == std::string("none"); }
  std::string title() const {
    const char* const kind = model == std::string("icgn") ? "ICGN" : "ICNN";
    return str(kind, " ", hidden, " ", activation, layers > 1 ? str(", ", layers, " layers") : "",
               exact() ? "" : str(", ", quadrature));
  }
  std::string stage(std::int64_t seed) const {
    std::string name = str(model, "_", layers, "x", hidden, "_", activation, "_", quadrature, "/seed", seed);
    std::replace(name.begin(), name.end(), ' ', '_');
    return name;
  }
};

struct Verdict {
  MapErrors errors{.mse = INFINITY};
  Certificate certificate{};
  std::vector<double> iterations{}, losses{};
  Row checks{};  // further fields of the row
};

constexpr auto no_checks = [](const auto&) { return Row(); };

class Study {
 public:
  Study(Run& run, const Settings& settings) : run_(run), settings_(settings) {
    const double margin = 0.5 / static_cast<double>(settings.training_grid);
    const Interval midpoints{margin, 1 - margin};
    points_ = grid_points(midpoints, midpoints, settings.training_grid, run.dtype());
  }

  // Fits what `make(key)` starts, from every seed, and reports the best. `map_at(model, key)` is the map that is
  // trained (it may draw quadrature nodes), `judged(model)` the one that the errors are of.
  template <class Make, class MapAt, class Judged, class Checks = decltype(no_checks)>
  void fit(const Subject& subject, Optimizer optimizer, Make make, MapAt map_at, Judged judged,
           Checks checks = no_checks) {
    const Tensor grid = grid_points({0, 1}, {0, 1}, kEvaluationGrid);
    Verdict best;
    std::vector<double> decibels;
    double seconds = 0;
    std::int64_t parameters = 0;
    for (std::int64_t i = 0; i < settings_.seeds; ++i) {
      const std::uint64_t seed = run_.seed() + static_cast<std::uint64_t>(i);
      auto model = make(RandomKey(seed, 0));
      Verdict verdict;
      seconds += fit_map(run_, subject.stage(i), model, points_, icgn_polynomial(points_), settings_.fit, seed,
                         optimizer, map_at, verdict.losses);
      verdict.iterations = iterations_of(verdict.losses, settings_.fit, optimizer);
      const auto map = judged(cast_parameters(model, DType::Float64));
      verdict.errors = map_errors(map(grid), icgn_polynomial(grid));
      verdict.certificate = certify(map, grid);
      verdict.checks = checks(map);
      decibels.push_back(in_decibel(verdict.errors.mse));
      parameters = count_parameters(model);
      if (verdict.errors.mse < best.errors.mse) best = verdict;
    }
    report(subject, parameters, best, median(decibels), seconds);
  }

  // The error maps and training curves of the subjects with these titles.
  void draw(const std::vector<std::string>& titles) {
    HeatMaps maps{.name = "error_maps", .title = "Error of the fitted map, best of the seeds"};
    maps.color_label = "|T - F| (1)";
    maps.color_scale = Scale::Log;
    LinePlot plot{.name = "training", .title = "Training loss, best of the seeds"};
    plot.x_label = "iteration (Adam, then L-BFGS where the slope is smooth)";
    plot.y_label = "mean squared error (1)";
    plot.y_scale = Scale::Log;
    for (const std::string& title : titles) {
      const auto found =
          std::find_if(best_.begin(), best_.end(), [&](const auto& entry) { return entry.first == title; });
      if (found == best_.end()) continue;
      maps.panels.push_back({title, found->second.errors.error_norms});
      plot.curves.push_back({title, found->second.iterations, found->second.losses});
    }
    run_.draw(maps);
    run_.draw(plot);
  }

 private:
  void report(const Subject& subject, std::int64_t parameters, const Verdict& best, double median_db, double seconds) {
    Row row{{"model", subject.model},
            {"layers", subject.layers},
            {"hidden", subject.hidden},
            {"activation", subject.activation},
            {"quadrature", subject.quadrature},
            {"parameters", parameters},
            {"mse", best.errors.mse},
            {"mse_db", in_decibel(best.errors.mse)},
            {"mean_error", best.errors.mean_error},
            {"max_error", best.errors.max_error},
            {"min_eigenvalue", best.certificate.smallest_eigenvalue},
            {"asymmetry", best.certificate.largest_asymmetry},
            {"seed_median_mse_db", median_db},
            {"seconds", seconds}};
    for (const Field& check : best.checks) row.set(check.key, check.value);
    run_.add_result(row);
    best_.emplace_back(subject.title(), best);
  }

  Run& run_;
  Settings settings_;
  Tensor points_;
  std::vector<std::pair<std::string, Verdict>> best_;
};

constexpr auto as_trained = [](const auto& model, const RandomKey&) { return model; };
constexpr auto as_is = [](const auto& model) { return model; };

// The closed form against its own quadrature: they may differ by what the rule says of its error, the change from half
// as many nodes, beside rounding.
constexpr auto compare_with_quadrature = [](const auto& icgn) {
  const Tensor points = grid_points({0, 1}, {0, 1}, 21);
  const Tensor fine = icgn.with_rule(gauss_legendre(kFixedNodes))(points);
  const Tensor coarse = icgn.with_rule(gauss_legendre(kFixedNodes / 2))(points);
  return Row{{"quadrature_gap", max(abs(icgn(points) - fine)).item()},
             {"quadrature_error_estimate", max(abs(fine - coarse)).item()}};
};

template <class A>
void fit_closed_form(Study& study, Run& run, const Settings& settings, std::int64_t hidden, const char* activation) {
  const auto make = [&](const RandomKey& key) {
    return scale_parameters(OneLayerIcgn<A>::random(key, 2, hidden, run.dtype()), settings.initial_scale);
  };
  study.fit({"icgn", 1, hidden, activation, "closed form"}, Optimizer::AdamThenLbfgs, make, as_trained, as_is,
            compare_with_quadrature);
}

// A hidden network integrated by a fixed rule while training, and by a finer one for the verdict.
template <class Hidden, class MakeHidden>
void fit_gauss_legendre(Study& study, Run& run, const Subject& subject, MakeHidden make_hidden) {
  const auto make = [&](const RandomKey& key) {
    return Icgn<Hidden>{make_hidden(key), gauss_legendre(kFixedNodes, run.dtype())};
  };
  const auto judged = [](const Icgn<Hidden>& icgn) {
    return Icgn<Hidden>{icgn.hidden, gauss_legendre(kEvaluationNodes)};
  };
  study.fit(subject, Optimizer::AdamThenLbfgs, make, as_trained, judged);
}

// The slope of a relu network is a staircase: no line search can follow it.
constexpr Optimizer optimizer_for(Relu) { return Optimizer::AdamAlone; }
constexpr Optimizer optimizer_for(Softplus) { return Optimizer::AdamThenLbfgs; }

template <class Potential, class MakePotential>
void fit_icnn(Study& study, const Subject& subject, Optimizer optimizer, MakePotential make_potential) {
  const auto make = [&](const RandomKey& key) { return GradientMap<Potential>{make_potential(key)}; };
  study.fit(subject, optimizer, make, as_trained, as_is);
}

void fit_all(Run& run, const Settings& settings) {
  run.plan_stages(static_cast<int>(12 * settings.seeds));
  Study study(run, settings);
  const DType dtype = run.dtype();
  fit_closed_form<Sigmoid>(study, run, settings, 5, "sigmoid");
  fit_closed_form<Tanh>(study, run, settings, 5, "tanh");
  fit_closed_form<Softplus>(study, run, settings, 5, "softplus");
  fit_closed_form<Sigmoid>(study, run, settings, 25, "sigmoid");

  using OneLayer = ActivatedLinear<Sigmoid>;
  using TwoLayers = Composed<OneLayer, OneLayer>;
  const auto one_layer = [&](const RandomKey& key) {
    return scale_parameters(OneLayer::random(key, 2, 5, dtype), settings.initial_scale);
  };
  const auto two_layers = [&](const RandomKey& key) {
    KeySequence keys(key);
    const OneLayer inner = OneLayer::random(keys.next(), 2, 5, dtype),
                   outer = OneLayer::random(keys.next(), 5, 5, dtype);
    return scale_parameters(TwoLayers{outer, inner}, settings.initial_scale);
  };
  fit_gauss_legendre<OneLayer>(study, run, {"icgn", 1, 5, "sigmoid", "Gauss-Legendre 12"}, one_layer);
  study.fit(
      {"icgn", 1, 5, "sigmoid", "uniform random 20"}, Optimizer::AdamAlone,
      [&](const RandomKey& key) {
        return Icgn<OneLayer>{one_layer(key), uniform_random(kRandomNodes, {0, 0}, dtype)};
      },
      [&](const Icgn<OneLayer>& icgn, const RandomKey& key) {
        return Icgn<OneLayer>{icgn.hidden, uniform_random(kRandomNodes, key, dtype)};
      },
      [](const Icgn<OneLayer>& icgn) {
        return Icgn<OneLayer>{icgn.hidden, gauss_legendre(kEvaluationNodes)};
      });
  fit_gauss_legendre<TwoLayers>(study, run, {"icgn", 2, 5, "sigmoid", "Gauss-Legendre 12"}, two_layers);

  const auto shallow = [&]<class A>(A, std::int64_t units, const char* activation) {
    fit_icnn<ShallowIcnn<A>>(study, {"icnn", 1, units, activation, "none"}, optimizer_for(A()),
                             [&](const RandomKey& key) { return ShallowIcnn<A>::random(key, 2, units, dtype); });
  };
  shallow(Relu(), 25, "ReLU");
  shallow(Softplus(), 25, "softplus");
  shallow(Softplus(), 4, "softplus");
  const auto deep = [&]<class A>(A, const char* activation) {
    fit_icnn<Icnn<A>>(study, {"icnn", 2, 25, activation, "none"}, optimizer_for(A()),
                      [&](const RandomKey& key) { return Icnn<A>::random(key, 2, 25, 2, dtype); });
  };
  deep(Relu(), "ReLU");
  deep(Softplus(), "softplus");
  study.draw({"ICGN 5 sigmoid", "ICGN 5 softplus", "ICNN 25 ReLU", "ICNN 25 softplus"});
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "icgn_polynomial",
       .claim =
           "An ICGN of 15 parameters approximates the gradient of a convex polynomial with far fewer parameters than "
           "the gradient of a one-layer ICNN of 78, which struggles.",
       .source = "Richter-Powell, Lorraine & Amos, Input Convex Gradient Networks (2021), section 4.1, figure 1",
       .description = "Fits T(x, y) = (4x^3 + y/2 + x, 3y - y^2 + x/2) on the unit square with ICGNs and gradients of "
                      "ICNNs, each from several seeds with the same budget, and draws the errors.",
       .columns = {"model", "layers", "hidden", "activation", "quadrature", "parameters", "mse_db", "max_error",
                   "min_eigenvalue", "asymmetry", "seed_median_mse_db", "seconds"}},
      [&](OptionTable& options) {
        options.integer("seeds", settings.seeds, {.min = 1, .max = 1000, .quick = 4}, "starts for each model");
        add_fit_options(options, settings.fit, 300, 40);
        options.integer("training-grid", settings.training_grid, {.min = 2, .max = 1000, .quick = 16},
                        "training points in each direction");
        options.number("initial-scale", settings.initial_scale, {.min = 1e-3, .max = 1e3},
                       "initial weights of an ICGN, in units of the usual ones");
      },
      [&](Run& run) {
        run.add_paper({{"model", "icgn"},
                       {"layers", 1},
                       {"hidden", 5},
                       {"activation", "sigmoid"},
                       {"parameters", 15},
                       {"statement", "approximates the map with very few parameters (figure 1, no number)"}});
        run.add_paper({{"model", "icnn"},
                       {"layers", 1},
                       {"hidden", 25},
                       {"activation", "ReLU"},
                       {"parameters", 78},
                       {"statement", "struggles (figure 1, no number)"}});
        run.add_paper({{"model", "icnn"},
                       {"layers", 2},
                       {"hidden", 25},
                       {"activation", "ReLU"},
                       {"parameters", nullptr},
                       {"statement", "with a second layer the map is fitted (text, no number)"}});
        fit_all(run, settings);
      });
}

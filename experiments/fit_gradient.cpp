// Fits the gradient of an unknown convex function to a user's own points and gradients, in any dimension.
//
//   fit_gradient --inputs X.csv --targets G.csv [--model icgn|icnn] [--hidden 64,64] [--predict P.csv]
//   fit_gradient --load model.safetensors --predict P.csv
//
// X and G are tables of one row per point. A tenth of the rows is held out: the error reported is on rows that training
// has not seen. The certificate says whether the fitted map is, as far as can be seen at those points, the gradient of
// a convex function. Values are scaled for training by one number per table, which keeps gradients gradients.
//
// Next on the walk: models/icnn.h, models/icgn.h, models/certificates.h.
#include <cmath>
#include <string>
#include <vector>

#include "experiments/support/map_fitting.h"
#include "experiments/support/matrix_file.h"
#include "experiments/support/program.h"
#include "models/certificates.h"
#include "models/icgn.h"
#include "models/icnn.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

enum class Family { Icgn, Icnn };

struct Settings {
  std::string inputs, targets, load, predict;
  Family family = Family::Icnn;
  // A chain of softplus units is what log-sum-exp is made of: depth serves convex functions better than width.
  std::int64_t hidden = 12, layers = 6;
  double held_out = 0.1;
  FitOptions fit{.adam_steps = 600, .lbfgs_steps = 200, .batch = 1024, .learning_rate = 0.02};
};

// F(x) = σ_G · map((x - μ) / σ_X). One scale for all coordinates: a scale for each would turn the gradient of a convex
// function into a map that is none.
struct Standardization {
  Tensor center;        // μ, [d]
  Tensor input_scale;   // σ_X, [1]
  Tensor output_scale;  // σ_G, [1]

  static Standardization of(const Tensor& x, const Tensor& g) {
    const Tensor center = mean(x, {0});
    return {center, root_mean_square(x - center), root_mean_square(g)};
  }
  Tensor inward(const Tensor& x) const { return (x - center) / input_scale; }
  void save_or_restore(Archive& archive) {
    archive("center", center);
    archive("input_scale", input_scale);
    archive("output_scale", output_scale);
  }

 private:
  static Tensor root_mean_square(const Tensor& values) {
    const double size = std::sqrt(mean(square(values)).item());
    return full({1}, size > 0 ? size : 1.0, values.dtype());
  }
};

template <class Map>
struct Standardized {
  Map map;
  Standardization scaling;
  Tensor operator()(const Tensor& x) const { return scaling.output_scale * map(scaling.inward(x)); }
};

// The map of each family, before training: [rows, d] -> [rows, d]. Both have a constant as their only other freedom.
using IcnnMap = GradientMap<Icnn<Softplus>>;
using IcgnMap = OneLayerIcgn<Softplus>;

IcnnMap start(IcnnMap*, const RandomKey& key, std::int64_t dim, const Settings& settings, DType dtype) {
  return {Icnn<Softplus>::random(key, dim, settings.hidden, settings.layers, dtype)};
}
IcgnMap start(IcgnMap*, const RandomKey& key, std::int64_t dim, const Settings& settings, DType dtype) {
  IcgnMap map = IcgnMap::random(key, dim, settings.hidden, dtype);
  map.origin = zeros({dim}, dtype);
  return map;
}

void write_predictions(Run& run, const Settings& settings, const Tensor& points, const auto& map) {
  const bool csv = settings.predict.ends_with(".csv");
  write_matrix(run.file(csv ? "predictions.csv" : "predictions.npy"), map(points));
}

Tensor read_points(const Settings& settings, std::int64_t dim, DType dtype) {
  const Tensor points = read_matrix(settings.predict, dtype);
  if (points.dim(1) != dim)
    throw InputError(str(settings.predict, ": has ", points.dim(1), " columns, the model takes ", dim));
  return points;
}

struct Data {
  Tensor x, g;            // training rows
  Tensor held_x, held_g;  // rows that training does not see
};

Data read_data(const Run& run, const Settings& settings) {
  const Tensor x = read_matrix(settings.inputs, run.dtype()), g = read_matrix(settings.targets, run.dtype());
  if (x.shape() != g.shape())
    throw InputError(str(settings.inputs, " is ", x.dim(0), " x ", x.dim(1), " and ", settings.targets, " is ",
                         g.dim(0), " x ", g.dim(1),
                         ": a gradient has one row for each point and one column for each coordinate"));
  const auto held = static_cast<std::int64_t>(std::ceil(settings.held_out * static_cast<double>(x.dim(0))));
  if (held >= x.dim(0)) throw InputError(str(settings.inputs, ": ", x.dim(0), " rows leave none to train on"));
  // A stream of its own: training uses the counters from 0.
  const Tensor order = random_permutation({run.seed(), std::uint64_t{1} << 63}, x.dim(0));
  const Tensor out = slice(order, 0, 0, held), in = slice(order, 0, held, x.dim(0));
  return {gather(x, in), gather(g, in), gather(x, out), gather(g, out)};
}

void describe_model(Run& run, const Settings& settings, std::int64_t dim) {
  run.set_metadata("family", settings.family == Family::Icgn ? "icgn" : "icnn");
  run.set_metadata("hidden", str(settings.hidden));
  run.set_metadata("layers", str(settings.layers));
  run.set_metadata("dim", str(dim));
}

template <class Map>
void train(Run& run, const Settings& settings) {
  const Data data = read_data(run, settings);
  const std::int64_t dim = data.x.dim(1);
  const Tensor points = settings.predict.empty() ? Tensor() : read_points(settings, dim, run.dtype());
  describe_model(run, settings, dim);
  Map map = start(static_cast<Map*>(nullptr), {run.seed(), 0}, dim, settings, run.dtype());
  Standardization scaling = Standardization::of(data.x, data.g);
  run.stage("scaling", 0, [&](Archive& archive) { scaling.save_or_restore(archive); }).keep_going(0);
  std::vector<double> curve;
  const auto as_trained = [](const Map& m, const RandomKey&) { return m; };
  const double seconds = fit_map(run, "fit", map, scaling.inward(data.x), data.g / scaling.output_scale, settings.fit,
                                 run.seed(), Optimizer::AdamThenLbfgs, as_trained, curve);

  const Standardized<Map> fitted{map, scaling};
  const MapErrors training = map_errors(fitted(data.x), data.g);
  const Certificate certificate = certify(fitted, data.held_x.dim(0) ? data.held_x : data.x, {run.seed(), 0});
  Row row{{"model", settings.family == Family::Icgn ? "icgn" : "icnn"},
          {"dim", dim},
          {"rows", data.x.dim(0)},
          {"held_out_rows", data.held_x.dim(0)},
          {"parameters", count_parameters(map)},
          {"relative_error", training.relative_error}};
  if (data.held_x.dim(0)) {
    const MapErrors held_out = map_errors(fitted(data.held_x), data.held_g);
    row.set("held_out_relative_error", held_out.relative_error);
    row.set("held_out_max_error", held_out.max_error);
  }
  row.set("min_eigenvalue", certificate.smallest_eigenvalue);
  row.set("asymmetry", certificate.largest_asymmetry);
  row.set("monotonicity_violations", certificate.monotonicity_violations);
  row.set("certificate", certificate.accepts() ? "accepted" : "rejected");
  row.set("seconds", seconds);
  run.add_result(row);
  run.print(certificate.message());
  if (points.defined()) write_predictions(run, settings, points, fitted);
}

std::int64_t metadata_number(const TensorFile& file, const std::string& key, const std::string& source) {
  const auto found = file.metadata.find(key);
  char* end = nullptr;
  const long long value = found == file.metadata.end() ? 0 : std::strtoll(found->second.c_str(), &end, 10);
  if (value < 1 || value > 1'000'000 || *end) throw InputError(str(source, ": is not a model of fit_gradient"));
  return value;
}

template <class Map>
void apply_saved(Run& run, Settings settings, const TensorFile& file) {
  settings.hidden = metadata_number(file, "hidden", settings.load);
  settings.layers = metadata_number(file, "layers", settings.load);
  const std::int64_t dim = metadata_number(file, "dim", settings.load);
  Standardization scaling;
  const auto constant = [&](const char* name, const Shape& shape) {
    const Tensor& value = tensor_like(file, str("scaling/", name), Tensor(), settings.load);
    if (value.shape() != shape) throw InputError(str(settings.load, ": ", name, " has shape ", value.shape()));
    return value;
  };
  scaling = {constant("center", {dim}), constant("input_scale", {1}), constant("output_scale", {1})};
  const DType dtype = scaling.center.dtype();
  Map map = start(static_cast<Map*>(nullptr), {0, 0}, dim, settings, dtype);
  load_into(map, file, "fit/model.", settings.load);
  write_predictions(run, settings, read_points(settings, dim, dtype), Standardized<Map>{map, scaling});
}

// Which of the two uses of the program the options mean; throws InputError where they mean none.
void check_use(const Settings& settings) {
  const bool training = !settings.inputs.empty() || !settings.targets.empty();
  if (training == !settings.load.empty())
    throw InputError("give either --inputs and --targets to fit a map, or --load and --predict to apply a saved one");
  if (training && (settings.inputs.empty() || settings.targets.empty()))
    throw InputError("--inputs and --targets belong together: points, and the gradient at each of them");
  if (!training && settings.predict.empty())
    throw InputError("--load needs --predict: the points to apply the model to");
}

void run_fit(Run& run, const Settings& settings) {
  check_use(settings);
  if (settings.load.empty())
    return settings.family == Family::Icgn ? train<IcgnMap>(run, settings) : train<IcnnMap>(run, settings);
  const TensorFile file = load_safetensors(settings.load);
  const auto family = file.metadata.find("family");
  const bool icgn = family != file.metadata.end() && family->second == "icgn";
  icgn ? apply_saved<IcgnMap>(run, settings, file) : apply_saved<IcnnMap>(run, settings, file);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "fit_gradient",
       .claim =
           "A map that is the gradient of a convex function by construction, fitted to given points and gradients.",
       .source = "Amos, Xu & Kolter (2017); Richter-Powell, Lorraine & Amos (2021)",
       .description =
           "Fits the gradient of an unknown convex function to points and gradients from .npy or .csv files, "
           "reports the error on held-out rows and a certificate, and applies the map to further points. "
           "Writes model.safetensors and, with --predict, predictions in the format of that file."},
      [&](OptionTable& options) {
        options.file("inputs", settings.inputs, "points, one in a row");
        options.file("targets", settings.targets, "the gradient at each point");
        options.choice("model", settings.family, {{"icnn", Family::Icnn}, {"icgn", Family::Icgn}},
                       "gradient of an input-convex network, or input-convex gradient network");
        options.integer("hidden", settings.hidden, {.min = 1, .max = 100'000}, "units in each layer");
        options.integer("layers", settings.layers, {.min = 1, .max = 100},
                        "hidden layers of an icnn; an icgn always has one");
        options.number("held-out", settings.held_out, {.min = 0, .max = 0.9}, "fraction of rows kept from training");
        add_fit_options(options, settings.fit, 300, 40);
        options.file("load", settings.load, "a model.safetensors of this program to apply instead of fitting one");
        options.file("predict", settings.predict, "points at which to write predictions.csv or predictions.npy");
      },
      [&](Run& run) { run_fit(run, settings); });
}

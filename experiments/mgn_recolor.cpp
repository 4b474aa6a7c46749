// A photograph takes on the colours of another (report on Chaudhari, Pranav & Moura, Learning gradients of convex
// functions with monotone gradient networks, 2023): a map of the colour cube that carries the pixels of the source onto
// those of the target, and is the gradient of a convex function, so that no two colours change places.
//
// Through the Gaussian, as in the report: the goal is a normal distribution with mean and covariance of the target's
// pixels. Directly: the goal is the pixels. Rivals: the optimal map between the two fitted Gaussians, linear, in
// closed form; matching the histogram of every channel; shifting the means. A fifth of the pixels of both photographs is
// held out, and all figures are of those, before colours are clamped to [0, 1] except where a name says otherwise.
//
// Next on the walk: experiments/support/transport_fitting.h, models/mgn.h, solvers/gaussian_transport.h.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "experiments/support/datasets.h"
#include "experiments/support/histogram_matching.h"
#include "experiments/support/transport_fitting.h"
#include "models/certificates.h"
#include "models/mgn.h"
#include "solvers/gaussian_transport.h"
#include "solvers/wasserstein.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

enum class ModelChoice { All, CMgn, MMgn };
enum class GoalChoice { Both, Gaussian, Pixels };

struct Settings {
  std::string source, target;  // files; the pairs below where they are not given
  ModelChoice model = ModelChoice::All;
  GoalChoice goal = GoalChoice::Both;
  std::int64_t pairs = 3, units = 128, layers = 3, modules = 3, judged_pixels = 4000;
  double scale = 10;
  TransportFitOptions fit{.steps = 1000, .batch = 2048, .learning_rate = 1e-2, .blur = 0.01, .validations = 20};
};

constexpr const char* kPairs[][2] = {
    {"city_day_trondheim", "ocean_sunset"}, {"ocean_day", "ocean_sunset"}, {"kodim08_city_day", "sunset_sea_noaa"}};
constexpr std::int64_t kValidationPixels = 1024, kShownSide = 480, kShownPixels = 1500;
constexpr double kStart = 0.1;  // size of the weights there

// x -> c + N(s (x - c)) / s: colours in a cube of side s around the origin. A unit of a network makes a step about as
// high as its weights and as wide as their inverse; in a cube of side 1 every step would be too high or too wide. The
// Jacobian is that of N.
template <HasParameters Network>
struct InScaledCube {
  Network network;
  Tensor centre;  // c [3], constant
  double scale;   // s

  Tensor operator()(const Tensor& x) const { return centre + network(scale * (x - centre)) * (1 / scale); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    network.for_each_parameter(visit);
  }
};

// Next to the identity: small weights, VᵀV = 1, and the centre stays where it is.
template <class Network>
InScaledCube<Network> near_identity(Network network, const Tensor& centre, double scale) {
  const DType dtype = centre.dtype();
  network.linear.factor = eye(3, dtype);
  network.offset = -1.0 * reshape(network(zeros({1, 3}, dtype)), {3});
  return {std::move(network), centre, scale};
}

CascadedMgn<Tanh> small_cascade(const RandomKey& key, const Settings& settings, DType dtype) {
  auto network = CascadedMgn<Tanh>::random(key, 3, settings.units, settings.layers, 3, dtype);
  network.weight = kStart * network.weight;
  return network;
}

ModularMgn<LogCosh> small_modules(const RandomKey& key, const Settings& settings, DType dtype) {
  auto network = ModularMgn<LogCosh>::random(key, 3, settings.units, settings.modules, 3, dtype);
  for (Linear& affine : network.modules) affine.weight = kStart * affine.weight;
  return network;
}

struct Photo {
  std::string name;
  Image image;                // RGB
  Tensor training, held_out;  // pixels [n, 3] float64, in random order
  GaussianMoments moments;    // of the training pixels
};

Photo photo_of(const std::string& name, const Image& image, const RandomKey& order) {
  const Image rgb = as_rgb(image);
  const Tensor pixels = gather(pixels_of(rgb), random_permutation(order, rgb.height * rgb.width));
  const std::int64_t kept = pixels.dim(0) - pixels.dim(0) / 5;
  const Tensor training = slice(pixels, 0, 0, kept);
  return {name, rgb, training, slice(pixels, 0, kept, pixels.dim(0)), gaussian_fit(training)};
}

Tensor first_rows(const Tensor& x, std::int64_t count) { return slice(x, 0, 0, std::min(count, x.dim(0))); }

Tensor normal_pixels(const GaussianMoments& moments, const RandomKey& key, std::int64_t count) {
  return matmul(random_normal(key, {count, 3}), symmetric_sqrt(moments.covariance)) + moments.mean;
}

double bures_distance(const Tensor& x, const Tensor& y) {
  const GaussianMoments a = gaussian_fit(x), b = gaussian_fit(y);
  return std::sqrt(std::max(bures_wasserstein_squared(a.mean, a.covariance, b.mean, b.covariance).item(), 0.0));
}

using ColorMap = std::function<Tensor(const Tensor& pixels)>;

// Of many pixels, some at a time.
Tensor mapped(Run& run, const ColorMap& map, const Tensor& pixels) {
  constexpr std::int64_t kPiece = 1 << 15;
  std::vector<Tensor> pieces;
  for (std::int64_t begin = 0; begin < pixels.dim(0); begin += kPiece) {
    run.poll_interrupt();
    pieces.push_back(map(slice(pixels, 0, begin, std::min(begin + kPiece, pixels.dim(0)))).detached());
  }
  return concat(pieces, 0);
}

// All maps from one photograph to another.
class Pair {
 public:
  Pair(Run& run, const Settings& settings, Photo source, Photo target, std::uint64_t seed)
      : run_(run), settings_(settings), source_(std::move(source)), target_(std::move(target)), seed_(seed) {
    before_ = bures_distance(source_.held_out, target_.held_out);
    sheet_ = {.name = name(), .title = str(source_.name, " in the colours of ", target_.name), .columns = 3};
    clouds_ = {.name = name() + "-pixels",
               .title = str("Pixels of ", source_.name, " carried to those of ", target_.name),
               .x_label = "red",
               .y_label = "blue",
               .x = {-0.15, 1.15},
               .y = {-0.15, 1.15},
               .columns = 3};
    show("source", source_.image, source_.held_out);
    show("target", target_.image, target_.held_out);
  }

  // The photographs themselves: what there is to gain, and what two samples of the target are apart.
  void report_bounds() {
    run_.add_result(scores("source", source_.held_out));
    run_.add_result(scores("target", target_.training));
  }

  void fit_rivals() {
    const Tensor shift = target_.moments.mean - source_.moments.mean;
    run_.add_result(judge("mean shift", [shift](const Tensor& x) { return x + shift; }));
    run_.add_result(judge("histograms", HistogramMatching(source_.training, target_.training)));
    run_.add_result(judge("Bures map", bures_map(source_.moments.mean, source_.moments.covariance, target_.moments.mean,
                                                 target_.moments.covariance)));
  }

  // `start(key, settings, dtype)` makes a network.
  template <class Start>
  void fit(const std::string& model, const Start& start) {
    if (settings_.goal != GoalChoice::Pixels) fit_to(model, start, true);
    if (settings_.goal != GoalChoice::Gaussian) fit_to(model, start, false);
  }

  void finish() {
    run_.draw(sheet_);
    run_.draw(clouds_);
  }

 private:
  std::string name() const { return source_.name + "-" + target_.name; }
  RandomKey key(std::uint64_t stream) const { return {seed_, (std::uint64_t{1} << 62) + stream}; }

  BatchOfStep goal_batches(bool gaussian) const {
    const auto draw = [this](const RandomKey& step) {
      return cast(normal_pixels(target_.moments, step, settings_.fit.batch), run_.dtype());
    };
    if (gaussian) return draws_of(draw, seed_ + 1);
    return minibatches_of(cast(target_.training, run_.dtype()), settings_.fit.batch, seed_ + 1);
  }

  template <class Start>
  void fit_to(const std::string& model, const Start& start, bool gaussian) {
    const DType dtype = run_.dtype();
    const char* goal = gaussian ? "Gaussian" : "pixels";
    auto map = near_identity(start(key(0), settings_, dtype), cast(source_.moments.mean, dtype), settings_.scale);
    using Map = decltype(map);
    const auto few = [&](const Tensor& pixels) { return cast(first_rows(pixels, kValidationPixels), dtype); };
    const Tensor x = few(source_.training);
    const Tensor y = few(gaussian ? normal_pixels(target_.moments, key(1), kValidationPixels) : target_.training);
    const auto score = [&](const Map& now) {
      return sinkhorn_divergence(now(x), y, {.blur = settings_.fit.blur}).item();
    };
    const BatchOfStep batches = minibatches_of(cast(source_.training, dtype), settings_.fit.batch, seed_);
    const TransportFit fitted = fit_transport(run_, str(name(), "-", model, "-", goal), map, batches,
                                              goal_batches(gaussian), settings_.fit, std::function(score));
    const Map exact{cast_parameters(map.network, DType::Float64), source_.moments.mean, map.scale};
    Row row = judge(str(model, " to ", goal), exact);
    row.set("parameters", count_parameters(map));
    row.set("seconds", fitted.seconds);
    run_.add_result(row);
  }

  // Scores of a map, and its picture.
  template <class Map>
  Row judge(const std::string& model, const Map& map) {
    const Tensor image = mapped(run_, map, source_.held_out);
    Row row = scores(model, image);
    const Tensor x = first_rows(source_.held_out, settings_.judged_pixels);
    if constexpr (!std::same_as<Map, HistogramMatching>) {  // which has no derivative
      const Certificate certificate = certify(map, x, key(2));
      row.set("min_eigenvalue", certificate.smallest_eigenvalue);
      row.set("asymmetry", certificate.largest_asymmetry);
      row.set("monotonicity_violations", certificate.monotonicity_violations);
      row.set("certified", certificate.accepts());
    }
    show(model, image_of_pixels(mapped(run_, map, pixels_of(source_.image)), source_.image.height, source_.image.width),
         image);
    return row;
  }

  Row scores(const std::string& model, const Tensor& image) {
    const Tensor& goal = target_.held_out;
    const double after = bures_distance(image, goal), clamped = bures_distance(clamp(image, 0, 1), goal);
    const Tensor few = first_rows(image, settings_.judged_pixels), goals = first_rows(goal, settings_.judged_pixels);
    const Tensor sliced = sliced_wasserstein(few, goals, random_directions(key(3), 100, 3), 2);
    return {{"source", source_.name},
            {"target", target_.name},
            {"model", model},
            {"bures_before", before_},
            {"bures", after},
            {"reduction_percent", 100 * (1 - after / before_)},
            {"clamped_reduction_percent", 100 * (1 - clamped / before_)},
            {"sinkhorn", sinkhorn_divergence(few, goals, {.blur = 0.01, .scaling = 0.8}).item()},
            {"sliced_w2", std::sqrt(sliced.item())}};
  }

  void show(const std::string& title, const Image& image, const Tensor& pixels) {
    // All pictures in the frame of the source.
    const double shrink = static_cast<double>(std::max(source_.image.height, source_.image.width)) / kShownSide;
    const auto side = [&](std::int64_t length) { return std::llround(static_cast<double>(length) / shrink); };
    sheet_.pictures.push_back(fitted(image, side(source_.image.height), side(source_.image.width)));
    sheet_.captions.push_back(title);
    const Tensor few = first_rows(pixels, kShownPixels);
    clouds_.panels.push_back({.title = title, .points = concat({slice(few, 1, 0, 1), slice(few, 1, 2, 3)}, 1)});
  }

  Run& run_;
  const Settings& settings_;
  Photo source_, target_;
  std::uint64_t seed_;
  double before_ = 0;  // Bures distance
  PictureSheet sheet_;
  Panels clouds_;
};

std::vector<std::array<Photo, 2>> photos_of(const Run& run, const Settings& settings) {
  const RandomKey order(run.seed(), std::uint64_t{1} << 61);
  const Path data = run.options().data;
  if (settings.source.empty() != settings.target.empty())
    throw InputError("--source and --target belong together; give both or none");
  if (!settings.source.empty()) {
    const Path source = settings.source, target = settings.target;
    return {{photo_of(source.stem(), read_image(source), order), photo_of(target.stem(), read_image(target), order)}};
  }
  std::vector<std::array<Photo, 2>> pairs;
  for (const auto& [source, target] : std::span(kPairs).first(static_cast<std::size_t>(settings.pairs)))
    pairs.push_back(
        {photo_of(source, load_photo(data, source), order), photo_of(target, load_photo(data, target), order)});
  return pairs;
}

void run_study(Run& run, const Settings& settings) {
  const auto pairs = photos_of(run, settings);
  const bool cascade = settings.model != ModelChoice::MMgn, modules = settings.model != ModelChoice::CMgn;
  const int goals = settings.goal == GoalChoice::Both ? 2 : 1;
  run.plan_stages(static_cast<int>(std::ssize(pairs)) * (cascade + modules) * goals);
  for (const auto& [source, target] : pairs) {
    Pair pair(run, settings, source, target, 2 * run.seed());
    pair.report_bounds();
    pair.fit_rivals();
    if (cascade) pair.fit("C-MGN", small_cascade);
    if (modules) pair.fit("M-MGN", small_modules);
    pair.finish();
  }
}

void add_options(OptionTable& options, Settings& settings) {
  options.file("source", settings.source, "a photograph, PNG or JPEG; the suggested pairs if not given");
  options.file("target", settings.target, "the photograph whose colours it takes on");
  options.integer("pairs", settings.pairs, {.min = 1, .max = std::ssize(kPairs), .quick = 1},
                  "how many suggested pairs");
  options.choice("model", settings.model,
                 {{"all", ModelChoice::All}, {"c-mgn", ModelChoice::CMgn}, {"m-mgn", ModelChoice::MMgn}},
                 "which network");
  options.choice("goal", settings.goal,
                 {{"both", GoalChoice::Both}, {"gaussian", GoalChoice::Gaussian}, {"pixels", GoalChoice::Pixels}},
                 "what pixels are carried to: the Gaussian of the target's pixels, or those themselves");
  options.integer("units", settings.units, {.min = 1, .max = 100'000, .quick = 32}, "units");
  options.integer("layers", settings.layers, {.min = 1, .max = 1000}, "layers of C-MGN");
  options.integer("modules", settings.modules, {.min = 1, .max = 1000}, "modules of M-MGN");
  options.number("scale", settings.scale, {.min = 0.01, .max = 1000}, "side of the colour cube as networks see it");
  options.integer("judged-pixels", settings.judged_pixels, {.min = 100, .max = 20'000, .quick = 1000},
                  "held-out pixels for the scores that take long");
  add_transport_options(options, settings.fit, 100);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_recolor",
       .claim =
           "A monotone gradient network carries the colours of a photograph by day onto those of a sunset, through "
           "a Gaussian fitted to its pixels.",
       .source = "Report on Chaudhari, Pranav & Moura, Learning Gradients of Convex Functions with Monotone Gradient "
                 "Networks (2023), colour adaptation",
       .description = "Recolours photographs with C-MGN and M-MGN, through the fitted Gaussian and directly to pixels, "
                      "beside the linear map between Gaussians, histogram matching and a shift of the means.",
       .columns = {"source", "target", "model", "bures", "reduction_percent", "clamped_reduction_percent", "sinkhorn",
                   "sliced_w2", "min_eigenvalue", "monotonicity_violations", "certified", "seconds"}},
      [&](OptionTable& options) { add_options(options, settings); },
      [&](Run& run) {
        run.add_paper({{"model", "C-MGN, relu"}, {"statement", "pictures, no number"}});
        run_study(run, settings);
      });
}

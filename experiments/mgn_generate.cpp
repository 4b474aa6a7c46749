// Pictures from noise: monotone maps that carry the 784-dimensional standard Gaussian onto MNIST (Gravier &
// Picard, report on Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient networks,
// 2023).
//
// The rival is the optimal linear map, x -> m + C^½ x with the mean and covariance of the pictures, which needs no inverse
// and hence no help where C is singular. All networks start from it, VᵀV = κ C^½. By Brenier's theorem some monotone map
// turns noise into digits exactly; what these families reach depends on the loss, and what is seen of it on the score:
//
//   divergence   S(x, y) between minibatches, as published: lowest for clouds that have shrunk towards averages
//   energy       its unbiased form (experiments/support/cloud_metrics.h)
//
// Next on the walk: models/mgn.h, experiments/support/picture_maps.h.
#include <functional>
#include <string>
#include <vector>

#include "experiments/support/datasets.h"
#include "experiments/support/digit_pictures.h"
#include "experiments/support/picture_maps.h"
#include "experiments/support/transport_fitting.h"
#include "solvers/gaussian_transport.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

enum class Judge { Test, Validation };

struct Settings {
  std::string models = "all", losses = "all";
  Judge judge = Judge::Test;
  std::int64_t units = 256, layers = 10;         // of C-MGN, as published
  std::int64_t modules = 4, module_units = 256;  // of M-MGN with ln cosh; 50 and 512 are published
  std::int64_t pictures = 2048;                  // the units of M-MGN with a soft maximum, in one module
  double start = 0.1;                            // factor of the initial weights beside V
  double picture_scale = 0.225, linear_share = 0.3;
  double energy_learning_rate = 3e-4;
  std::int64_t halvings = 0, training = 60'000;
  std::int64_t held_out = 2000, validation = 1000, jacobians = 4;
  TransportFitOptions fit{
      .steps = 1000, .batch = 256, .learning_rate = 1e-3, .blur = 0.03, .scaling = 0.5, .validations = 10};
};

using Cascaded = CascadedMgn<Tanh>;
using Modular = ModularMgn<LogCosh>;
using Choosing = ModularMgn<SoftMaximum>;

bool is_wanted(const std::string& chosen, const std::string& name) { return chosen == "all" || chosen == name; }

RandomKey key_of(const Run& run, std::uint64_t stream) { return {run.seed(), (std::uint64_t{1} << 61) + stream}; }

// Pictures to train on, to choose the best moment of training by, and to judge by. Under Judge::Validation the last are
// training pictures that play no other part, and none is of the test set.
struct Pictures {
  Tensor training, validation, held_out;

  Pictures(Run& run, const Settings& settings, const Digits& digits) {
    const auto rows = shuffled_rows(key_of(run, 0), digits.train_images.rows());
    const auto test_rows = shuffled_rows(key_of(run, 1), digits.test_images.rows());
    const auto kept = static_cast<std::size_t>(settings.validation),
               judged = static_cast<std::size_t>(settings.held_out);
    const bool of_test = settings.judge == Judge::Test;
    if (rows.size() < 2 * (kept + judged) || (of_test && test_rows.size() < judged))
      throw InputError(str("held-out: ", rows.size(), " and ", test_rows.size(), " pictures are too few"));
    std::span<const std::int64_t> rest(rows);
    const auto set_apart = [&](std::size_t count) {
      const auto part = rest.last(count);
      rest = rest.first(rest.size() - count);
      return digit_points(digits.train_images, part, run.dtype());
    };
    validation = set_apart(kept);
    held_out =
        of_test ? digit_points(digits.test_images, std::span(test_rows).first(judged), run.dtype()) : set_apart(judged);
    rest = rest.first(std::min(rest.size(), static_cast<std::size_t>(settings.training)));
    if (rest.size() < std::max(judged, static_cast<std::size_t>(settings.pictures)))
      throw InputError(
          str("--training: ", rest.size(), " pictures are fewer than are held out, or than there are units"));
    training = digit_points(digits.train_images, rest, run.dtype());
  }
};

class Study {
 public:
  Study(Run& run, const Settings& settings, const Digits& digits)
      : run_(run),
        settings_(settings),
        pictures_(run, settings, digits),
        dim_(pictures_.training.dim(1)),
        noise_(random_normal(key_of(run, 2), {settings.held_out, dim_}, run.dtype())),
        judge_{pictures_.held_out, pictures_.training, settings.fit.blur} {
    run.set_metadata("data", digits.name);
    const GaussianMoments fit = fitted_gaussian(cast(pictures_.training, DType::Float64));
    mean_ = fit.mean;
    root_ = on_cpu(symmetric_sqrt, fit.covariance);
  }

  // Linear maps, and what needs no map.
  void add_rivals() {
    // How near to the training set honest pictures lie: the mean, and what 99 in 100 exceed.
    const Tensor honest = nearest_rows(pictures_.held_out, pictures_.training).distance;
    copy_distance_ = sort(honest).at({honest.dim(0) / 100});
    bures_ = add("Bures map", "", linear_image(dim_), {}).sinkhorn;
    if (!is_wanted(settings_.models, "rivals")) return;
    for (const std::int64_t rank : {10, 30}) add(str("Bures map, rank ", rank), "", linear_image(rank), {});
    add("mean picture", "", broadcast_to(cast(mean_, run_.dtype()), pictures_.held_out.shape()), {});
    add("training pictures", "", slice(pictures_.training, 0, 0, settings_.held_out), {});
    run_.add_result({{"model", "held-out pictures"}, {"nearest_neighbour", mean(honest).item()}, {"copies", 0.01}});
  }

  Cascaded cascaded() const {
    return started(Cascaded::random(key_of(run_, 5), dim_, settings_.units, settings_.layers, 1, run_.dtype()));
  }
  Modular modular() const {
    return started(Modular::random(key_of(run_, 6), dim_, settings_.module_units, settings_.modules, 1, run_.dtype()));
  }
  Choosing choosing() const {
    auto model = Choosing::random(key_of(run_, 6), dim_, settings_.pictures, 1, 1, run_.dtype());
    start_as_affine(model, settings_.linear_share * root_, mean_);
    start_at_pictures(model, pictures_.training, cast(mean_, run_.dtype()), settings_.picture_scale);
    center_image(model, random_normal(key_of(run_, 7), {2048, dim_}, run_.dtype()), mean_);
    return model;
  }

  template <class Model>
  void fit(const std::string& name, Model model, TransportLoss loss) {
    const bool energy = loss == TransportLoss::Energy;
    const std::string word = energy ? "energy" : "divergence";
    TransportFitOptions options = settings_.fit;
    options.loss = loss;
    if (energy) options.learning_rate = settings_.energy_learning_rate;
    const auto draw = [&](const RandomKey& key) { return random_normal(key, {options.batch, dim_}, run_.dtype()); };
    const Tensor noise = random_normal(key_of(run_, 3), pictures_.validation.shape(), run_.dtype());
    const std::function<double(const Model&)> score = [&](const Model& now) {
      return (energy ? sinkhorn_energy : sinkhorn_divergence)(now(noise), pictures_.validation, {.blur = options.blur})
          .item();
    };
    const TransportFit fitted =
        fit_transport(run_, str(name, ", ", word), model, draws_of(draw, run_.seed() + 1),
                      minibatches_of(pictures_.training, options.batch, run_.seed()), options, score);
    add(name, word, model(noise_), evidence_row(model, noise_, settings_.jacobians, fitted.seconds));
  }

  // The start of the map that chooses, before any training.
  void add_start(const std::string& name) {
    const Choosing model = choosing();
    add(name, "start", model(noise_), evidence_row(model, noise_, settings_.jacobians, 0));
  }

 private:
  template <class Model>
  Model started(const Model& random) const {
    Model model = scale_parameters(random, settings_.start);
    start_as_affine(model, root_, mean_);
    return model;
  }

  // Of rank r: the r leading principal components of the Bures map's image.
  Tensor linear_image(std::int64_t rank) const {
    const Tensor factor = gram_factor(root_, rank);
    const Tensor image = matmul(matmul(cast(noise_, DType::Float64), transpose(factor)), factor) + mean_;
    return cast(image, run_.dtype());
  }

  CloudScores add(const std::string& model, const std::string& loss, const Tensor& points, const Row& more) {
    const CloudScores scores = judge_(points);
    run_.poll_interrupt();
    Row row{{"model", model}};
    if (!loss.empty()) row.set("loss", loss);
    row.set("sinkhorn", scores.sinkhorn);
    row.set("ratio_to_bures", bures_ > 0 ? scores.sinkhorn / bures_ : 1.0);
    row.set("sinkhorn_wide", scores.wide);
    row.set("energy", scores.energy);
    row.set("sliced_w2", scores.sliced_w2);
    row.set("nearest_neighbour", scores.nearest_neighbour);
    row.set("copies", mean(cast(less(scores.distances, copy_distance_), DType::Float64)).item());
    for (const Field& field : more) row.set(field.key, field.value);
    run_.add_result(row);
    const std::string name = loss.empty() ? model : str(model, ", ", loss);
    draw_samples(name, points);
    if (!more.empty()) draw_neighbours(name, points);
    return scores;
  }

  void draw_samples(const std::string& name, const Tensor& points) {
    run_.draw(PictureSheet{
        .name = "samples_" + file_word(name), .title = name, .pictures = digit_images(points, 100), .columns = 10});
  }

  // Whether a map has learnt pictures by heart.
  void draw_neighbours(const std::string& name, const Tensor& points) {
    constexpr std::int64_t kShown = 12;
    const Tensor few = slice(points, 0, 0, kShown);
    std::vector<Image> pairs = digit_images(few, kShown);
    const Tensor nearest = gather(pictures_.training, nearest_rows(few, pictures_.training).index);
    for (Image& image : digit_images(nearest, kShown)) pairs.push_back(std::move(image));
    run_.draw(PictureSheet{.name = "neighbours_" + file_word(name),
                           .title = str(name, ": samples above the training pictures nearest to them"),
                           .pictures = std::move(pairs),
                           .columns = kShown});
  }

  Run& run_;
  const Settings& settings_;
  Pictures pictures_;
  std::int64_t dim_;
  Tensor noise_;
  CloudJudge judge_;
  Tensor mean_, root_;  // m and C^½, float64
  double bures_ = 0, copy_distance_ = 0;
};

void run_study(Run& run, const Settings& settings) {
  Study study(run, settings, halved(load_digits(run.options().data), settings.halvings));
  std::vector<std::function<void()>> wanted;
  const auto want = [&](const char* model, const char* loss, const std::function<void()>& fit) {
    if (is_wanted(settings.models, model) && is_wanted(settings.losses, loss)) wanted.push_back(fit);
  };
  using enum TransportLoss;
  want("c-mgn", "divergence", [&] { study.fit("C-MGN", study.cascaded(), Divergence); });
  want("m-mgn", "divergence", [&] { study.fit("M-MGN", study.modular(), Divergence); });
  want("soft-maximum", "divergence", [&] { study.fit("M-MGN, soft maximum", study.choosing(), Divergence); });
  want("c-mgn", "energy", [&] { study.fit("C-MGN", study.cascaded(), Energy); });
  want("soft-maximum", "energy", [&] { study.fit("M-MGN, soft maximum", study.choosing(), Energy); });
  run.plan_stages(static_cast<int>(wanted.size()));
  study.add_rivals();
  for (const auto& fit : wanted) fit();
  if (is_wanted(settings.models, "soft-maximum")) study.add_start("M-MGN, soft maximum");
}

// What is compared, and by which pictures.
void add_choices(OptionTable& options, Settings& settings) {
  using Word = std::string;
  options.choice<Word>(
      "models", settings.models,
      {{"all", "all"}, {"rivals", "rivals"}, {"c-mgn", "c-mgn"}, {"m-mgn", "m-mgn"}, {"soft-maximum", "soft-maximum"}},
      "which maps to compare with the Bures map");
  options.choice<Word>("losses", settings.losses, {{"all", "all"}, {"divergence", "divergence"}, {"energy", "energy"}},
                       "which losses to train them on");
  options.choice(
      "judge", settings.judge, {{"test", Judge::Test}, {"validation", Judge::Validation}},
      "what to judge by: pictures of the test set, or training pictures that play no other part, to choose options by");
}

void add_options(OptionTable& options, Settings& settings) {
  constexpr std::int64_t kMost = 100'000;
  add_choices(options, settings);
  options.integer("layers", settings.layers, {.min = 1, .max = 1000}, "of C-MGN");
  options.integer("units", settings.units, {.min = 1, .max = kMost, .quick = 64}, "of C-MGN");
  options.integer("modules", settings.modules, {.min = 1, .max = 1000, .quick = 1}, "of M-MGN with ln cosh");
  options.integer("module-units", settings.module_units, {.min = 1, .max = kMost, .quick = 64}, "of each of them");
  options.integer("pictures", settings.pictures, {.min = 1, .max = 20'000, .quick = 64},
                  "units of M-MGN with a soft maximum; they start as training pictures");
  options.number("picture-scale", settings.picture_scale, {.min = 1e-6, .max = 100}, "factor of those pictures");
  options.number("linear-share", settings.linear_share, {.min = 0, .max = 100}, "κ of that network");
  options.integer("halvings", settings.halvings, {.min = 0, .max = 2, .quick = 1},
                  "how often the side of pictures is halved");
  options.integer("training", settings.training, {.min = 1000, .max = kMost, .quick = 2000},
                  "pictures to train on, at most");
  options.integer("held-out", settings.held_out, {.min = 2, .max = 10'000, .quick = 100},
                  "pictures to judge by, and as many samples; an even number");
  options.integer("validation", settings.validation, {.min = 2, .max = 5000, .quick = 64},
                  "training pictures by which the best moment of training is chosen, an even number");
  options.integer("jacobians", settings.jacobians, {.min = 1, .max = 100, .quick = 1},
                  "points at which a Jacobian is decomposed");
  options.number("energy-learning-rate", settings.energy_learning_rate, {.min = 1e-9, .max = 10},
                 "in the place of --learning-rate where the loss is the energy");
  add_transport_options(options, settings.fit, 5, 64);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_generate",
       .claim = "A monotone gradient network turns noise into pictures of digits.",
       .source = "Gravier & Picard, report on Chaudhari, Pranav & Moura, Learning Gradients of Convex Functions with "
                 "Monotone Gradient Networks (2023), section on MNIST",
       .description =
           "Carries the 784-dimensional Gaussian onto MNIST by the Sinkhorn divergence and by its energy, and "
           "compares samples with the optimal linear map on held-out pictures.",
       .columns = {"model", "loss", "parameters", "sinkhorn", "ratio_to_bures", "sinkhorn_wide", "energy", "sliced_w2",
                   "nearest_neighbour", "copies", "min_eigenvalue", "monotonicity_violations", "seconds"}},
      [&](OptionTable& options) { add_options(options, settings); },
      [&](Run& run) {
        run.add_paper({{"statement", "pictures of samples, no number; divergence at blur 0.03 (Gravier & Picard)"}});
        run_study(run, settings);
      });
}

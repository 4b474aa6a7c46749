// Handwritten digits into their successors: for each class k a monotone map that carries pictures of k onto pictures of
// k + 1 (Gravier & Picard, report on Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone
// gradient networks, 2023).
//
// The report's code mixed all classes in both batches. Source and target are then one distribution, the identity is optimal,
// and nothing in the loss asks for k + 1. Here a map is trained for each class; the mixed task is run as well, to show
// where it goes. Rivals are the optimal linear map between Gaussian fits, the shift of the mean, and doing nothing. An
// outside judge, the nearest of labelled pictures, says what share of the images looks like k + 1.
//
// Next on the walk: experiments/mgn_generate.cpp.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "experiments/support/datasets.h"
#include "experiments/support/digit_pictures.h"
#include "experiments/support/picture_maps.h"
#include "experiments/support/transport_fitting.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

struct Settings {
  std::int64_t first = 0, classes = 10;
  std::int64_t units = 256, layers = 4;          // of C-MGN
  std::int64_t modules = 4, module_units = 256;  // of M-MGN; 20 and 256 are published
  std::int64_t halvings = 0, training = 60'000;
  std::int64_t held_out = 800, validation = 400, reference = 20'000, jacobians = 2;
  double start = 0.1;  // factor of the initial weights beside V
  TransportFitOptions fit{
      .steps = 300, .batch = 128, .learning_rate = 3e-4, .blur = 0.03, .scaling = 0.5, .validations = 6};
};

using Cascaded = CascadedMgn<Tanh>;
using Modular = ModularMgn<LogCosh>;
constexpr int kMixed = -1;  // in the place of a class

RandomKey key_of(const Run& run, std::uint64_t stream) { return {run.seed(), (std::uint64_t{1} << 61) + stream}; }

// Pictures of one class, or of all, in random order: to train on, to choose by, and held out.
struct Part {
  Tensor training, validation, held_out;
};

class Pictures {
 public:
  Pictures(Run& run, const Settings& settings)
      : run_(run), settings_(settings), digits_(halved(load_digits(run.options().data), settings.halvings)) {
    run.set_metadata("data", digits_.name);
    auto rows = shuffled_rows(key_of(run, 0), digits_.train_images.rows());
    rows.resize(std::min(rows.size(), static_cast<std::size_t>(settings.reference)));
    judge = nearest_class(digits_.train_images, digits_.train_labels, rows, run.dtype());
  }

  // `skipped` times as many held-out pictures as are used are left to another part of the same class.
  Part part(int digit, std::int64_t skipped = 0) const {
    const auto train = rows_of_class(digits_.train_labels, digit, 1),
               test = rows_of_class(digits_.test_labels, digit, 2);
    const auto kept = static_cast<std::size_t>(settings_.validation),
               judged = static_cast<std::size_t>(settings_.held_out);
    const auto before = static_cast<std::size_t>(skipped) * judged;
    if (train.size() < kept + judged || test.size() < before + judged)
      throw InputError(str("held-out: the class ", digit, " has ", train.size(), " + ", test.size(), " pictures"));
    const std::span<const std::int64_t> all(train), held_out(test);
    const auto used = std::min(train.size() - kept, static_cast<std::size_t>(settings_.training));
    return {digit_points(digits_.train_images, all.first(used), run_.dtype()),
            digit_points(digits_.train_images, all.last(kept), run_.dtype()),
            digit_points(digits_.test_images, held_out.subspan(before, judged), run_.dtype())};
  }

  NearestClass judge;
  const std::string& name() const { return digits_.name; }
  std::int64_t pixels() const { return digits_.train_images.row_size(); }

 private:
  std::vector<std::int64_t> rows_of_class(const ByteArray& labels, int digit, std::uint64_t stream) const {
    std::vector<std::int64_t> result;
    for (const std::int64_t row : shuffled_rows(key_of(run_, stream), labels.rows()))
      if (digit == kMixed || labels.values[static_cast<std::size_t>(row)] == digit) result.push_back(row);
    return result;
  }

  Run& run_;
  const Settings& settings_;
  Digits digits_;
};

Tensor apply(const AffineMap& map, const Tensor& x) { return cast(map(cast(x, DType::Float64)), x.dtype()); }

// The optimal linear map between Gaussian fits, with the ridge that suits the pictures kept aside.
AffineMap linear_rival(const Part& source, const Part& target, double blur) {
  const GaussianMoments from = fitted_gaussian(cast(source.training, DType::Float64));
  const GaussianMoments to = fitted_gaussian(cast(target.training, DType::Float64));
  AffineMap best;
  double least = std::numeric_limits<double>::infinity();
  for (const double ridge : {0.01, 0.1, 1.0}) {
    const AffineMap map = ridge_bures_map(from, to, ridge);
    const double score = sinkhorn_divergence(apply(map, source.validation), target.validation, {.blur = blur}).item();
    if (score < least) least = score, best = map;
  }
  return best;
}

class Study {
 public:
  Study(Run& run, const Settings& settings) : run_(run), settings_(settings), pictures_(run, settings) {}

  void run_class(int digit) {
    const int next = (digit + 1) % 10;
    begin(str(digit, " to ", next), next, pictures_.part(digit), pictures_.part(next));
    const AffineMap bures = linear_rival(source_, target_, settings_.fit.blur);
    bures_ = add("Bures map", apply(bures, source_.held_out), {});
    add("mean shift", source_.held_out - mean(source_.training, {0}) + mean(target_.training, {0}), {});
    add("identity", source_.held_out, {});
    // Other pictures of the digit: no map does better but by shrinking towards averages.
    add("training pictures", slice(target_.training, 0, 0, settings_.held_out), {});
    const auto start = [offset = bures.to - matmul(bures.matrix, bures.from), &bures](auto& model) {
      start_as_affine(model, bures.matrix, offset);
    };
    fit("C-MGN", cascaded(), start);
    fit("M-MGN", modular(), start);
    add_to_sheets();
  }

  // As the report's code does it: any digit to any digit, from small random weights.
  void run_mixed() {
    begin("mixed", kMixed, pictures_.part(kMixed), pictures_.part(kMixed, 1));
    add("identity", source_.held_out, {});
    add("C-MGN, untrained", cascaded()(source_.held_out), {});
    fit("C-MGN", cascaded(), [](auto&) {});
    add("M-MGN, untrained", modular()(source_.held_out), {});
    fit("M-MGN", modular(), [](auto&) {});
  }

  void finish() {
    for (auto& [model, images] : sheets_)
      run_.draw(PictureSheet{.name = "digits_" + file_word(model),
                             .title = str(pictures_.name(), " above its images: ", model),
                             .pictures = images,
                             .columns = kColumns,
                             .row_titles = sheet_rows_});
    for (const std::string model : {"Bures map", "mean shift", "identity", "training pictures", "C-MGN", "M-MGN"})
      add_mean(model);
  }

 private:
  static constexpr std::int64_t kColumns = 12;

  void begin(const std::string& task, int wanted, Part source, Part target) {
    task_ = task;
    wanted_ = wanted;
    source_ = std::move(source);
    target_ = std::move(target);
    images_.clear();
    bures_ = 0;
  }

  Cascaded cascaded() const {
    const std::int64_t dim = pictures_.pixels();
    return scale_parameters(
        Cascaded::random(key_of(run_, 3), dim, settings_.units, settings_.layers, dim, run_.dtype()), settings_.start);
  }
  Modular modular() const {
    const std::int64_t dim = pictures_.pixels();
    return scale_parameters(
        Modular::random(key_of(run_, 4), dim, settings_.module_units, settings_.modules, dim, run_.dtype()),
        settings_.start);
  }

  template <class Model, class Start>
  void fit(const std::string& name, Model model, const Start& start) {
    start(model);
    const std::function<double(const Model&)> score = [&](const Model& now) {
      return sinkhorn_divergence(now(source_.validation), target_.validation, {.blur = settings_.fit.blur}).item();
    };
    const TransportFit fitted = fit_transport(
        run_, str(task_, ", ", name), model, minibatches_of(source_.training, settings_.fit.batch, run_.seed()),
        minibatches_of(target_.training, settings_.fit.batch, run_.seed() + 1), settings_.fit, score);
    add(name, model(source_.held_out), evidence_row(model, source_.held_out, settings_.jacobians, fitted.seconds));
  }

  double add(const std::string& model, const Tensor& image, const Row& more) {
    const CloudScores scores = CloudJudge{target_.held_out, target_.training, settings_.fit.blur}(image);
    run_.poll_interrupt();
    Row row{{"task", task_}, {"model", model}, {"sinkhorn", scores.sinkhorn}};
    const std::vector<std::uint8_t> looks = pictures_.judge(image);
    if (wanted_ == kMixed) {
      row.set("keeps_class", share_of(looks, pictures_.judge(source_.held_out)));
      row.set("displacement", std::sqrt(mean(sum(square(image - source_.held_out), {1})).item()));
    } else {
      row.set("ratio_to_bures", bures_ > 0 ? scores.sinkhorn / bures_ : 1.0);
      row.set("looks_like_target", share_of(looks, static_cast<std::uint8_t>(wanted_)));
    }
    row.set("energy", scores.energy);
    row.set("sliced_w2", scores.sliced_w2);
    row.set("nearest_neighbour", scores.nearest_neighbour);
    for (const Field& field : more) row.set(field.key, field.value);
    run_.add_result(row);
    images_[model] = image;
    return scores.sinkhorn;
  }

  void add_to_sheets() {
    sheet_rows_.push_back(task_);
    sheet_rows_.push_back("");
    for (const std::string model : {"Bures map", "C-MGN", "M-MGN"})
      for (const Tensor& shown : {source_.held_out, images_.at(model)})
        for (Image& image : digit_images(shown, kColumns)) sheets_[model].push_back(std::move(image));
  }

  // Over the classes.
  void add_mean(const std::string& model) {
    Row result{{"task", "mean"}, {"model", model}};
    for (const char* column : {"sinkhorn", "ratio_to_bures", "looks_like_target", "energy", "sliced_w2",
                               "nearest_neighbour", "parameters", "seconds"}) {
      double total = 0, count = 0;
      for (const Row& row : run_.results()) {
        const Value* value = row.find(column);
        if (!value || *row.find("model")->as_string() != model || *row.find("task")->as_string() == "mixed") continue;
        total += value->as_double();
        ++count;
      }
      if (count > 0) result.set(column, total / count);
    }
    run_.add_result(result);
  }

  Run& run_;
  const Settings& settings_;
  Pictures pictures_;
  std::string task_;
  int wanted_ = kMixed;
  Part source_, target_;
  double bures_ = 0;
  std::map<std::string, Tensor> images_;              // of this task
  std::map<std::string, std::vector<Image>> sheets_;  // of all classes
  std::vector<std::string> sheet_rows_;
};

void run_study(Run& run, const Settings& settings) {
  Study study(run, settings);
  run.plan_stages(2 * static_cast<int>(settings.classes + 1));
  for (std::int64_t i = 0; i < settings.classes; ++i) study.run_class(static_cast<int>((settings.first + i) % 10));
  study.run_mixed();
  study.finish();
}

void add_options(OptionTable& options, Settings& settings) {
  constexpr std::int64_t kMost = 100'000;
  options.integer("first", settings.first, {.min = 0, .max = 9}, "the first class that is carried to its successor");
  options.integer("classes", settings.classes, {.min = 1, .max = 10, .quick = 1},
                  "how many classes are, from there on");
  options.integer("layers", settings.layers, {.min = 1, .max = 1000}, "of C-MGN");
  options.integer("units", settings.units, {.min = 1, .max = kMost, .quick = 32}, "of C-MGN");
  options.integer("modules", settings.modules, {.min = 1, .max = 1000, .quick = 1}, "of M-MGN");
  options.integer("module-units", settings.module_units, {.min = 1, .max = kMost, .quick = 32}, "of each of them");
  options.number("start", settings.start, {.min = 0, .max = 100}, "factor of the initial weights");
  options.integer("halvings", settings.halvings, {.min = 0, .max = 2, .quick = 1},
                  "how often the side of pictures is halved");
  options.integer("training", settings.training, {.min = 4000, .max = kMost, .quick = 4000},
                  "pictures of each class to train on, at most");
  options.integer("held-out", settings.held_out, {.min = 2, .max = 4000, .quick = 100},
                  "test pictures of each class to judge by, an even number");
  options.integer("validation", settings.validation, {.min = 2, .max = 2000, .quick = 50},
                  "training pictures of each class to choose by");
  options.integer("reference", settings.reference, {.min = 1, .max = kMost, .quick = 1000},
                  "labelled pictures of the judge");
  options.integer("jacobians", settings.jacobians, {.min = 1, .max = 100, .quick = 1},
                  "points at which a Jacobian is decomposed");
  add_transport_options(options, settings.fit, 5, 32);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_digits",
       .claim =
           "A monotone gradient network carries handwritten digits to their successors, which it has difficulty to "
           "learn.",
       .source = "Gravier & Picard, report on Chaudhari, Pranav & Moura, Learning Gradients of Convex Functions with "
                 "Monotone Gradient Networks (2023), section on MNIST",
       .description = "Trains one monotone map from each digit to the next by the Sinkhorn divergence, and one on all "
                      "digits at once, and compares them with the optimal linear maps on held-out pictures.",
       .columns = {"task", "model", "parameters", "sinkhorn", "ratio_to_bures", "looks_like_target", "keeps_class",
                   "displacement", "energy", "sliced_w2", "nearest_neighbour", "min_eigenvalue",
                   "monotonicity_violations", "seconds"}},
      [&](OptionTable& options) { add_options(options, settings); },
      [&](Run& run) {
        run.add_paper({{"statement", "pictures, no number; all classes in one batch (Gravier & Picard)"}});
        run_study(run, settings);
      });
}

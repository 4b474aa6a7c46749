// Handwritten digits into their successors: for each class k a monotone map that carries pictures of k onto pictures of
// k + 1 (the MVA report on Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient
// networks, 2023).
//
// The report's code mixed all classes in both batches. Source and target are then one distribution, the identity is optimal,
// and nothing in the loss asks for k + 1. Here a map is trained for each class; the mixed task is run as well, to show
// where it goes. Rivals are the optimal linear map between the two Gaussians, the shift of the mean, and doing nothing. An
// outside judge, the nearest of the training pictures, says what share of the images looks like k + 1.
//
// Next on the walk: experiments/mgn_generate.cpp.
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "experiments/support/datasets.h"
#include "experiments/support/digit_pictures.h"
#include "experiments/support/picture_maps.h"
#include "experiments/support/transport_fitting.h"
#include "models/mgn.h"
#include "solvers/gaussian_transport.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

struct Settings {
  std::vector<std::int64_t> digits{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::int64_t units = 256, layers = 4;          // of C-MGN
  std::int64_t modules = 4, module_units = 256;  // of M-MGN; 20 and 256 are published
  std::int64_t held_out = 800, validation = 400, reference = 20'000, jacobians = 2;
  double start = 0.1;  // factor of the initial weights of the networks, apart from VᵀV
  TransportFitOptions fit{
      .steps = 400, .batch = 128, .learning_rate = 3e-4, .blur = 0.03, .scaling = 0.5, .validations = 10};
};

using Cascaded = CascadedMgn<Tanh>;
using Modular = ModularMgn<LogCosh>;
constexpr std::int64_t kMixed = -1;  // in the place of a class

RandomKey key_of(const Run& run, std::uint64_t stream) { return {run.seed(), (std::uint64_t{1} << 61) + stream}; }

// Pictures of one class, or of all, in random order: for training, for choosing, and held out.
struct Part {
  Tensor training, validation, held_out;
};

class Pictures {
 public:
  Pictures(Run& run, const Settings& settings)
      : run_(run), settings_(settings), digits_(load_digits(run.options().data)) {
    auto rows = shuffled_rows(key_of(run, 0), digits_.train_images.rows());
    rows.resize(std::min(rows.size(), static_cast<std::size_t>(settings.reference)));
    reference_ = digit_points(digits_.train_images, rows, run.dtype());
    for (const std::int64_t row : rows)
      reference_labels_.push_back(digits_.train_labels.values[static_cast<std::size_t>(row)]);
  }

  const std::string& name() const { return digits_.name; }

  // `stream` tells two parts of the same class apart: held-out pictures of different streams are disjoint in the mixture.
  Part part(std::int64_t digit, std::int64_t stream) const {
    const auto train = chosen(digits_.train_labels, digit, 1), test = chosen(digits_.test_labels, digit, 2);
    const auto count = static_cast<std::int64_t>(train.size()) - settings_.validation;
    const std::int64_t first = digit == kMixed ? stream * settings_.held_out : 0;
    const std::int64_t last = first + settings_.held_out;
    if (count < settings_.validation || last > static_cast<std::int64_t>(test.size()))
      throw InputError(str("held-out: there are ", test.size(), " test pictures of the digit ", digit, ", ", last,
                           " are asked for"));
    return {points(digits_.train_images, train, 0, count),
            points(digits_.train_images, train, count, count + settings_.validation),
            points(digits_.test_images, test, first, last)};
  }

  // The share of each class among pictures, by their nearest neighbour.
  std::array<double, 10> shares(const Tensor& pictures) const {
    std::array<double, 10> share{};
    for (const std::int64_t row : nearest_rows(pictures, reference_).index.to_vector<std::int64_t>())
      share[reference_labels_[static_cast<std::size_t>(row)]] += 1 / static_cast<double>(pictures.dim(0));
    return share;
  }
  // The share of rows whose two pictures have nearest neighbours of one class.
  double same_class(const Tensor& a, const Tensor& b) const {
    const auto rows_a = nearest_rows(a, reference_).index.to_vector<std::int64_t>();
    const auto rows_b = nearest_rows(b, reference_).index.to_vector<std::int64_t>();
    double same = 0;
    for (std::size_t i = 0; i < rows_a.size(); ++i) same += label(rows_a[i]) == label(rows_b[i]) ? 1 : 0;
    return same / static_cast<double>(rows_a.size());
  }

 private:
  std::uint8_t label(std::int64_t row) const { return reference_labels_[static_cast<std::size_t>(row)]; }
  std::vector<std::int64_t> chosen(const ByteArray& labels, std::int64_t digit, std::uint64_t stream) const {
    std::vector<std::int64_t> result;
    for (const std::int64_t row : shuffled_rows(key_of(run_, stream), labels.rows()))
      if (digit == kMixed || labels.values[static_cast<std::size_t>(row)] == digit) result.push_back(row);
    return result;
  }
  Tensor points(const ByteArray& images, std::span<const std::int64_t> rows, std::int64_t begin,
                std::int64_t end) const {
    return digit_points(images, rows.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
                        run_.dtype());
  }

  Run& run_;
  const Settings& settings_;
  Digits digits_;
  Tensor reference_;
  std::vector<std::uint8_t> reference_labels_;
};

// The optimal linear map between Gaussian fits whose covariances have `ridge` added: pixels that never change would make
// them singular.
AffineMap ridge_map(const Part& source, const Part& target, double ridge) {
  const GaussianMoments from = gaussian_fit(cast(source.training, DType::Float64));
  const GaussianMoments to = gaussian_fit(cast(target.training, DType::Float64));
  const Tensor added = ridge * eye(from.mean.dim(0));
  return bures_map(from.mean, from.covariance + added, to.mean, to.covariance + added);
}

Tensor apply(const AffineMap& map, const Tensor& x) { return cast(map(cast(x, DType::Float64)), x.dtype()); }

// The ridge that suits pictures which were kept aside.
AffineMap best_ridge_map(const Part& source, const Part& target, double blur) {
  AffineMap best;
  double least = std::numeric_limits<double>::infinity();
  for (const double ridge : {0.01, 0.1, 1.0}) {
    const AffineMap map = ridge_map(source, target, ridge);
    const double score = sinkhorn_divergence(apply(map, source.validation), target.validation, {.blur = blur}).item();
    if (score < least) least = score, best = map;
  }
  return best;
}

class Study {
 public:
  Study(Run& run, const Settings& settings) : run_(run), settings_(settings), pictures_(run, settings) {
    run.set_metadata("data", pictures_.name());
  }

  void run_class(std::int64_t digit) {
    const std::int64_t next = (digit + 1) % 10;
    begin(str(digit, " to ", next), pictures_.part(digit, 0), pictures_.part(next, 0), next);
    const AffineMap bures = best_ridge_map(source_, target_, settings_.fit.blur);
    bures_ = add("Bures map", apply(bures, source_.held_out), {});
    add("mean shift", source_.held_out - mean(source_.training, {0}) + mean(target_.training, {0}), {});
    add("identity", source_.held_out, {});
    // What the best map could not beat by much: other pictures of the digit.
    add("training pictures", slice(target_.training, 0, 0, settings_.held_out), {});
    const Tensor offset = bures.to - matmul(bures.matrix, bures.from);
    const auto start = [&](auto& model) { start_as_affine(model, bures.matrix, offset); };
    fit("C-MGN", cascaded(), start);
    fit("M-MGN", modular(), start);
    add_to_sheets();
  }

  // As the report's code does it: any digit to any digit.
  void run_mixed() {
    begin("mixed", pictures_.part(kMixed, 0), pictures_.part(kMixed, 1), kMixed);
    bures_ = 0;
    add("identity", source_.held_out, {});
    const auto start = [&](auto& model) { model.offset = zeros({kDigitPixels}, run_.dtype()); };
    add("C-MGN, untrained", cascaded()(source_.held_out), {});
    fit("C-MGN", cascaded(), start);
    add("M-MGN, untrained", modular()(source_.held_out), {});
    fit("M-MGN", modular(), start);
  }

  void finish() {
    for (auto& [model, images] : sheets_)
      run_.draw(PictureSheet{.name = str("digits_", model),
                             .title = str(model, ": a digit of ", pictures_.name(), " above what it is carried to"),
                             .pictures = images,
                             .columns = kColumns,
                             .row_titles = sheet_rows_});
    for (const std::string model : {"Bures map", "mean shift", "identity", "training pictures", "C-MGN", "M-MGN"})
      add_mean(model);
  }

 private:
  static constexpr std::int64_t kColumns = 16;

  void begin(const std::string& task, Part source, Part target, std::int64_t wanted) {
    task_ = task;
    source_ = std::move(source);
    target_ = std::move(target);
    wanted_ = wanted;
    images_.clear();
  }

  Cascaded cascaded() const {
    return scale_parameters(
        Cascaded::random(key_of(run_, 3), kDigitPixels, settings_.units, settings_.layers, kDigitPixels, run_.dtype()),
        settings_.start);
  }
  Modular modular() const {
    return scale_parameters(Modular::random(key_of(run_, 4), kDigitPixels, settings_.module_units, settings_.modules,
                                            kDigitPixels, run_.dtype()),
                            settings_.start);
  }

  template <class Model, class Start>
  void fit(const std::string& name, Model model, const Start& start) {
    start(model);
    const SinkhornOptions sinkhorn{.blur = settings_.fit.blur};
    const std::function<double(const Model&)> score = [&](const Model& now) {
      return sinkhorn_divergence(now(source_.validation), target_.validation, sinkhorn).item();
    };
    const TransportFit fitted = fit_transport(
        run_, str(task_, ", ", name), model, minibatches_of(source_.training, settings_.fit.batch, run_.seed()),
        minibatches_of(target_.training, settings_.fit.batch, run_.seed() + 1), settings_.fit, score);
    Row more{{"parameters", count_parameters(model)}};
    for (const Field& field : certificate_row(model, source_.held_out, settings_.jacobians))
      more.set(field.key, field.value);
    more.set("seconds", fitted.seconds);
    add(name, model(source_.held_out), more);
  }

  double add(const std::string& model, const Tensor& image, const Row& more) {
    const CloudScores scores = CloudJudge{target_.held_out, target_.training, settings_.fit.blur}(image);
    run_.poll_interrupt();
    Row row{{"task", task_},
            {"model", model},
            {"sinkhorn", scores.sinkhorn},
            {"sinkhorn_wide", scores.wide},
            {"energy", scores.energy},
            {"sliced_w2", scores.sliced_w2},
            {"nearest_neighbour", scores.nearest_neighbour}};
    if (wanted_ == kMixed) {
      row.set("keeps_class", pictures_.same_class(source_.held_out, image));
      row.set("displacement", std::sqrt(mean(sum(square(image - source_.held_out), {1})).item()));
    } else {
      row.set("ratio_to_bures", bures_ > 0 && model != "Bures map" ? scores.sinkhorn / bures_ : 1.0);
      row.set("looks_like_target", pictures_.shares(image)[static_cast<std::size_t>(wanted_)]);
    }
    for (const Field& field : more) row.set(field.key, field.value);
    run_.add_result(row);
    images_[model] = image;
    return scores.sinkhorn;
  }

  void add_to_sheets() {
    sheet_rows_.push_back("source");
    sheet_rows_.push_back(task_);
    for (const std::string model : {"Bures map", "C-MGN", "M-MGN"})
      for (const Tensor& shown : {source_.held_out, images_.at(model)})
        for (Image& image : digit_images(shown, kColumns)) sheets_[model].push_back(std::move(image));
  }

  // Over the classes.
  void add_mean(const std::string& model) {
    Row result{{"task", "mean"}, {"model", model}};
    for (const char* column : {"sinkhorn", "sinkhorn_wide", "energy", "sliced_w2", "nearest_neighbour",
                               "ratio_to_bures", "looks_like_target", "seconds"}) {
      double total = 0;
      std::int64_t count = 0;
      for (const Row& row : run_.results()) {
        const Value *name = row.find("model"), *task = row.find("task"), *value = row.find(column);
        if (!value || *name->as_string() != model || *task->as_string() == "mixed") continue;
        total += value->as_double(), ++count;
      }
      if (count > 0) result.set(column, total / static_cast<double>(count));
    }
    if (result.size() > 2) run_.add_result(result);
  }

  Run& run_;
  const Settings& settings_;
  Pictures pictures_;
  std::string task_;
  Part source_, target_;
  std::int64_t wanted_ = kMixed;
  double bures_ = 0;
  std::map<std::string, Tensor> images_;              // of this task
  std::map<std::string, std::vector<Image>> sheets_;  // of all classes
  std::vector<std::string> sheet_rows_;
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  bool mixed = true;
  return run_program(
      argc, argv,
      {.name = "mgn_digits",
       .claim =
           "Monotone gradient networks carry handwritten digits to their successors; with all classes in one batch "
           "they have difficulty to learn it.",
       .source = "MVA report on Chaudhari, Pranav & Moura (2023), section on MNIST",
       .description = "Trains one monotone map from each digit to the next by the Sinkhorn divergence, and one on all "
                      "digits at once, and compares them with the optimal linear maps on held-out pictures.",
       .columns = {"task", "model", "parameters", "sinkhorn", "ratio_to_bures", "energy", "sliced_w2",
                   "nearest_neighbour", "looks_like_target", "keeps_class", "displacement", "min_eigenvalue",
                   "monotonicity_violations", "seconds"}},
      [&](OptionTable& options) {
        options.integers("digits", settings.digits, {.min = 0, .max = 9}, "classes to carry to their successors");
        options.integer("layers", settings.layers, {.min = 1, .max = 1000}, "of C-MGN");
        options.integer("units", settings.units, {.min = 1, .max = 100'000}, "of C-MGN");
        options.integer("modules", settings.modules, {.min = 1, .max = 1000}, "of M-MGN");
        options.integer("module-units", settings.module_units, {.min = 1, .max = 100'000}, "of each of them");
        options.integer("held-out", settings.held_out, {.min = 2, .max = 890, .quick = 200},
                        "test pictures of each class to judge by, an even number");
        options.number("start", settings.start, {.min = 0, .max = 100}, "factor of the initial weights beside V");
        options.flag("mixed", mixed, "x");
        add_transport_options(options, settings.fit, 20);
      },
      [&](Run& run) {
        Study study(run, settings);
        run.plan_stages(2 * static_cast<int>(settings.digits.size() + 1));
        for (const std::int64_t digit : settings.digits) study.run_class(digit);
        study.run_mixed();
        study.finish();
      });
}

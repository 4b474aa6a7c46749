// Grey pictures to colour by a monotone gradient network (report on Chaudhari, Pranav & Moura, Learning gradients of
// convex functions with monotone gradient networks, 2023): CIFAR-10, the luma copied to three channels -> the picture, as a map
// of R^3072.
//
// Batches of grey and of coloured pictures hold the same pictures in the same order, but the Sinkhorn divergence is not
// told so: it finds the pairs by their distance. Monotonicity hardly binds here. The inputs fill a space of 1024
// dimensions; across it the gradient of a convex function may take any values, so colour may depend on grey in any way.
// What binds is that grey does not tell the colour: beside the rivals by channel stands the best linear predictor of
// all colours from all pixels, which need be no gradient.
//
// Next on the walk: models/mgn.h, experiments/support/datasets.h.
#include <cmath>
#include <string>
#include <vector>

#include "experiments/support/datasets.h"
#include "experiments/support/histogram_matching.h"
#include "experiments/support/image_metrics.h"
#include "experiments/support/on_cpu.h"
#include "experiments/support/transport_fitting.h"
#include "models/certificates.h"
#include "models/mgn.h"
#include "solvers/wasserstein.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

constexpr std::int64_t kShown = 16;  // in a line of the sheet

struct Settings {
  std::int64_t halvings = 0, certified = 32, images = 16'000, validation = 1000, test = 2000, units = 512, layers = 24;
  TransportFitOptions fit{.steps = 600, .batch = 128, .learning_rate = 1e-4, .blur = 0.03, .validations = 20};
};

// Rows of coloured pictures, [n, 3072] in [0, 1], and their luma, [n, 1024].
struct Pictures {
  Tensor colour, grey;
};
Tensor luma(const Tensor& colour) {
  const Tensor weights = cast(reshape(tensor({0.299, 0.587, 0.114}), {3, 1}), colour.dtype());
  return sum(reshape(colour, {colour.dim(0), kCifarChannels, colour.dim(1) / kCifarChannels}) * weights, {1});
}
Tensor in_three_channels(const Tensor& grey) { return concat({grey, grey, grey}, 1); }
Pictures pictures_of(const Tensor& bytes) {
  const Tensor colour = bytes * (1.0 / 255);
  return {colour, luma(colour)};
}

struct Sets {
  Pictures training, validation, test;
  std::string note;
};
// The last training pictures validate. Test pictures are taken evenly, because they may be sorted by class.
Sets load(const Path& data, const Settings& settings, DType dtype) {
  const Cifar cifar = halved(load_cifar10(data), settings.halvings);
  const std::int64_t present = cifar.train.images.rows(), first = present - settings.validation;
  if (settings.images > first || settings.test > cifar.test.images.rows())
    throw InputError(str("--images ", settings.images, " and --test-images ", settings.test, " ask for more than the ",
                         first, " and ", cifar.test.images.rows(), " pictures there are in ",
                         (data / "cifar10").string()));
  std::vector<std::int64_t> spread;
  for (std::int64_t i = 0; i < settings.test; ++i) spread.push_back(i * cifar.test.images.rows() / settings.test);
  return {pictures_of(rows_of(cifar.train.images, 0, settings.images, dtype)),
          pictures_of(rows_of(cifar.train.images, first, present, dtype)),
          pictures_of(rows_of(cifar.test.images, spread, dtype)), cifar.note};
}

Tensor channel(const Tensor& colour, std::int64_t c) {
  const std::int64_t pixels = colour.dim(1) / kCifarChannels;
  return slice(colour, 1, c * pixels, (c + 1) * pixels);
}

// Rivals that look at one pixel and one channel at a time.
Tensor shifted_channels(const Pictures& training, const Tensor& grey) {
  std::vector<Tensor> channels;
  for (std::int64_t c = 0; c < kCifarChannels; ++c)
    channels.push_back(grey + (mean(channel(training.colour, c)) - mean(training.grey)));
  return concat(channels, 1);
}
Tensor affine_channels(const Pictures& training, const Tensor& grey) {
  const Tensor centre = mean(training.grey), centred = training.grey - centre;
  std::vector<Tensor> channels;
  for (std::int64_t c = 0; c < kCifarChannels; ++c) {
    const Tensor target = channel(training.colour, c);
    const Tensor slope = mean(centred * target) / mean(square(centred));
    channels.push_back((grey - centre) * slope + mean(target));
  }
  return concat(channels, 1);
}
// The increasing map of each channel by itself. A thousand pictures have a million pixels: enough for quantiles.
Tensor matched_histograms(const Pictures& training, const Tensor& grey) {
  const std::int64_t used = std::min<std::int64_t>(training.colour.dim(0), 1000), rows = grey.dim(0);
  const std::int64_t plane = grey.dim(1);
  const auto as_pixels = [plane](const Tensor& rows_of_planes) {
    const std::int64_t n = rows_of_planes.dim(0);
    return reshape(permute(reshape(rows_of_planes, {n, kCifarChannels, plane}), {0, 2, 1}), {n * plane, 3});
  };
  const HistogramMatching match(as_pixels(in_three_channels(slice(training.grey, 0, 0, used))),
                                as_pixels(slice(training.colour, 0, 0, used)));
  const Tensor pixels = reshape(match(as_pixels(in_three_channels(grey))), {rows, plane, kCifarChannels});
  return reshape(permute(pixels, {0, 2, 1}), {rows, kCifarChannels * plane});
}

// Ridge regression of colour minus luma on all pixels of the luma: what the best matrix can do, a gradient or not. The
// penalty with the best validation error is taken.
Tensor regressed(const Sets& sets, const Tensor& grey) {
  const Tensor tint = sets.training.colour - in_three_channels(sets.training.grey), colour_mean = mean(tint, {0});
  const Tensor centre = mean(sets.training.grey, {0}), x = cast(sets.training.grey - centre, DType::Float64);
  const Tensor y = cast(tint - colour_mean, DType::Float64);
  const Tensor gram = matmul(transpose(x), x), cross = matmul(transpose(x), y);
  const auto predict = [&](const Tensor& solution, const Tensor& at) {
    return in_three_channels(at) + colour_mean + cast(matmul(cast(at - centre, DType::Float64), solution), at.dtype());
  };
  Tensor best;
  double least = std::numeric_limits<double>::infinity();
  for (const double penalty : {1e2, 1e3, 1e4, 1e5}) {
    const Tensor solution = on_cpu(spd_solve, gram + penalty * eye(grey.dim(1)), cross);
    const double error = mean(square(predict(solution, sets.validation.grey) - sets.validation.colour)).item();
    if (error < least) least = error, best = solution;
  }
  return predict(best, grey);
}

using Network = CascadedMgn<Tanh>;

// Begins near the picture unchanged: V = I, and W small enough that pairs are found from the first batch on.
Network network_of(const RandomKey& key, const Settings& settings, std::int64_t dim, DType dtype) {
  Network network = Network::random(key, dim, settings.units, settings.layers, 1, dtype);
  network.weight = 0.25 * network.weight;
  network.linear.factor = eye(dim, dtype);
  return network;
}

class Study {
 public:
  Study(Run& run, const Settings& settings)
      : run_(run), settings_(settings), sets_(load(Path(run.options().data), settings, run.dtype())) {
    sheet_ = {.name = "sheet", .title = "Test pictures, coloured from grey", .columns = kShown};
    if (!sets_.note.empty()) {
      run.print(sets_.note);
      sheet_.title += "; most come from a lossy copy of CIFAR-10";
    }
    directions_ =
        random_directions({run.seed(), std::uint64_t{1} << 60}, 256, sets_.training.colour.dim(1), run.dtype());
    for (std::int64_t i = 0; i < kShown; ++i)
      shown_.push_back(i * settings.test / kShown + i % (settings.test / kShown));
  }

  // A row, and a line of the sheet. `values` are clamped to [0, 1] for the scores of pictures, as a file would.
  void judge(const std::string& model, const Tensor& values, Value parameters = nullptr, double seconds = 0) {
    const Tensor seen = clamp(values, 0, 1), truth = sets_.test.colour;
    const Tensor few = slice(values, 0, 0, compared_), others = slice(truth, 0, truth.dim(0) - compared_, truth.dim(0));
    Row row{{"model", model}, {"parameters", parameters}};
    row.set("psnr", mean(psnr(seen, truth)).item());
    row.set("psnr_pooled", -10 * std::log10(mean(square(seen - truth)).item()));
    row.set("ssim", mean(ssim(seen, truth, side_, side_, kCifarChannels)).item());
    row.set("sinkhorn", sinkhorn_divergence(few, others, {.blur = settings_.fit.blur}).item());
    row.set("sliced_w2", std::sqrt(sliced_wasserstein(few, others, directions_).item()));
    row.set("seconds", seconds);
    rows_.push_back(row);
    add_to_sheet(model, seen);
  }

  void fit() {
    const Pictures& training = sets_.training;
    Network network = network_of({run_.seed(), 0}, settings_, training.colour.dim(1), run_.dtype());
    const BatchOfStep luma = minibatches_of(training.grey, settings_.fit.batch, run_.seed());
    const BatchOfStep grey = [&](std::int64_t step) { return in_three_channels(luma(step)); };
    const BatchOfStep colour = minibatches_of(training.colour, settings_.fit.batch, run_.seed());
    const Pictures& held = sets_.validation;
    const TransportFit fitted = fit_transport<Network>(
        run_, "C-MGN", network, grey, colour, settings_.fit,
        [&](const Network& now) { return mean(square(now(in_three_channels(held.grey)) - held.colour)).item(); });
    const Tensor x = in_three_channels(sets_.test.grey);
    judge("C-MGN", network(x), count_parameters(network), fitted.seconds);
    certify(network, x);
    Curve curve{"C-MGN"};
    for (std::size_t k = 0; k < fitted.scores.size(); ++k) {
      curve.x.push_back(static_cast<double>((k + 1) * settings_.fit.steps) / static_cast<double>(fitted.scores.size()));
      curve.y.push_back(-10 * std::log10(fitted.scores[k]));
    }
    LinePlot plot{.name = "training", .title = "Validation while training"};
    plot.x_label = "step";
    plot.y_label = "PSNR over all pixels (dB)";
    plot.curves = {curve};
    run_.draw(plot);
  }

  void rivals() {
    const Tensor& grey = sets_.test.grey;
    judge("grey", in_three_channels(grey));
    judge("means", shifted_channels(sets_.training, grey));
    judge("affine", affine_channels(sets_.training, grey));
    judge("histograms", matched_histograms(sets_.training, grey));
    run_.poll_interrupt();
    judge("linear regression", regressed(sets_, grey));
  }

  void finish() {
    add_to_sheet("truth", sets_.test.colour);
    for (const Row& row : rows_) run_.add_result(row);
    run_.draw(sheet_);
  }

 private:
  void certify(const Network& network, const Tensor& x) {
    const KrylovCertificate certificate =
        certify_by_krylov(network, slice(x, 0, 0, settings_.certified), {.key = {run_.seed(), std::uint64_t{1} << 61}});
    run_.print("C-MGN: " + certificate.message());
    rows_.back().set("min_eigenvalue", certificate.smallest_ritz_value);
    rows_.back().set("monotonicity_violations", certificate.monotonicity_violations);
  }
  void add_to_sheet(const std::string& title, const Tensor& rows) {
    const Tensor chosen = gather(rows, index_tensor(shown_, {kShown}));
    for (const Image& image : images_of_rows(chosen, side_, side_, kCifarChannels)) sheet_.pictures.push_back(image);
    sheet_.row_titles.push_back(title);
  }

  Run& run_;
  const Settings& settings_;
  std::int64_t side_ = kCifarSide >> settings_.halvings;
  std::int64_t compared_ =
      std::min<std::int64_t>(settings_.test / 2, 500);  // images with other pictures than their own
  Sets sets_;
  Tensor directions_;
  std::vector<std::int64_t> shown_;
  PictureSheet sheet_;
  std::vector<Row> rows_;
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_colorize",
       .claim = "A monotone gradient network carries grey pictures to coloured ones.",
       .source = "Report on Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient "
                 "networks (2023), section on colourisation",
       .description = "Trains C-MGN by the Sinkhorn divergence from grey to coloured pictures of CIFAR-10 and compares "
                      "it with rivals by channel and with the best linear predictor. Writes a sheet of pictures.",
       .columns = {"model", "parameters", "psnr", "psnr_pooled", "ssim", "sinkhorn", "sliced_w2", "min_eigenvalue",
                   "seconds"}},
      [&](OptionTable& options) {
        options.integer("images", settings.images, {.min = 128, .max = 50'000, .quick = 512}, "pictures to train on");
        options.integer("test-images", settings.test, {.min = 2 * kShown, .max = 10'000, .quick = 100},
                        "pictures to judge by");
        options.integer("validation", settings.validation, {.min = 1, .max = 10'000, .quick = 50},
                        "training pictures to choose by");
        options.integer("halvings", settings.halvings, {.min = 0, .max = 1, .quick = 1},
                        "how often the side of pictures is halved");
        options.integer("certified", settings.certified, {.min = 1, .max = 32, .quick = 4},
                        "pictures at which the Jacobian is examined");
        options.integer("units", settings.units, {.min = 1, .max = 100'000, .quick = 64}, "hidden units");
        options.integer("layers", settings.layers, {.min = 1, .max = 1000, .quick = 4}, "layers of the cascade");
        add_transport_options(options, settings.fit, 10, 32);
      },
      [&](Run& run) {
        run.add_paper({{"model", "C-MGN"}, {"statement", "pictures only; no score is printed"}});
        Study study(run, settings);
        study.rivals();
        study.fit();
        study.finish();
      });
}

// Pictures from noise: monotone maps that carry the 784-dimensional standard Gaussian onto MNIST (Chaudhari, Pranav &
// Moura, Learning gradients of convex functions with monotone gradient networks, 2023, as redone in the MVA report).
//
// The rival is the optimal linear map, x -> m + C^½ x with MNIST's mean and covariance. Networks start from it: VᵀV = C^½
// and a = m, so that the rest is what they learn. By Brenier's theorem some monotone map turns noise into digits exactly;
// whether these two families come near it, and whether a score shows it, is the question.
//
// Next on the walk: models/mgn.h, experiments/support/cloud_metrics.h.
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
  std::int64_t units = 256, layers = 10;         // of C-MGN, as published
  std::int64_t modules = 8, module_units = 256;  // of M-MGN; 50 and 512 are published
  std::int64_t held_out = 4000, validation = 1000, training = 59'000;
  std::int64_t certified = 4, pairs = 2000;  // points with a Jacobian, pairs of points
  double start = 0.1, vscale = 1;
  TransportFitOptions fit{.steps = 2000, .batch = 256, .learning_rate = 1e-3, .blur = 0.03};
};

// s(z) = ln(1 + Σ e^{z_i}), σ = its softmax with a zero among the entries: a module that chooses among its rows.
struct LogSumExpPlus {
  static Tensor with_zero(const Tensor& z) { return pad(z, {0, 1}, {0, 0}); }
  static Tensor value(const Tensor& z) { return logsumexp(with_zero(z), {-1}, true); }
  static Tensor gradient(const Tensor& z) { return slice(softmax(with_zero(z)), 1, 1, z.dim(1) + 1); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) {
    const Tensor p = gradient(z), mean = matmul(p, weight);
    return ridge_jacobian(weight, p) - expand_axis(mean, 2) * expand_axis(mean, 1);
  }
};

// Noise on one side; on the other MNIST, split into pictures to train on, to choose by, and to judge by.
struct Clouds {
  Tensor training, validation, held_out, noise, pair_noise;

  Clouds(Run& run, const Settings& settings, const Digits& digits) {
    const auto rows = shuffled_rows(key(run, 0), digits.train_images.rows());
    const std::span<const std::int64_t> all(rows);
    const auto points = [&](const ByteArray& images, std::span<const std::int64_t> chosen) {
      return digit_points(images, chosen, run.dtype());
    };
    const auto count = [&](std::int64_t n) { return static_cast<std::size_t>(n); };
    training = points(digits.train_images, all.first(count(settings.training)));
    validation = points(digits.train_images, all.last(count(settings.validation)));
    const auto test_rows = shuffled_rows(key(run, 1), digits.test_images.rows());
    held_out = points(digits.test_images, std::span<const std::int64_t>(test_rows).first(count(settings.held_out)));
    noise = random_normal(key(run, 2), {settings.held_out, kDigitPixels}, run.dtype());
  }
  static RandomKey key(const Run& run, std::uint64_t stream) { return {run.seed(), (std::uint64_t{1} << 61) + stream}; }
};

class Study {
 public:
  Study(Run& run, const Settings& settings, const Digits& digits)
      : run_(run),
        settings_(settings),
        clouds_(run, settings, digits),
        judge_{clouds_.held_out, clouds_.training, settings.fit.blur} {
    const GaussianMoments moments = gaussian_fit(cast(clouds_.training, DType::Float64));
    mean_ = moments.mean;
    root_ = symmetric_sqrt(moments.covariance);
  }

  // The linear maps and what needs no map.
  void add_rivals() {
    bures_ = add("Bures map", linear_image(kDigitPixels), {}).sinkhorn;
    add("MNIST, training pictures", slice(clouds_.training, 0, 0, settings_.held_out), {});
    add("mean picture", broadcast_to(cast(mean_, run_.dtype()), clouds_.held_out.shape()), {});
    for (const std::int64_t rank : {10, 30})
      add(str("Bures map, rank ", rank), linear_image(rank), {});
  }

  template <class Model>
  void fit(const std::string& name, Model model, TransportLoss loss) {
    start_as_affine(model, root_, mean_);
    if (getenv("PROTO")) {
      if constexpr (requires { model.modules; }) {
        std::int64_t k = 0;
        for (auto& m : model.modules) {
          const auto u = settings_.module_units;
          m.weight = settings_.start * (slice(clouds_.training, 0, k * u, (k + 1) * u) - cast(mean_, run_.dtype()));
          m.bias = -0.5 * sum(square(m.weight), {1});
          ++k;
        }
        model.linear.factor = std::sqrt(settings_.vscale) * model.linear.factor;
      }
    }
    TransportFitOptions options = settings_.fit;
    options.loss = loss;
    const auto draw = [&](const RandomKey& key) {
      return random_normal(key, {options.batch, kDigitPixels}, run_.dtype());
    };
    const Tensor noise = random_normal(Clouds::key(run_, 3), {settings_.validation, kDigitPixels}, run_.dtype());
    const SinkhornOptions sinkhorn{.blur = options.blur};
    const std::function<double(const Model&)> score = [&](const Model& now) {
      const auto measure = loss == TransportLoss::Energy ? sinkhorn_energy : sinkhorn_divergence;
      return measure(now(noise), clouds_.validation, sinkhorn).item();
    };
    const TransportFit fitted = fit_transport(run_, name, model, draws_of(draw, run_.seed() + 1),
                                              minibatches_of(clouds_.training, options.batch, run_.seed()), options, score);
    Row more{{"parameters", count_parameters(model)}};
    for (const Field& field : certificate_row(model, clouds_.noise, 4)) more.set(field.key, field.value);
    more.set("seconds", fitted.seconds);
    add(name, model(clouds_.noise), more);
  }

 private:
  Tensor linear_image(std::int64_t rank) const {
    // Of rank r: what a principal component analysis keeps, V Vᵀ with the r largest eigenvalues.
    const Tensor factor = gram_factor(root_, rank);
    return cast(matmul(matmul(cast(clouds_.noise, DType::Float64), transpose(factor)), factor) + mean_, run_.dtype());
  }

  CloudScores add(const std::string& name, const Tensor& points, const Row& more) {
    const CloudScores scores = judge_(points);
    run_.poll_interrupt();
    Row row{{"model", name},
            {"sinkhorn", scores.sinkhorn},
            {"ratio_to_bures", bures_ > 0 ? scores.sinkhorn / bures_ : 1.0},
            {"sinkhorn_wide", scores.wide},
            {"energy", scores.energy},
            {"sliced_w2", scores.sliced_w2},
            {"nearest_neighbour", scores.nearest_neighbour}};
    for (const Field& field : more) row.set(field.key, field.value);
    run_.print(to_json(row));
    run_.add_result(row);
    run_.draw(PictureSheet{.name = "samples_" + name, .title = name, .pictures = digit_images(points, 100), .columns = 10});
    return scores;
  }

  Run& run_;
  const Settings& settings_;
  Clouds clouds_;
  CloudJudge judge_;
  Tensor mean_, root_;  // m and C^½, float64
  double bures_ = 0;
};

void run_study(Run& run, const Settings& settings) {
  Study study(run, settings, load_digits(run.options().data));
  study.add_rivals();
  const auto cascaded = CascadedMgn<Tanh>::random(Clouds::key(run, 5), kDigitPixels, settings.units, settings.layers, 1, run.dtype());
  const auto modular = ModularMgn<LogCosh>::random(Clouds::key(run, 6), kDigitPixels, settings.module_units, settings.modules, 1, run.dtype());
  const auto choosing = ModularMgn<LogSumExpPlus>::random(Clouds::key(run, 6), kDigitPixels, settings.module_units, settings.modules, 1, run.dtype());
  const auto scaled = [&](auto m, double f) { return scale_parameters(m, f); };
  const char* which = getenv("WHICH");
  const std::string w = which ? which : "cml";
  const auto loss = getenv("ENERGY") ? TransportLoss::Energy : TransportLoss::Divergence;
  if (w.find('c') != w.npos) study.fit("C-MGN", scaled(cascaded, settings.start), loss);
  if (w.find('m') != w.npos) study.fit("M-MGN", scaled(modular, settings.start), loss);
  if (w.find('l') != w.npos) study.fit("M-MGN lse", scaled(choosing, settings.start), loss);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_generate",
       .claim = "A monotone gradient network turns noise into pictures of digits.",
       .source = "MVA",
       .description = "x",
       .columns = {}},
      [&](OptionTable& options) {
        options.integer("modules", settings.modules, {.min = 1, .max = 1000}, "m");
        options.integer("module-units", settings.module_units, {.min = 1, .max = 10000}, "m");
        options.integer("held-out", settings.held_out, {.min = 2, .max = 10000}, "m");
        options.number("vscale", settings.vscale, {.min = 0, .max = 100}, "m");
        options.number("start", settings.start, {.min = 1e-3, .max = 100}, "m");
        add_transport_options(options, settings.fit, 300);
        options.integer("validations", settings.fit.validations, {.min = 1, .max = 1000}, "v");
      },
      [&](Run& run) { run_study(run, settings); });
}

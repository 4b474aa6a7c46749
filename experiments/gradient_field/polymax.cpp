// PolyMax in 256 and 1024 dimensions: models of at most 1024 d parameters, trained by Adam on fresh uniform points of the
// unit cube in every step, and judged on other points by the mean squared 2-norm of the error.
//
// The field is one of three linear maps at every point, whichever quadratic form is largest. The best single affine map is
// reported beside the models: what they add to it is what they know of the maximum. Certificates are those of
// certify_by_krylov, from products with the Jacobian.
#include <cmath>
#include <vector>

#include "engine/str.h"
#include "experiments/gradient_field/studies.h"
#include "experiments/support/gradient_fields.h"
#include "experiments/support/on_cpu.h"
#include "solvers/training_program.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kDims[] = {256, 1024};
constexpr std::int64_t kPiece = 1000, kCertifiedPoints = 8, kPointsPerDimension = 32;
constexpr double kMaxNorm = 1;  // of the gradient of a step
// Counters of random keys, apart from those of the models and of the steps.
constexpr std::uint64_t kSteps = std::uint64_t{1} << 32, kTest = std::uint64_t{1} << 60, kAffine = kTest + 1;

std::string name_of(std::int64_t dim) { return str("polymax-", dim); }

Tensor squared_errors(const Tensor& values, const Tensor& truth) { return sum(square(values - truth), {1}); }

class Study {
 public:
  Study(Run& run, const Settings& settings, std::int64_t dim)
      : run_(run),
        settings_(settings),
        dim_(dim),
        field_(PolyMax::of_dimension(dim)),
        test_(random_uniform({run.seed(), kTest}, {settings.polymax_points, dim})),
        truth_(field_(test_)) {}

  template <class Make>
  void fit(const std::string& name, const Make& make) {
    for (std::int64_t i = 0; i < settings_.polymax_seeds; ++i) {
      const std::uint64_t seed = run_.seed() + static_cast<std::uint64_t>(i);
      auto model = make(RandomKey(seed, 0), run_.dtype());
      const double seconds = train(str(name_of(dim_), "/", name, "/seed", seed), model, seed);
      const auto exact = cast_parameters(model, DType::Float64);
      const MapErrors errors = errors_of(exact);
      const KrylovCertificate certificate =
          certify_by_krylov(exact, slice(test_, 0, 0, run_.quick() ? 1 : kCertifiedPoints));
      run_.add_result({{"field", name_of(dim_)},
                       {"model", name},
                       {"parameters", count_parameters(model)},
                       {"mse_db", in_decibel(errors.mse)},
                       {"max_error", errors.max_error},
                       {"min_eigenvalue", certificate.smallest_ritz_value},
                       {"asymmetry", certificate.largest_asymmetry},
                       {"certificate", certificate.accepts() ? "accepted" : "rejected"},
                       {"seed", static_cast<std::int64_t>(seed)},
                       {"seconds", seconds}});
      run_.print(str(name_of(dim_), ", ", name, ": ", certificate.message()));
    }
  }

  void add_affine() {
    const Tensor x = random_uniform({run_.seed(), kAffine}, {(run_.quick() ? 4 : kPointsPerDimension) * dim_, dim_});
    const auto field = [](const Tensor& matrices, const Tensor& points) { return PolyMax{matrices}(points); };
    const MapErrors errors = errors_of(least_squares(x, on_cpu(field, field_.matrices, x)));
    run_.add_result({{"field", name_of(dim_)},
                     {"model", "best affine map"},
                     {"parameters", dim_ * (dim_ + 1)},
                     {"mse_db", in_decibel(errors.mse)},
                     {"max_error", errors.max_error}});
  }

 private:
  template <HasParameters Model>
  double train(const std::string& name, Model& model, std::uint64_t seed) {
    const Adam adam;
    const CosineDecay rate{settings_.polymax_rate, 0.01 * settings_.polymax_rate, settings_.polymax_steps};
    const PolyMax field{cast(field_.matrices, run_.dtype())};
    const auto batch = [&](std::int64_t step) {
      const RandomKey key(seed, kSteps + static_cast<std::uint64_t>(step));
      const Tensor x = random_uniform(key, {settings_.polymax_batch, dim_}, run_.dtype());
      return TensorList{x, field(x)};
    };
    TrainingState state = training_start(model, adam);
    const TrainingProgram program(
        adam,
        [&](const TensorList& parameters, const TensorList& data) {
          return TensorList{mean(squared_errors(with_parameters(model, parameters)(data[0]), data[1]))};
        },
        state, batch(0), kMaxNorm);
    std::int64_t step = 0;
    Stage stage = run_.stage(name, settings_.polymax_steps, [&](Archive& archive) {
      archive("parameters", state.parameters);
      archive("optimiser", state.optimiser);
      archive("step", step);
    });
    for (; stage.keep_going(step); ++step) {
      const Training made = program(state, batch(step), rate(step));
      if (std::isfinite(made.gradient_norm.item())) state = made.state;
      if (step % 100 == 0) stage.log(step, {{"loss_db", in_decibel(made.reported[0].item())}});
    }
    model = with_parameters(model, state.parameters);
    return stage.seconds();
  }

  template <class Map>
  MapErrors errors_of(const Map& map) const {
    std::vector<Tensor> values;
    for (std::int64_t start = 0; start < test_.dim(0); start += kPiece)
      values.push_back(map(slice(test_, 0, start, std::min(start + kPiece, test_.dim(0)))));
    return map_errors(concat(values, 0), truth_);
  }

  Run& run_;
  Settings settings_;
  std::int64_t dim_;
  PolyMax field_;
  Tensor test_, truth_;
};

}  // namespace

int count_polymax_stages(const Settings& settings) {
  int fields = 0, models = 0;
  for (const std::int64_t dim : kDims) fields += is_wanted(settings.fields, "polymax", name_of(dim));
  for_each_large_model(
      kDims[0], [&](const char* name, bool monotone, const auto&) { models += wants_model(settings, name, monotone); });
  return fields * models * static_cast<int>(settings.polymax_seeds);
}

void study_polymax(Run& run, const Settings& settings) {
  for (const std::int64_t dim : kDims) {
    if (!is_wanted(settings.fields, "polymax", name_of(dim))) continue;
    Study study(run, settings, dim);
    for_each_large_model(dim, [&](const char* name, bool monotone, const auto& make) {
      if (wants_model(settings, name, monotone)) study.fit(name, make);
    });
    study.add_affine();
  }
}

}  // namespace brenier::experiments

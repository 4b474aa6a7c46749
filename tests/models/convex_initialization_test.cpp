// The principled start: its quadratures against closed forms, its variances against Monte Carlo, and what it keeps
// through ten layers, where the published start and the unstable fixed point do not.
#include "models/convex_initialization.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "engine/backend.h"
#include "models/certificates.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::mismatch;

namespace {

constexpr double kPi = std::numbers::pi;

// Statistics over many networks are for the CPU; a device that is played gets a sample of them.
bool on_host() { return default_backend().host_readable(); }

// Over rows, units and networks, for one layer.
struct LayerStatistics {
  double mean = 0, variance = 0, shared = 0;  // of pre-activations; the covariance of two units over rows
  double correlation = 0;                     // of two inputs with correlation 0.6
};

Tensor paired_inputs(std::int64_t pairs, std::int64_t dim) {
  const Tensor a = random_normal({60, 0}, {pairs, dim}), b = random_normal({60, 1}, {pairs, dim});
  return concat({a, 0.6 * a + 0.8 * b}, 0);
}

LayerStatistics statistics_of(const Tensor& a) {
  const std::int64_t pairs = a.dim(0) / 2;
  const double units = static_cast<double>(a.dim(1));
  const double own = mean(variance(a, {0})).item(), of_mean = variance(mean(a, {1})).item();
  const Tensor first = slice(a, 0, 0, pairs), second = slice(a, 0, pairs, 2 * pairs);
  return {mean(a).item(), own, (of_mean * units - own) / (units - 1),
          mean(first * second).item() / mean(square(a)).item()};
}

// The averages over `networks` networks made by make(key), layer by layer.
template <class Make>
std::vector<LayerStatistics> propagate(Make make, const Tensor& x, int networks) {
  std::vector<LayerStatistics> result;
  for (int i = 0; i < networks; ++i) {
    const auto layers = pre_activations(make(RandomKey(61, static_cast<std::uint64_t>(100 * i))), x);
    result.resize(layers.size());
    for (std::size_t k = 0; k < layers.size(); ++k) {
      const LayerStatistics here = statistics_of(layers[k]);
      result[k].mean += here.mean / networks;
      result[k].variance += here.variance / networks;
      result[k].shared += here.shared / networks;
      result[k].correlation += here.correlation / networks;
    }
  }
  return result;
}

template <class Model>
Model started(const RandomKey& key, std::int64_t dim, std::int64_t units, std::int64_t layers,
              const PrincipledOptions& options = {}) {
  Model model = Model::random(key, dim, units, layers);
  principled_start(model, key, options);
  return model;
}

}  // namespace

TEST_CASE("Hermite series have the closed forms of the identity, of relu and of the Gaussian softplus") {
  const HermiteSeries identity = hermite_series(Identity());
  CHECK(std::abs(identity.mean()) < 1e-14);
  CHECK(identity.slope() == doctest::Approx(1).epsilon(1e-13));
  CHECK(identity.variance == doctest::Approx(1).epsilon(1e-13));
  const HermiteSeries relu = hermite_series(Relu());
  CHECK(relu.mean() == doctest::Approx(1 / std::sqrt(2 * kPi)).epsilon(1e-12));
  CHECK(relu.slope() == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(relu.variance == doctest::Approx(0.5 - 1 / (2 * kPi)).epsilon(1e-12));
  // The arc-cosine kernel at correlation ½ (Hoedt & Klambauer 2023, equation 35): the series is cut at 33 terms.
  const double kernel = (std::sqrt(0.75) + 0.5 * std::acos(-0.5)) / (2 * kPi);
  CHECK(unit_covariance(relu, relu, 0.5, 0, 3) == doctest::Approx(kernel - 1 / (2 * kPi)).epsilon(1e-10));
  // E s(a) = E (a + b)⁺ for another standard normal b, and E s'(a) = ½, E s''(a) = 1/√(4π).
  const HermiteSeries gaussian = hermite_series(GaussianSoftplus());
  CHECK(gaussian.mean() == doctest::Approx(1 / std::sqrt(kPi)).epsilon(1e-12));
  CHECK(gaussian.slope() == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(gaussian.coefficients[2] == doctest::Approx(1 / std::sqrt(8 * kPi)).epsilon(1e-12));
  // Parseval: nothing is lost behind the last coefficient of a smooth activation.
  double squares = 0;
  for (std::size_t k = 1; k < gaussian.coefficients.size(); ++k) squares += std::pow(gaussian.coefficients[k], 2);
  CHECK(squares == doctest::Approx(gaussian.variance).epsilon(1e-10));
}

TEST_CASE("moments of the cosine between random directions are those of the arcsine and of the uniform law") {
  CHECK(cosine_moment(2, 2) == doctest::Approx(1.0 / 2));
  CHECK(cosine_moment(2, 4) == doctest::Approx(3.0 / 8));
  CHECK(cosine_moment(3, 2) == doctest::Approx(1.0 / 3));
  CHECK(cosine_moment(3, 4) == doctest::Approx(1.0 / 5));
  CHECK(cosine_moment(1, 6) == 1);
  CHECK(cosine_moment(7, 3) == 0);
}

TEST_CASE("rows have their sum and squares exactly, whatever the number of effective inputs") {
  for (const double inputs : {1.0, 4.0, 20.0}) {
    const RowLaw law{1.5, 1.5 * 1.5 / inputs};
    const Tensor w = draw_positive_rows({62, 0}, 20, 30, law, DType::Float64);
    CHECK(min(w).item() >= 0);
    CHECK(mismatch(sum(w, {-1}), full({30}, 1.5), 1e-12) == "");
    CHECK(mismatch(sum(square(w), {-1}), full({30}, law.row_squares), 1e-8) == "");
  }
  const Tensor directions = draw_directions({62, 1}, 4, 50, 0.3, DType::Float64);
  CHECK(mismatch(sum(square(directions), {-1}), full({50}, 0.3), 1e-14) == "");
}

TEST_CASE("variance and covariance of weighted features agree with Monte Carlo") {
  // Two layers' worth of laws in three dimensions, where units of the first layer are visibly dependent.
  constexpr std::int64_t kDim = 3, kUnits = 24;
  const int networks = on_host() ? 60 : 12;
  const Tensor x = random_normal({63, 0}, {on_host() ? 1500 : 500, kDim});
  const HermiteSeries softplus_series = hermite_series(Softplus());
  FeatureStatistics features(kDim);
  features.add_fresh(softplus_series, kUnits);
  const RowLaw law = features.law(1.5, 3);
  std::vector<double> variances, covariances;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(networks); ++i) {
    const Tensor w = draw_directions({64, 3 * i}, kDim, kUnits, 1, DType::Float64);
    const Tensor p = draw_positive_rows({64, 3 * i + 1}, kUnits, kUnits, law, DType::Float64);
    const LayerStatistics here = statistics_of(matmul(softplus(matmul(x, transpose(w))), transpose(p)));
    variances.push_back(here.variance);
    covariances.push_back(here.shared);
  }
  const auto agree = [networks](const std::vector<double>& sample, double expected) {
    double mean = 0, square = 0;
    for (const double v : sample) mean += v / networks, square += v * v / networks;
    const double error = std::sqrt((square - mean * mean) / networks);
    CAPTURE(mean);
    CAPTURE(expected);
    CHECK(std::abs(mean - expected) <= 5 * error);
    CHECK(error < 0.2 * expected);
  };
  agree(variances, law.variance);
  agree(covariances, law.shared);
}

TEST_CASE_TEMPLATE("mean 0, variance 1 and the correlation of two inputs are kept through ten layers", Model,
                   Icnn<Softplus>, Icnn<Relu>, Icnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>>,
                   NormalizedIcnn<LaplaceSoftplus>, AugmentedIcnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>>,
                   DenseIcnn<Softplus>) {
  for (const std::int64_t dim : {2, 20}) {
    if (dim == 2 && !on_host()) continue;
    CAPTURE(dim);
    const auto make = [&](const RandomKey& key) { return started<Model>(key, dim, 32, 10); };
    const auto layers = propagate(make, paired_inputs(150, dim), on_host() ? 6 : 1);
    REQUIRE(layers.size() == 10);
    for (const LayerStatistics& layer : layers) {
      CHECK(std::abs(layer.mean) < 0.12);
      CHECK(layer.variance > 0.8);
      CHECK(layer.variance < 1.25);
      CHECK(std::abs(layer.correlation - 0.6) < 0.12);
    }
  }
}

TEST_CASE("the published start keeps none of the three: the negative control") {
  if (!on_host()) return;
  const auto make = [](const RandomKey& key) { return Icnn<Softplus>::random(key, 20, 32, 10); };
  const auto layers = propagate(make, paired_inputs(150, 20), 6);
  CHECK(layers.back().mean > 0.7);
  CHECK(layers.back().variance < 0.5);
  CHECK(layers.back().correlation > 0.75);
}

TEST_CASE("the fixed point of relu networks is unstable with a smooth activation, the default is not") {
  if (!on_host()) return;
  const Tensor x = paired_inputs(150, 20);
  const auto at_fixed_point = [](const RandomKey& key) {
    return started<Icnn<Softplus>>(key, 20, 32, 16, {.correlation = 0.5});
  };
  const auto fixed = propagate(at_fixed_point, x, 6);
  CHECK(fixed[2].variance < 1.5);
  CHECK(fixed.back().variance > 10);
  const auto stable = propagate([](const RandomKey& key) { return started<Icnn<Softplus>>(key, 20, 32, 16); }, x, 6);
  CHECK(std::abs(stable.back().variance - 1) < 0.2);
}

TEST_CASE("a started network is convex, in float32 too, and refuses options out of range") {
  auto icnn = AugmentedIcnn<Softplus>::random({65, 0}, 3, 8, 3, DType::Float32);
  principled_start(icnn, {65, 1});
  const Tensor x = random_normal({66, 0}, {40, 3}, DType::Float32);
  CHECK(icnn(x).dtype() == DType::Float32);
  const Certificate certificate = certify(GradientMap<AugmentedIcnn<Softplus>>{icnn}, x);
  CHECK_MESSAGE(certificate.accepts(), certificate.message());
  // The potential itself has the variance of a layer.
  CHECK(variance(icnn(random_normal({66, 1}, {2000, 3}, DType::Float32))).item() == doctest::Approx(1).epsilon(0.6));
  const auto message = [&](const PrincipledOptions& options) {
    return testing::message_of([&] { principled_start(icnn, {65, 1}, options); });
  };
  CHECK(testing::lacks(message({.row_sum = 0}), {"[principled_start]", "row_sum 0"}) == "");
  CHECK(testing::lacks(message({.effective_inputs = 0.5}), {"[principled_start]", "0.5"}) == "");
  CHECK(testing::lacks(message({.row_sum = 20}), {"[principled_start]", "20", "lower row_sum"}) == "");
  CHECK(testing::lacks(message({.correlation = 1.5}), {"[principled_start]", "1.5"}) == "");
}

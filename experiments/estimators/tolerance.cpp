// Figure 7 of the paper: signal-to-noise ratio and bias of z vᵀ as an estimator of H⁻¹ against the tolerance of conjugate
// gradients, for H ~ W(I, 2d)/d with d = 10.
//
// Beside the paper's random draws all 1024 sign vectors are gone through: that bias has no noise.
#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/brenier.h"
#include "experiments/estimators/studies.h"
#include "experiments/support/inverse_estimator.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kMatrixSize = 10;

std::vector<double> tolerances() {
  std::vector<double> result{0, 1e-3, 1e-2};
  for (int i = 1; i <= 20; ++i) result.push_back(i / 20.0);
  return result;
}

struct Spread {
  double mean = 0, low = 0, high = 0;
};
Spread spread_of(const std::vector<double>& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  double sum = 0;
  for (double number : x) sum += number;
  return {sum / static_cast<double>(x.size()), *low, *high};
}

Curve without_band(Curve curve) {
  curve.low.clear();
  curve.high.clear();
  return curve;
}

void add_point(Curve& curve, double x, const Spread& y) {
  curve.x.push_back(x);
  curve.y.push_back(y.mean);
  curve.low.push_back(y.low);
  curve.high.push_back(y.high);
}

// What one choice of start and part gave for all matrices at one tolerance.
struct ToleranceStudy {
  const char* start;
  const char* part;
  Curve snr, bias;

  void add(Run& run, double tolerance, const std::vector<EstimatorError>& sampled,
           const std::vector<EstimatorError>& enumerated, double iterations) {
    std::vector<double> ratios, biases, exact;
    for (const EstimatorError& error : sampled) {
      ratios.push_back(error.snr);
      biases.push_back(error.bias);
    }
    for (const EstimatorError& error : enumerated) exact.push_back(error.bias);
    const Spread ratio = spread_of(ratios), bias_spread = spread_of(biases);
    run.add_result({{"study", "tolerance"},
                    {"start", start},
                    {"part", part},
                    {"atol", tolerance},
                    {"snr", ratio.mean},
                    {"snr_lowest", ratio.low},
                    {"snr_highest", ratio.high},
                    {"bias", bias_spread.mean},
                    {"exact_bias", spread_of(exact).mean},
                    {"iterations", iterations}});
    add_point(snr, tolerance, ratio);
    add_point(bias, tolerance, bias_spread);
  }
};

// Both parts for one start. The draws and all 1024 sign vectors; the bias over the latter has no noise.
void study_start(Run& run, const Settings& settings, CgStart start, double tolerance, ToleranceStudy& plain,
                 ToleranceStudy& symmetric) {
  std::vector<EstimatorError> sampled[2], enumerated[2];
  double iterations = 0;
  for (std::int64_t i = 0; i < settings.matrices; ++i) {
    run.poll_interrupt();
    const auto key = [&](std::int64_t stream) {
      return RandomKey(run.seed(), static_cast<std::uint64_t>(2 * i + stream));
    };
    const Tensor h = wishart(key(0), kMatrixSize, 2 * kMatrixSize, run.dtype()) / static_cast<double>(kMatrixSize);
    const Tensor signs = random_rademacher(key(1), {settings.draws, kMatrixSize}, run.dtype());
    const InverseEstimate drawn = judge_inverse_estimator(h, signs, tolerance, start);
    const InverseEstimate all = judge_inverse_estimator(h, all_signs(kMatrixSize, run.dtype()), tolerance, start);
    sampled[0].push_back(drawn.plain);
    sampled[1].push_back(drawn.symmetric);
    enumerated[0].push_back(all.plain);
    enumerated[1].push_back(all.symmetric);
    iterations += drawn.iterations / static_cast<double>(settings.matrices);
  }
  plain.add(run, tolerance, sampled[0], enumerated[0], iterations);
  symmetric.add(run, tolerance, sampled[1], enumerated[1], iterations);
}

}  // namespace

void study_tolerance(Run& run, const Settings& settings) {
  std::vector<ToleranceStudy> studies;
  for (const char* start : {"zero", "probe"})
    for (const char* part : {"all", "symmetric"}) {
      const std::string label =
          str(part[0] == 'a' ? "z v'" : "symmetric part", start[0] == 'z' ? ", from 0" : ", from v");
      studies.push_back({start, part, {label}, {label}});
    }
  for (double tolerance : tolerances()) {
    study_start(run, settings, CgStart::Zero, tolerance, studies[0], studies[1]);
    study_start(run, settings, CgStart::Probe, tolerance, studies[2], studies[3]);
  }
  LinePlot snr{.name = "estimator_snr", .title = "Estimates of the inverse of 10 x 10 Wishart matrices"};
  snr.x_label = "absolute tolerance of conjugate gradients";
  snr.y_label = "signal-to-noise ratio";
  LinePlot bias = snr;
  bias.name = "estimator_bias";
  bias.y_label = "absolute bias";
  for (const ToleranceStudy& study : studies) {
    const bool band = study.part == std::string_view("all");  // those of the symmetric parts lie almost on them
    snr.curves.push_back(band ? study.snr : without_band(study.snr));
    bias.curves.push_back(band ? study.bias : without_band(study.bias));
  }
  run.draw(snr);
  run.draw(bias);
}

}  // namespace brenier::experiments

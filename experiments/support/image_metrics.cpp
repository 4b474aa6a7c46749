// The Gaussian window is a product of two in one dimension: a weighted mean over it is a matrix product from either side.
#include "experiments/support/image_metrics.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "engine/str.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kWindow = 11;
constexpr double kDeviation = 1.5, kLuminance = 0.01 * 0.01, kContrast = 0.03 * 0.03;

void require_same(const char* op, const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.rank() != 2)
    throw std::invalid_argument(str("[", op, "] pictures in rows of one shape, got ", a.shape(), " and ", b.shape()));
}

// Weighted means over the window at each place: [length - 10, length].
Tensor window_means(std::int64_t length, DType dtype) {
  std::vector<double> weights(kWindow);
  double total = 0;
  for (std::int64_t i = 0; i < kWindow; ++i) {
    const double from_centre = static_cast<double>(i - kWindow / 2) / kDeviation;
    total += weights[static_cast<std::size_t>(i)] = std::exp(-0.5 * from_centre * from_centre);
  }
  const std::int64_t places = length - kWindow + 1;
  std::vector<double> matrix(static_cast<std::size_t>(places * length), 0.0);
  for (std::int64_t place = 0; place < places; ++place)
    for (std::int64_t i = 0; i < kWindow; ++i)
      matrix[static_cast<std::size_t>(place * length + place + i)] = weights[static_cast<std::size_t>(i)] / total;
  return tensor(matrix, {places, length}, dtype);
}

}  // namespace

Tensor psnr(const Tensor& a, const Tensor& b) {
  require_same("psnr", a, b);
  return log(mean(square(a - b), {-1})) * (-10 / std::numbers::ln10);
}

Tensor ssim(const Tensor& a, const Tensor& b, std::int64_t height, std::int64_t width, std::int64_t channels) {
  require_same("ssim", a, b);
  if (a.dim(1) != channels * height * width || height < kWindow || width < kWindow)
    throw std::invalid_argument(str("[ssim] ", channels, " planes of ", height, " x ", width, " pixels, at least ",
                                    kWindow, " x ", kWindow, ", got rows of ", a.dim(1)));
  const Shape planes{a.dim(0) * channels, height, width};
  const Tensor x = reshape(a, planes), y = reshape(b, planes);
  const Tensor down = window_means(height, a.dtype()), across = transpose(window_means(width, a.dtype()));
  const auto windowed = [&](const Tensor& values) { return matmul(matmul(down, values), across); };
  const Tensor mean_x = windowed(x), mean_y = windowed(y), product = mean_x * mean_y;
  const Tensor squares = square(mean_x) + square(mean_y);
  const Tensor covariance = windowed(x * y) - product, variances = windowed(square(x) + square(y)) - squares;
  const Tensor similarity = (2.0 * product + kLuminance) * (2.0 * covariance + kContrast) /
                            ((squares + kLuminance) * (variances + kContrast));
  return mean(reshape(similarity, {a.dim(0), similarity.size() / a.dim(0)}), {-1});
}

}  // namespace brenier::experiments

// PSNR and SSIM against values computed by hand, and against the definition as a loop over places.
#include "experiments/support/image_metrics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using doctest::Approx;

namespace {

// The definition, for one plane.
double ssim_by_loops(const std::vector<double>& a, const std::vector<double>& b, int height, int width) {
  double total = 0, places = 0;
  for (int top = 0; top + 11 <= height; ++top) {
    for (int left = 0; left + 11 <= width; ++left) {
      double weight = 0, ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (int i = 0; i < 11; ++i) {
        for (int j = 0; j < 11; ++j) {
          const double w = std::exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
          const double x = a[static_cast<std::size_t>((top + i) * width + left + j)];
          const double y = b[static_cast<std::size_t>((top + i) * width + left + j)];
          weight += w, ma += w * x, mb += w * y, aa += w * x * x, bb += w * y * y, ab += w * x * y;
        }
      }
      ma /= weight, mb /= weight, aa = aa / weight - ma * ma, bb = bb / weight - mb * mb, ab = ab / weight - ma * mb;
      total += (2 * ma * mb + 1e-4) * (2 * ab + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (aa + bb + 9e-4));
      ++places;
    }
  }
  return total / places;
}

}  // namespace

TEST_CASE("PSNR of a known error") {
  const Tensor a = full({3, 50}, 0.5), b = a + reshape(tensor({0.1, -0.01, 0.0}), {3, 1});
  const std::vector<double> values = psnr(a, b).to_vector<double>();
  CHECK(values[0] == Approx(20));  // an error of a tenth everywhere: -10 log10(0.01)
  CHECK(values[1] == Approx(40));
  CHECK(std::isinf(values[2]));
  CHECK(lacks(message_of([&] { psnr(a, full({3, 49}, 0.0)); }), {"[psnr]", "[3, 50] and [3, 49]"}) == "");
}

TEST_CASE("SSIM of flat pictures is their luminance term") {
  const Tensor a = full({1, 144}, 0.25), b = full({1, 144}, 0.75);
  // (2 · 0.25 · 0.75 + 0.0001) / (0.0625 + 0.5625 + 0.0001)
  CHECK(ssim(a, b, 12, 12).item() == Approx(0.3751 / 0.6251));
  CHECK(ssim(a, a, 12, 12).item() == Approx(1));
}

TEST_CASE("SSIM is the mean of the definition over places and channels") {
  const int height = 13, width = 12, plane = height * width;
  const Tensor a = random_uniform({1, 0}, {2, 3 * plane}), b = 0.6 * a + 0.4 * random_uniform({1, 1}, {2, 3 * plane});
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  const std::vector<double> values = ssim(a, b, height, width, 3).to_vector<double>();
  for (int picture = 0; picture < 2; ++picture) {
    double expected = 0;
    for (int c = 0; c < 3; ++c) {
      const auto begin = (picture * 3 + c) * plane;
      expected += ssim_by_loops({x.begin() + begin, x.begin() + begin + plane},
                                {y.begin() + begin, y.begin() + begin + plane}, height, width) /
                  3;
    }
    CHECK(values[static_cast<std::size_t>(picture)] == Approx(expected).epsilon(1e-10));
    CHECK(expected < 0.95);
  }
}

TEST_CASE("an inverted picture is dissimilar, and sizes must fit") {
  const Tensor a = random_uniform({2, 0}, {1, 121});
  CHECK(ssim(a, 1.0 - a, 11, 11).item() < -0.5);
  CHECK(lacks(message_of([&] { ssim(a, a, 121, 1); }), {"[ssim]", "at least 11 x 11"}) == "");
  CHECK(lacks(message_of([&] { ssim(a, a, 11, 12); }), {"[ssim] 1 planes of 11 x 12 pixels", "rows of 121"}) == "");
}

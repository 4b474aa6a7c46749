// Starts and modules of the networks on pictures, against their definitions, derivatives and the certificate.
#include "experiments/support/picture_maps.h"

#include <doctest/doctest.h>

#include "engine/autodiff.h"
#include "experiments/support/digit_pictures.h"
#include "experiments/support/map_fitting.h"
#include "solvers/gaussian_transport.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace brenier::experiments {
namespace {

using brenier::testing::message_of;
using brenier::testing::mismatch;

using Choosing = ModularMgn<SoftMaximum>;

Tensor normal(std::uint64_t counter, std::int64_t n, std::int64_t d) { return random_normal({8, counter}, {n, d}); }

// The kernels of the GPU played by the CPU; null where they are not compiled in.
const Backend* other_device() {
  try {
    return &backend_named("cuda-on-host");
  } catch (const std::invalid_argument&) {
    return nullptr;
  }
}

double number(const Row& row, const char* key) { return row.find(key)->as_double(); }

}  // namespace

TEST_CASE("the soft maximum is not negative, has its softmax for a gradient, and makes an M-MGN that is a gradient") {
  const Tensor z = normal(0, 6, 3);
  CHECK(mismatch(exp(SoftMaximum::value(z)), 1.0 + sum(exp(z), {1}, true), 1e-14) == "");
  CHECK(min(SoftMaximum::value(-20.0 * abs(z))).item() >= 0);
  Tape tape;
  const Tensor watched = tape.watch(z);
  CHECK(mismatch(grad(sum(SoftMaximum::value(watched)), watched), SoftMaximum::gradient(z), 1e-14) == "");

  const Choosing map = Choosing::random({8, 1}, 4, 5, 2, 2);
  const Tensor x = normal(2, 7, 4), input = tape.watch(x);
  CHECK(mismatch(grad(sum(map.potential(input)), input), map(x), 1e-13) == "");
  CHECK(mismatch(map_jacobian(map, x), map.jacobian(x), 1e-13) == "");
  CHECK(certify(map, x).accepts());
}

TEST_CASE("a map that starts as an affine one is that map where its other weights vanish") {
  const Tensor b = normal(3, 4, 4), matrix = matmul(b, transpose(b)), offset = tensor({1, 2, 3, 4}),
               x = normal(4, 5, 4);
  auto map = scale_parameters(Choosing::random({8, 5}, 4, 3, 1, 1), 0);
  start_as_affine(map, matrix, offset);
  CHECK(mismatch(map(x), matmul(x, matrix) + offset, 1e-12) == "");
}

TEST_CASE("modules that start at pictures send noise near the largest pictures, and the mean where it belongs") {
  const Tensor pictures = 8.0 * eye(3), mean = zeros({3});
  auto map = Choosing::random({8, 6}, 3, 3, 1, 1);
  map.linear.factor = zeros({1, 3});
  start_at_pictures(map, pictures, mean, 0.5);
  CHECK(mismatch(map.modules[0].weight, 4.0 * eye(3), 0) == "");
  CHECK(mismatch(*map.modules[0].bias, tensor({-8, -8, -8}), 0) == "");
  // Far along the first axis the first row alone is chosen, with s = 4 · 10 - 8.
  CHECK(mismatch(map(tensor({{10, 0, 0}})), tensor({{4 * 32, 0, 0}}), 1e-6) == "");
  const Tensor noise = normal(7, 50, 3), wanted = tensor({1, -1, 0.5});
  center_image(map, noise, wanted);
  CHECK(mismatch(brenier::mean(map(noise), {0}), wanted, 1e-12) == "");
  CHECK(message_of([&] { start_at_pictures(map, slice(pictures, 0, 0, 2), mean, 1); }) ==
        "[start_at_pictures] more units than the 2 pictures");
}

TEST_CASE("the certificate of a trained map counts pairs that turn back") {
  auto map = Choosing::random({8, 9}, 4, 3, 2, 4);
  const Row accepted = certificate_row(map, normal(10, 60, 4), 2);
  CHECK(number(accepted, "min_eigenvalue") > 0);
  CHECK(number(accepted, "asymmetry") < 1e-12);
  CHECK(number(accepted, "monotonicity_violations") == 0);
}

TEST_CASE("the Bures map between fitted Gaussians carries one mean and covariance to the other") {
  const Tensor x = normal(11, 40, 6), y = normal(12, 30, 6) * 2.0 + 1.0, added = 0.1 * eye(6);
  const AffineMap map = ridge_bures_map(fitted_gaussian(x), fitted_gaussian(y), 0.1);
  CHECK(mismatch(mean(map(x), {0}), mean(y, {0}), 1e-12) == "");
  const Tensor carried = matmul(matmul(map.matrix, gaussian_fit(x).covariance + added), map.matrix);
  CHECK(mismatch(carried, gaussian_fit(y).covariance + added, 1e-12) == "");
}

// Equal eigenvalues leave their eigenvectors to the algorithm.
TEST_CASE("what networks start from is the same on every device, to the last bit") {
  const Backend* device = other_device();
  if (!device) return;
  const CpuAsDefault guard;
  const Tensor basis = symmetric_eigen(normal(13, 6, 6)).vectors, x = normal(14, 40, 6), y = normal(15, 30, 6);
  const Tensor matrix = matmul(basis * tensor({3, 3, 3, 1, 1, 0}), transpose(basis));
  const auto factor = gram_factor(matrix, 4).to_vector<double>();
  const auto bures = ridge_bures_map(fitted_gaussian(x), fitted_gaussian(y), 0.1).matrix.to_vector<double>();
  set_default_backend(*device);
  CHECK(gram_factor(matrix.to(*device), 4).to_vector<double>() == factor);
  CHECK(
      ridge_bures_map(fitted_gaussian(x.to(*device)), fitted_gaussian(y.to(*device)), 0.1).matrix.to_vector<double>() ==
      bures);
  CHECK(&gram_factor(matrix.to(*device), 4).backend() == device);
}

TEST_CASE("pictures of digits become points in [-1, 1] and pictures again") {
  ByteArray bytes{{2, 28, 28}, std::vector<std::uint8_t>(2 * 784)};
  for (std::size_t i = 0; i < bytes.values.size(); ++i) bytes.values[i] = static_cast<std::uint8_t>(i * 7);
  const std::vector<std::int64_t> swapped{1, 0};
  const Tensor points = digit_points(bytes, swapped, DType::Float32);
  CHECK(points.shape() == Shape{2, 784});
  CHECK(min(points).item() == -1);
  CHECK(max(points).item() == doctest::Approx(1));
  const auto images = digit_images(points, 5);
  REQUIRE(images.size() == 2);
  CHECK(std::equal(images[1].values.begin(), images[1].values.end(), bytes.values.begin()));
  CHECK(message_of([&] {
          (void)digit_points({{4, 5}, std::vector<std::uint8_t>(20)}, swapped, DType::Float32);
        }) == "[digit_points] square pictures, got 5 bytes");
}

TEST_CASE("a picture looks like the class of the nearest labelled one") {
  const NearestClass look{tensor({{0, 0}, {4, 0}, {0, 4}}), {7, 8, 9}};
  const auto classes = look(tensor({{3, 1}, {1, 3}, {-1, -1}, {5, 0}}));
  CHECK(classes == std::vector<std::uint8_t>{8, 9, 7, 8});
  CHECK(file_word("C-MGN, by energy") == "C-MGN_by_energy");
  CHECK(share_of(classes, 8) == 0.5);
  CHECK(share_of(classes, std::vector<std::uint8_t>{8, 8, 7, 8}) == 0.75);
}

}  // namespace brenier::experiments

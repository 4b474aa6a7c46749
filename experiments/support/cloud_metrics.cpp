#include "experiments/support/cloud_metrics.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/on_cpu.h"
#include "solvers/wasserstein.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kRowsOfBlock = 256;  // of distances at a time

Tensor half(const Tensor& x, int which) {
  const std::int64_t middle = x.dim(0) / 2;
  return which == 0 ? slice(x, 0, 0, middle) : slice(x, 0, middle, 2 * middle);
}

}  // namespace

Tensor sinkhorn_energy(const Tensor& x, const Tensor& y, const SinkhornOptions& options) {
  if (x.dim(0) % 2 != 0 || y.dim(0) % 2 != 0)
    throw std::invalid_argument(str("[sinkhorn_energy] clouds are halved, got ", x.dim(0), " and ", y.dim(0), " rows"));
  Tensor between = tensor(0.0, x.dtype());
  for (const int i : {0, 1})
    for (const int j : {0, 1}) between = between + sinkhorn_divergence(half(x, i), half(y, j), options);
  return 0.5 * between - sinkhorn_divergence(half(x, 0), half(x, 1), options) -
         sinkhorn_divergence(half(y, 0), half(y, 1), options);
}

NearestRows nearest_rows(const Tensor& points, const Tensor& reference) {
  const Tensor reference_squares = sum(square(reference), {1}), columns = transpose(reference);
  std::vector<Tensor> index, distance;
  for (std::int64_t row = 0; row < points.dim(0); row += kRowsOfBlock) {
    const Tensor block = slice(points, 0, row, std::min(row + kRowsOfBlock, points.dim(0)));
    // |x|² is the same in all columns.
    const Tensor nearest = argmax(matmul(block, columns) - 0.5 * reference_squares, 1);
    index.push_back(nearest);
    distance.push_back(sqrt(sum(square(block - gather(reference, nearest)), {1})));
  }
  return {concat(index, 0), concat(distance, 0)};
}

CloudScores CloudJudge::operator()(const Tensor& points) const {
  if (points.shape() != held_out.shape())
    throw std::invalid_argument(
        str("[CloudJudge] as many points as held out, ", held_out.shape(), ", got ", points.shape()));
  constexpr double kScaling = 0.7;
  const SinkhornOptions published{.blur = blur, .scaling = kScaling}, wide{.blur = wide_blur, .scaling = kScaling};
  const Tensor along = random_directions({0, 0}, directions, points.dim(1), points.dtype());
  const Tensor distances = nearest_rows(points, training).distance;
  return {.sinkhorn = sinkhorn_divergence(points, held_out, published).item(),
          .wide = sinkhorn_divergence(points, held_out, wide).item(),
          .energy = sinkhorn_energy(points, held_out, published).item(),
          .sliced_w2 = std::sqrt(sliced_wasserstein(points, held_out, along).item()),
          .nearest_neighbour = mean(distances).item(),
          .distances = distances};
}

Tensor gram_factor(const Tensor& matrix, std::int64_t rank) {
  const std::int64_t dim = matrix.dim(0);
  if (rank < 1 || rank > dim)
    throw std::invalid_argument(str("[gram_factor] rank ", rank, " of a matrix with ", dim, " rows"));
  const auto factor = [&](const Tensor& m) {
    const SymmetricEigen eigen = symmetric_eigen(cast(m, DType::Float64));
    const Tensor values = slice(eigen.values, 0, dim - rank, dim), vectors = slice(eigen.vectors, 1, dim - rank, dim);
    return transpose(vectors * sqrt(clamp(values, 0.0, INFINITY)));
  };
  return cast(on_cpu(factor, matrix), matrix.dtype());
}

}  // namespace brenier::experiments

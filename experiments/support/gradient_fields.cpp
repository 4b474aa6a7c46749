// See experiments/support/gradient_fields.h.
#include "experiments/support/gradient_fields.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/on_cpu.h"

namespace brenier::experiments {
namespace {

struct Plane {
  Tensor x, y;  // [n, 1]
  explicit Plane(const Tensor& points) : x(slice(points, 1, 0, 1)), y(slice(points, 1, 1, 2)) {}
};

constexpr std::int64_t kNormPoints = 10'000;

// (x - ½)ᵀ A_m (x - ½) and A_m (x - ½): [3, n, 1] and [3, n, d].
struct Quadratics {
  Tensor values, halves;
  Quadratics(const Tensor& matrices, const Tensor& points) {
    const Tensor centred = points - 0.5;
    halves = matmul(centred, matrices);
    values = sum(halves * centred, {-1}, true);
  }
};

// 1 where a form is the largest. Points where two are, of probability 0, are not told apart.
Tensor winners(const Tensor& values) { return equal(values, max(values, {0}, true)); }

// Of PolyMax, such that the gradients have a mean 2-norm of 1.
Tensor normalised_matrices(std::int64_t dim) {
  const Tensor i = arange(dim), column = reshape(i, {dim, 1});
  const Tensor alpha = (i + column) / (2.0 * static_cast<double>(dim) - 2.0);
  const Tensor decay = 1.0 / (std::log(static_cast<double>(dim)) * (1.0 + abs(column - i)));
  const Tensor factors = stack({2.0 + sin(4 * std::numbers::pi * alpha), 1.0 + 2.0 * alpha, 3.0 - 2.0 * alpha});
  const PolyMax raw{factors * decay};
  const Tensor gradients = raw(random_uniform({1, 0}, {kNormPoints, dim}));
  return raw.matrices / mean(sqrt(sum(square(gradients), {1})));
}

}  // namespace

Tensor icgn_polynomial(const Tensor& points) {
  const auto [x, y] = Plane(points);
  return concat({4.0 * x * square(x) + 0.5 * y + x, 3.0 * y - square(y) + 0.5 * x}, 1);
}

Tensor report_polynomial(const Tensor& points) {
  const auto [x, y] = Plane(points);
  return concat({4.0 * x * square(x) + 0.5 * y, 0.5 + 0.5 * x + 3.0 * y - square(y)}, 1);
}

Tensor log_sum_exp_2d(const Tensor& points) {
  const auto [x, y] = Plane(points);
  const Tensor share = sigmoid(5.0 * x - 2.0 * y);
  return concat({5.0 * share, 2.0 * (1.0 - share)}, 1);
}

PolyMax PolyMax::of_dimension(std::int64_t dim, DType dtype) {
  if (dim < 2) throw std::invalid_argument(str("[PolyMax] needs at least two dimensions, got ", dim));
  return {cast(on_cpu([dim] { return normalised_matrices(dim); }), dtype)};
}

Tensor PolyMax::operator()(const Tensor& points) const {
  const Quadratics forms(matrices, points);
  return 2.0 * sum(winners(forms.values) * forms.halves, {0});
}

Tensor PolyMax::potential(const Tensor& points) const { return max(Quadratics(matrices, points).values, {0}); }

AffineFit least_squares(const Tensor& x, const Tensor& y) {
  const Tensor x_mean = mean(x, {0}), y_mean = mean(y, {0}), centred = x - x_mean;
  const auto solution = [](const Tensor& a, const Tensor& b) {
    return spd_solve(matmul(transpose(a), a), matmul(transpose(a), b));
  };
  const Tensor matrix = on_cpu(solution, centred, y - y_mean);
  return {matrix, y_mean - matmul(x_mean, matrix)};
}

}  // namespace brenier::experiments

// Fields are the gradients of what they say, convex or not as they say; the projection on monotone maps is a lower bound.
#include "experiments/support/gradient_fields.h"

#include <doctest/doctest.h>

#include <cmath>

#include "experiments/support/figure.h"
#include "experiments/support/map_fitting.h"
#include "experiments/support/monotone_projection.h"
#include "models/certificates.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::max_abs;

namespace {

struct Coordinates {
  Tensor x, y;
  explicit Coordinates(const Tensor& points) : x(slice(points, 1, 0, 1)), y(slice(points, 1, 1, 2)) {}
};

}  // namespace

TEST_CASE("fields of the plane are the gradients of their potentials") {
  const Tensor points = random_uniform({1, 0}, {50, 2});
  const auto icgn = [](const Tensor& p) {
    const auto [x, y] = Coordinates(p);
    return square(square(x)) + 0.5 * square(x) + 0.5 * x * y + 1.5 * square(y) - y * square(y) / 3.0;
  };
  const auto report = [](const Tensor& p) {
    const auto [x, y] = Coordinates(p);
    return square(square(x)) + 0.5 * y + 0.5 * x * y + 1.5 * square(y) - y * square(y) / 3.0;
  };
  const auto log_sum_exp = [](const Tensor& p) { return logsumexp(p * tensor({5.0, 2.0}), {1}); };
  CHECK(max_abs(gradient_map(icgn, points) - icgn_polynomial(points)) < 1e-13);
  CHECK(max_abs(gradient_map(report, points) - report_polynomial(points)) < 1e-13);
  CHECK(max_abs(gradient_map(log_sum_exp, points) - log_sum_exp_2d(points)) < 1e-13);
}

TEST_CASE("two of them are monotone on the unit square, the report's is not") {
  const Tensor grid = grid_points({0, 1}, {0, 1}, 21);
  CHECK(certify(icgn_polynomial, grid).accepts());
  CHECK(certify(log_sum_exp_2d, grid).accepts());
  const Certificate report = certify(report_polynomial, grid);
  CHECK_FALSE(report.accepts());
  CHECK(report.largest_asymmetry < 1e-14);
  // At (0, 1) the Hessian is [[0, 1/2], [1/2, 1]].
  CHECK(report.smallest_eigenvalue == doctest::Approx(0.5 - std::sqrt(0.5)).epsilon(1e-12));
}

TEST_CASE("PolyMax is the gradient of its potential, monotone, and of mean norm 1") {
  const PolyMax field = PolyMax::of_dimension(12);
  const Tensor points = random_uniform({2, 0}, {4000, 12}), values = field(points);
  const Tensor few = slice(points, 0, 0, 40);
  CHECK(max_abs(gradient_map([&](const Tensor& p) { return field.potential(p); }, few) - slice(values, 0, 0, 40)) <
        1e-12);
  CHECK(certify(field, few).accepts());
  CHECK(min(symmetric_eigen(field.matrices).values).item() > 0);
  CHECK(mean(sqrt(sum(square(values), {1}))).item() == doctest::Approx(1).epsilon(0.02));
  // 1/(ln d · (1 + |i - j|)) times 2 + sin 4πα at (1, 1) and (1, 2), α = 0 and 1/22: their ratio does not know the norm.
  const double ratio = field.matrices.at({0, 0, 1}) / field.matrices.at({0, 0, 0});
  CHECK(ratio == doctest::Approx((2 + std::sin(4 * std::acos(-1.0) / 22)) / 2 / 2).epsilon(1e-12));
  CHECK(testing::lacks(testing::message_of([] { PolyMax::of_dimension(1); }), {"[PolyMax]", "1"}) == "");
}

TEST_CASE("least squares finds an affine map from its values") {
  const Tensor matrix = random_normal({3, 0}, {4, 4}), offset = random_normal({3, 1}, {4});
  const Tensor x = random_uniform({3, 2}, {30, 4});
  const AffineFit fit = least_squares(x, matmul(x, matrix) + offset);
  CHECK(max_abs(fit.matrix - matrix) < 1e-11);
  CHECK(max_abs(fit.offset - offset) < 1e-11);
}

TEST_CASE("a monotone field is its own projection") {
  const Tensor grid = grid_points({0, 1}, {0, 1}, 12);
  const MonotoneProjection p = project_on_monotone(icgn_polynomial(grid), {.reach = 4, .sweeps = 20});
  CHECK(p.floor == 0);
  CHECK(p.attained == 0);
  CHECK(p.worst_violation == 0);
}

TEST_CASE("the projection of a falling line is its mean, and the floor its variance") {
  // (x, y) -> (-x, 0): along every row the best increasing sequence is constant.
  const std::int64_t n = 9;
  const Tensor grid = grid_points({0, 1}, {0, 1}, n);
  const Tensor field = grid * tensor({-1.0, 0.0});
  const MonotoneProjection p = project_on_monotone(field, {.reach = 1, .sweeps = 20000});
  const double variance_of_x = variance(linspace(0, 1, n)).item();
  CHECK(p.floor == doctest::Approx(variance_of_x).epsilon(1e-6));
  CHECK(p.attained == doctest::Approx(variance_of_x).epsilon(1e-6));
  CHECK(max_abs(p.values - tensor({-0.5, 0.0})) < 1e-4);
}

TEST_CASE("the floor holds before convergence and below every monotone map") {
  const Tensor grid = grid_points({0, 1}, {0, 1}, 15), field = report_polynomial(grid);
  double before = 0;
  for (const std::int64_t sweeps : {2, 10, 50, 2000}) {
    const MonotoneProjection p = project_on_monotone(field, {.reach = 5, .sweeps = sweeps});
    CHECK(p.floor >= before);
    before = p.floor;
  }
  const MonotoneProjection p = project_on_monotone(field, {.reach = 5, .sweeps = 2000});
  CHECK(p.floor > 1e-7);
  CHECK(p.attained == doctest::Approx(p.floor).epsilon(1e-3));
  CHECK(p.worst_violation > -1e-6);
  // A monotone map near the field: its Hessian with 12 x² kept above the 1/4 that suffices for all y.
  const auto rival = [](const Tensor& points) {
    const auto [x, y] = Coordinates(points);
    const Tensor least = std::sqrt(1.0 / 48) + 0.0 * x;  // 12 least² = 1/4 > (1/4)/(3 - 2y)
    const Tensor cube = where(less(x, least), 4.0 * square(least) * (3.0 * x - 2.0 * least), 4.0 * x * square(x));
    return concat({cube + 0.5 * y, 0.5 + 0.5 * x + 3.0 * y - square(y)}, 1);
  };
  CHECK(certify(rival, grid).accepts());
  CHECK(map_errors(rival(grid), field).mse > p.floor);
  CHECK(testing::lacks(testing::message_of([] {
                         project_on_monotone(zeros({7, 2}));
                       }),
                       {"[project_on_monotone]", "[7, 2]"}) == "");
}

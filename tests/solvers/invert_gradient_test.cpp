// Gradient maps of random strongly convex networks, inverted row by row; quadratics, whose inverse is known.
#include "solvers/invert_gradient.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/backend.h"
#include "models/gradient_map.h"
#include "models/normalized_icnn.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;

namespace {

// 30 F(x) + 0.05 |x|²: 0.1-strongly convex, with curvatures up to some tens.
struct StronglyConvex {
  AugmentedIcnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>> network;

  static StronglyConvex random(std::int64_t dim, std::int64_t units, std::int64_t layers, DType dtype) {
    StronglyConvex u{decltype(network)::random({7, 0}, dim, units, layers, dtype)};
    u.network.initialize_from(random_normal({8, 0}, {64, dim}, dtype));
    return u;
  }
  Tensor operator()(const Tensor& x) const { return 30.0 * network(x) + 0.05 * sum(square(x), {-1}, true); }
};

struct Case {
  std::int64_t dim, units, layers, batch;
};

void check_inversion(const Case& size, DType dtype, InversionMethod method) {
  CAPTURE(size.dim);
  CAPTURE(name_of(dtype));
  const auto u = StronglyConvex::random(size.dim, size.units, size.layers, dtype);
  const Tensor x = random_normal({9, 0}, {size.batch, size.dim}, dtype), images = gradient_map(u, x);
  const auto [points, report] = invert_gradient(u, images, {.method = method});
  CHECK_MESSAGE(report.converged(), report.message);
  // Evaluated anew with all rows at once, which may add up in another order.
  const double tolerance = dtype == DType::Float32 ? 1e-5 : 1e-10;
  const double scale = testing::max_abs(images);
  const double residual = testing::max_abs(gradient_map(u, points) - images);
  CHECK(residual <= tolerance + testing::rounding_tolerance(dtype, scale));
  const double error = std::sqrt(max(sum(square(points - x), {-1})).item());
  CHECK(error <= std::sqrt(static_cast<double>(size.dim)) * (tolerance + residual) / 0.1 +
                     testing::rounding_tolerance(dtype, 100 * scale));
}

}  // namespace

TEST_CASE("gradient maps of strongly convex networks are inverted to the tolerance in every row") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    check_inversion({2, 32, 3, 16}, dtype, InversionMethod::Lbfgs);
    check_inversion({2, 32, 3, 16}, dtype, InversionMethod::NewtonCg);
    if (!default_backend().host_readable()) continue;  // the large ones are for the CPU
    for (const Case& size : {Case{2, 32, 3, 256}, Case{43, 256, 5, 256}, Case{784, 256, 3, 256}})
      check_inversion(size, dtype, InversionMethod::Lbfgs);
    check_inversion({43, 256, 5, 64}, dtype, InversionMethod::NewtonCg);
  }
}

TEST_CASE("a quadratic is inverted by its matrix, again and again by one object, and from another start") {
  // u = ½xᵀAx + bᵀx with A = diag(1, 10, 100) has the inverse A⁻¹(y - b).
  const Tensor a = tensor({1.0, 10.0, 100.0}), b = tensor({1.0, -1.0, 2.0});
  const auto u = [&](const Tensor& x) { return 0.5 * sum(a * square(x), {-1}) + matmul(x, b); };
  const GradientInverse inverse(u);
  for (std::int64_t rows : {5, 3, 8}) {
    const Tensor y = random_normal({3, static_cast<std::uint64_t>(rows)}, {rows, 3});
    const auto [x, report] = inverse(y);
    CHECK(report.converged());
    CHECK(testing::mismatch(x, (y - b) / a, 1e-10) == "");
  }
  const Tensor y = ones({2, 3});
  const auto [x, report] = invert_gradient(u, y, {.start = (y - b) / a});
  CHECK(report.iterations == 0);
}

TEST_CASE("inversion reports what it cannot reach, and refuses what does not fit") {
  const auto u = [](const Tensor& x) { return sum(softplus(x), {-1}); };  // its gradient lies between 0 and 1
  const auto [x, report] = invert_gradient(u, tensor({{0.5, 0.25}, {0.5, 2.0}}), {.max_iterations = 20});
  CHECK(report.rows[0].status == SolveStatus::Converged);
  CHECK(report.rows[1].status != SolveStatus::Converged);
  CHECK(testing::lacks(report.message, {"lbfgs", "1 of 2 rows", "row 1"}) == "");
  CHECK(testing::mismatch(slice(x, 0, 0, 1), tensor({{0.0, std::log(1.0 / 3.0)}}), 1e-9) == "");
  CHECK(testing::lacks(testing::message_of([&] { invert_gradient(u, ones({3})); }), {"[invert_gradient]", "[3]"}) ==
        "");
  CHECK(testing::lacks(testing::message_of([&] {
                         invert_gradient(u, ones({2, 3}), {.start = ones({3, 3})});
                       }),
                       {"[invert_gradient]", "[2, 3]", "[3, 3]"}) == "");
}

TEST_CASE("Newton steps in float64 take an inverse found in float32 to the rounding of its image") {
  // u = ln(1 + e^x₁) + ... is written with softplus: smooth, strongly convex with the quadratic.
  const auto u = [](const Tensor& x) { return sum(softplus(2.0 * x) + 0.5 * square(x), {-1}); };
  const Tensor x = random_normal({91, 0}, {50, 3});
  Tape tape;
  const Tensor input = tape.watch(x), y = grad(sum(u(input)), input).detached();
  const Minimum<Tensor> rough = invert_gradient(u, y, {.gradient_tolerance = 1e-3});
  const Minimum<Tensor> fine = refine_preimage(u, rough, y);
  CHECK(max(abs(rough.solution - x)).item() > 1e-6);
  CHECK(max(abs(fine.solution - x)).item() < 1e-14);
  CHECK(fine.report.converged());
  CHECK(fine.report.residual_norm < 1e-14);
  // A row without a finite image stays as it is, and is told.
  const Tensor broken = concat({y, full({1, 3}, std::nan(""))}, 0);
  const Minimum<Tensor> mixed = refine_preimage(u, invert_gradient(u, broken), broken);
  CHECK_FALSE(mixed.report.converged());
  CHECK(max(abs(slice(mixed.solution, 0, 0, 50) - x)).item() < 1e-14);
}

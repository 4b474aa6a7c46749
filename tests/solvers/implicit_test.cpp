// Implicit differentiation against closed forms and difference quotients, in both modes and to second order, and what
// becomes of systems that are not solved.
#include "solvers/implicit.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/autodiff.h"
#include "engine/str.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/difference_quotient.h"
#include "tests/support/message_of.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Newton's method for rows or one system, on values.
Tensor newton(const Residual& f, Tensor x, const Tensors& parameters) {
  const Shape shape = x.shape(), rows = shape.rank() == 2 ? shape : Shape{1, element_count(shape)};
  for (int step = 0; step < 12; ++step) {
    Tape tape;
    const Tensor flat = tape.watch(reshape(x, rows));
    const Tensor y = reshape(f(reshape(flat, shape), parameters), rows);
    const Tensor change = squeeze(solve(batch_jacobian(y, flat).detached(), expand_axis(y.detached(), -1)), -1);
    x = x - reshape(change, shape);
  }
  return x;
}

// x + x³ + 0.3 B sin x = θ: row-wise, with a Jacobian that is not symmetric, and parameters of two shapes.
Tensor cubic(const Tensor& x, const Tensors& in) {
  return x + x * x * x + 0.3 * matmul(sin(x), transpose(in[1])) - in[0];
}

Map cubic_root(const Shape& shape, Sampler& sampler) {
  return {.path = "custom_root",
          .function =
              [shape](const Tensors& in) {
                const RootSolver solver = [shape](const Tensors& values) {
                  return newton(cubic, zeros(shape), values);
                };
                return Tensors{custom_root(cubic, solver, in)};
              },
          .arguments = {sampler.uniform(shape), sampler.uniform({3, 3})},
          .active = {0, 1}};
}

// ½|x|² + Σ_j softplus(W x + c)_j, strongly convex; parameters W [m, d] and c [rows, m].
Tensor potential(const Tensor& x, const Tensors& in) {
  return 0.5 * sum(square(x), {-1}) + sum(softplus(matmul(x, transpose(in[0])) + in[1]), {-1});
}

Map potential_argmin(const LinearSolver& solver, Sampler& sampler) {
  return {.path = "custom_argmin",
          .function =
              [solver](const Tensors& in) {
                const Residual gradient = [](const Tensor& x, const Tensors& values) {
                  Tape temporary;
                  Tape& tape = x.recorded() ? *x.tape() : temporary;
                  const Tensor moving = x.recorded() ? x : tape.watch(x);
                  return grad(sum(potential(moving, values)), moving);
                };
                const RootSolver minimize = [gradient](const Tensors& values) {
                  return newton(gradient, zeros({values[1].dim(0), values[0].dim(1)}), values);
                };
                return Tensors{custom_argmin(potential, minimize, in, {.solver = solver})};
              },
          .arguments = {sampler.uniform({4, 3}), sampler.uniform({2, 4})},
          .active = {0, 1}};
}

// (I + M Mᵀ) v for M [rows, d, d], or one M for all.
Tensor positive(const Tensor& v, const Tensors& in) {
  const Tensor column = expand_axis(v, -1);
  return v + squeeze(matmul(in[0], matmul(transpose(in[0]), column)), -1);
}

// M v without symmetry, kept away from singular.
Tensor general(const Tensor& v, const Tensors& in) { return 3.0 * v + squeeze(matmul(in[0], expand_axis(v, -1)), -1); }

Map linear_map(const Residual& apply, const LinearSolver& solver, const Shape& b, Sampler& sampler) {
  return {
      .path = "linear_solve",
      .function = [=](const Tensors& in) { return Tensors{linear_solve(apply, {in[0]}, in[1], {.solver = solver})}; },
      .arguments = {sampler.uniform({2, 3, 3}), sampler.uniform(b)},
      .active = {0, 1}};
}

LinearSolver tight_cg() { return cg_solver({.relative_tolerance = 1e-14, .confirm = false}); }

// The largest distance of jvp (and of <vjp, t> over all cotangents) from a difference quotient, relative to the largest.
double derivative_error(const Map& map, Sampler& sampler) {
  const Tensors ts = tangents_for(map, sampler), cts = cotangents_for(map, sampler);
  const DifferenceQuotient quotient = difference_quotient(map, ts);
  const std::vector<double> forward = flattened(value_of(jvp_of(map, ts))), weights = flattened(cts);
  double worst = 0, scale = 0, expected = 0, size = 0;
  for (std::size_t i = 0; i < forward.size(); ++i) {
    worst = std::max(worst, std::abs(forward[i] - quotient.values[i]));
    scale = std::max(scale, std::abs(quotient.values[i]));
    expected += weights[i] * quotient.values[i];
    size += std::abs(weights[i] * quotient.values[i]);
  }
  const double reverse = inner(value_of(vjp_of(map, cts)), ts);
  return std::max(worst / scale, std::abs(reverse - expected) / size);
}

void check_against_quotients(const Map& map, Sampler& sampler) {
  const double first = derivative_error(map, sampler);
  const double forward = derivative_error(jvp_of(map, tangents_for(map, sampler)), sampler);
  const double reverse = derivative_error(vjp_of(map, cotangents_for(map, sampler)), sampler);
  CAPTURE(map.path);
  CHECK(first <= 1e-8);
  CHECK(forward <= 1e-6);
  CHECK(reverse <= 1e-6);
}

std::vector<Map> all_maps(Sampler& sampler) {
  std::vector<Map> maps{cubic_root({2, 3}, sampler),
                        cubic_root({3}, sampler),
                        potential_argmin(dense_solver(), sampler),
                        potential_argmin(tight_cg(), sampler),
                        linear_map(general, dense_solver(), {2, 3}, sampler),
                        linear_map(positive, tight_cg(), {2, 3}, sampler),
                        linear_map(positive, tight_cg(), {4, 2, 3}, sampler)};
  for (std::size_t i = 0; i < maps.size(); ++i) maps[i].path += str(" number ", i);
  return maps;
}

}  // namespace

TEST_CASE("solutions differentiate as difference quotients do, in both modes, to second order") {
  Sampler sampler(1);
  for (const Map& map : all_maps(sampler)) {
    INFO(map.path);
    CHECK(check_adjoint(map, sampler) == "");
    check_against_quotients(map, sampler);
  }
}

TEST_CASE("bundles of tangents pass, and with them Jacobians of solutions") {
  Sampler sampler(2);
  for (const Map& map : all_maps(sampler)) CHECK(check_bundles(map, sampler) == "");
  Tape tape;
  const Tensor theta = tape.watch(sampler.uniform({4, 3}, 0.5, 2));
  const Residual square_less = [](const Tensor& x, const Tensors& in) { return square(x) - in[0]; };
  const Tensor x = custom_root(square_less, [](const Tensors& in) { return sqrt(in[0]); }, {theta});
  const Tensor expected = 0.5 * reciprocal(sqrt(theta.detached()));
  CHECK(mismatch(batch_jacobian(x, theta), expand_axis(expected, -1) * eye(3), 1e-14) == "");
  // A Jacobian of a Jacobian is a bundle of bundles.
  const Tensor row = reshape(batch_jacobian(x, theta), {4, 9});
  const Tensor second = sum(batch_jacobian(row, theta), {1, 2});
  CHECK(mismatch(second, sum(-0.25 * pow(theta.detached(), -1.5), {-1}), 1e-13) == "");
}

TEST_CASE("roots, minimisers and linear solutions have the derivatives of their closed forms") {
  Tape tape;
  const Tensor theta = tape.watch(tensor({4.0, 9.0}));
  const Residual square_less = [](const Tensor& x, const Tensors& in) { return square(x) - in[0]; };
  const Tensor x = custom_root(square_less, [](const Tensors& in) { return sqrt(in[0]); }, {theta});
  Tensor slope = grad(sum(x), theta);
  CHECK(mismatch(slope, tensor({1 / 4.0, 1 / 6.0}), 1e-15) == "");
  slope = grad(sum(slope), theta);
  CHECK(mismatch(slope, tensor({-1 / 32.0, -1 / 108.0}), 1e-15) == "");
  CHECK(mismatch(grad(sum(slope), theta), tensor({3.0 / 8 / 32, 3.0 / 8 / 243}), 1e-15) == "");

  // Ridge regression in one weight: y = Σ a b / (Σ a² + λ).
  const Tensor lambda = tape.watch(tensor(0.5)), a = tensor({1.0, 2.0}), b = tensor({3.0, -1.0});
  const Residual ridge = [=](const Tensor& w, const Tensors& in) { return sum(square(a * w - b)) + in[0] * square(w); };
  const auto fit = [=](const Tensors& in) { return dot(a, b) / (dot(a, a) + in[0]); };
  const Tensor w = custom_argmin(ridge, fit, {lambda});
  CHECK(grad(w, lambda).item() == doctest::Approx(-1 / (5.5 * 5.5)).epsilon(1e-14));
  CHECK(grad(grad(w, lambda), lambda).item() == doctest::Approx(2 / (5.5 * 5.5 * 5.5)).epsilon(1e-14));
}

TEST_CASE("the solution of a linear system differentiates like the operation solve") {
  Sampler sampler(3);
  const Tensor m = sampler.uniform({2, 3, 3}), b = sampler.uniform({2, 3});
  const auto with = [&](bool implicit) {
    Tape tape;
    const Tensor matrix = tape.watch(m), right = tape.watch(b);
    const Tensor z = implicit ? linear_solve(general, {matrix}, right)
                              : squeeze(solve(3.0 * eye(3) + matrix, expand_axis(right, -1)), -1);
    const Tensor g = grad(sum(square(z)), matrix);
    return Tensors{z.detached(), g.detached(), grad(sum(square(g)), right).detached()};
  };
  const Tensors ours = with(true), theirs = with(false);
  for (std::size_t i = 0; i < ours.size(); ++i) CHECK(rounding_mismatch(ours[i], theirs[i], 100) == "");
}

TEST_CASE("no parameters but b, and a solution that does not depend on one, have their derivatives") {
  Tape tape;
  const Tensor b = tape.watch(tensor({{2.0, 4.0}})), unused = tape.watch(tensor(1.0));
  const Residual twice = [](const Tensor& v, const Tensors&) { return 2.0 * v; };
  CHECK(mismatch(grad(sum(linear_solve(twice, {}, b)), b), tensor({{0.5, 0.5}}), 0) == "");
  const Tensor z = linear_solve(twice, {unused}, b);
  CHECK(grad(sum(z), unused).item() == 0);
  CHECK(max_abs(jvp(z, unused, tensor(1.0))) == 0);
}

TEST_CASE("steps of the inner solver are not recorded") {
  Tape tape;
  const Tensor theta = tape.watch(ones({5, 3}));
  const Residual cube_less = [](const Tensor& x, const Tensors& in) { return x * x * x - in[0]; };
  const std::int32_t before = tape.size();
  custom_root(cube_less, [&](const Tensors& in) { return newton(cube_less, 2.0 * ones({5, 3}), in); }, {theta});
  CHECK(tape.size() == before + 1);
}

TEST_CASE("a system that is not solved gives NaN in its rows, and reports; the best iterate on request") {
  Sampler sampler(4);
  Tape tape;
  const Spectrum a = {tensor({{1.0, 1.0, 1.0, 1.0}, {1.0, 10.0, 100.0, 1000.0}}), sampler.uniform({2, 4}, 0.2, 1)};
  const Tensor b = tape.watch(sampler.direction({2, 4}));
  const Residual apply = [&](const Tensor& v, const Tensors&) { return a.matrix()(v); };
  std::vector<SolveReport> reports;
  ImplicitOptions options{.solver = cg_solver({.relative_tolerance = 1e-8, .max_iterations = 2}),
                          .observe = [&](const SolveReport& report) { reports.push_back(report); }};
  const Tensor z = linear_solve(apply, {}, b, options);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].status == SolveStatus::IterationLimit);
  CHECK(reports[0].message.find("max_iterations") != std::string::npos);
  CHECK(min(is_finite(select(z, 0, 0))).item() == 1);
  CHECK(max(is_finite(select(z, 0, 1))).item() == 0);
  options.unsolved = Unsolved::BestIterate;
  const Tensor kept = linear_solve(apply, {}, b, options);
  CHECK(min(is_finite(kept)).item() == 1);
  grad(sum(kept), b);
  CHECK(reports.size() == 3);
}

TEST_CASE("a singular Jacobian gives NaN in its row and says so") {
  Tape tape;
  // x² = θ at θ = 0 has no derivative.
  const Tensor theta = tape.watch(tensor({{4.0, 1.0}, {0.0, 1.0}}));
  std::vector<SolveReport> reports;
  const Residual square_less = [](const Tensor& x, const Tensors& in) { return square(x) - in[0]; };
  const Tensor x = custom_root(square_less, [](const Tensors& in) { return sqrt(in[0]); }, {theta},
                               {.observe = [&](const SolveReport& report) { reports.push_back(report); }});
  const Tensor slope = grad(sum(x), theta);
  CHECK(mismatch(select(slope, 0, 0), tensor({0.25, 0.5}), 1e-15) == "");
  CHECK(max(is_finite(select(slope, 0, 1))).item() == 0);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].status == SolveStatus::NotFinite);
  CHECK(lacks(reports[0].message, {"dense: 1 of 2 rows", "singular", "row 1"}) == "");
}

TEST_CASE("a point that is no root becomes NaN where a tolerance says so, and NaN is passed on") {
  const Residual square_less = [](const Tensor& x, const Tensors& in) { return square(x) - in[0]; };
  const auto wrong = [](const Tensors& in) { return sqrt(in[0]) + tensor({{0.0, 0.0}, {0.1, 0.0}}); };
  Tape tape;
  const Tensor theta = tape.watch(ones({2, 2}));
  const Tensor believed = custom_root(square_less, wrong, {theta});
  CHECK(min(is_finite(believed)).item() == 1);
  const Tensor checked = custom_root(square_less, wrong, {theta}, {.root_tolerance = 1e-9});
  CHECK(mismatch(select(checked, 0, 0), ones({2}), 0) == "");
  CHECK(max(is_finite(select(checked, 0, 1))).item() == 0);
  const Tensor slope = grad(sum(checked), theta);
  CHECK(mismatch(select(slope, 0, 0), 0.5 * ones({2}), 1e-15) == "");
  CHECK(max(is_finite(select(slope, 0, 1))).item() == 0);
  CHECK(std::isnan(custom_root(square_less, [](const Tensors&) { return tensor({kNaN}); }, {ones({1})}).item()));
}

TEST_CASE("misuse is refused by name") {
  const Residual wrong = [](const Tensor& x, const Tensors&) { return sum(x, {-1}); };
  const auto solver = [](const Tensors& in) { return in[0]; };
  Tape tape;
  const Tensor theta = tape.watch(ones({2, 3}));
  CHECK(lacks(message_of([&] { grad(sum(custom_root(wrong, solver, {theta})), theta); }),
              {"[custom_root]", "[2]", "[2, 3]"}) == "");
  CHECK(lacks(message_of([&] { custom_root(wrong, solver, {}); }), {"[custom_root]", "parameter"}) == "");
  CHECK(lacks(message_of([&] { custom_root(wrong, solver, {index_tensor({1})}); }), {"[custom_root]", "floating"}) ==
        "");
  CHECK(lacks(message_of([&] { linear_solve(wrong, {}, ones({2, 3})); }), {"[linear_solve]", "[2]", "[2, 3]"}) == "");
  CHECK(lacks(message_of([&] { linear_solve(wrong, {}, tensor(1.0)); }), {"[linear_solve]", "[rows, d]", "[]"}) == "");
}

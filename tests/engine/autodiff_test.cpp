// The derivative queries themselves: closed forms to fifth order, perturbation confusion, Jacobians by both modes,
// several inputs and outputs, bundles of any width, unreachable values, and what misuse says.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/small_icnn.h"

namespace brenier::testing {
namespace {

// dy/dx for a scalar or elementwise y, in one mode or the other.
Tensor by_reverse(const Tensor& y, const Tensor& x) { return grad(sum(y), x); }
Tensor by_forward(const Tensor& y, const Tensor& x) { return jvp(y, x, ones_like(x)); }
using Derivative = Tensor (*)(const Tensor& y, const Tensor& x);
constexpr Derivative kModes[] = {by_reverse, by_forward};

TEST_SUITE("derivatives") {
  TEST_CASE("every sequence of five modes gives the fifth derivative of sine and of exp") {
    const Tensor points = tensor({-1.3, 0.0, 0.4, 2.2});
    for (int sequence = 0; sequence < 32; ++sequence) {
      INFO("modes ", sequence, ", bit k set where derivative k is taken forward");
      Tape tape;
      const Tensor x = tape.watch(points);
      Tensor sine = sin(2.0 * x), exponential = exp(-0.5 * x);
      for (int k = 0; k < 5; ++k) {
        sine = kModes[sequence >> k & 1](sine, x);
        exponential = kModes[sequence >> k & 1](exponential, x);
      }
      CHECK(rounding_mismatch(sine, 32.0 * cos(2.0 * points)) == "");
      CHECK(rounding_mismatch(exponential, -std::pow(0.5, 5) * exp(-0.5 * points)) == "");
    }
  }

  TEST_CASE("nested derivatives are not confused with each other") {
    for (Derivative outer : kModes) {
      for (Derivative inner : kModes) {
        Tape tape;
        const Tensor x = tape.watch(tensor(3.0)), y = tape.watch(tensor(1.0));
        // d/dx [x · d/dy (x + y)] = 1
        CHECK(outer(x * inner(x + y, y), x).item() == 1);
        // d/dx [x · d/dy (x y)] = 2x
        CHECK(outer(x * inner(x * y, y), x).item() == 6);
        // d/dx [d/dy (x y²)] at y = 1 is 2y
        CHECK(outer(inner(x * square(y), y), x).item() == 2);
        // The same where y is computed from x: the inner derivative holds x, the outer one sees both.
        const Tensor z = 2.0 * x;
        CHECK(outer(x * inner(x + z, z), x).item() == 1);
        CHECK(outer(x * inner(x * z, z), x).item() == 6);
      }
    }
  }

  TEST_CASE("three nested derivatives are not confused either") {
    for (int modes = 0; modes < 8; ++modes) {
      const Derivative first = kModes[modes & 1], second = kModes[modes >> 1 & 1], third = kModes[modes >> 2 & 1];
      Tape tape;
      const Tensor x = tape.watch(tensor(2.0)), y = tape.watch(tensor(5.0)), z = tape.watch(tensor(7.0));
      // d/dx [x · d/dy [y · d/dz (x + y + z)]] = 1
      CHECK(first(x * second(y * third(x + y + z, z), y), x).item() == 1);
      // d/dx [x · d/dy [y · d/dz (x y z)]] = d/dx [x · 2 x y] = 4 x y
      CHECK(first(x * second(y * third(x * y * z, z), y), x).item() == 40);
    }
  }

  TEST_CASE("the Jacobian by either mode is what the formula says") {
    // y_i = a_i · x + sum(x)²: wide for reverse mode, tall for forward mode.
    Sampler sampler(11);
    for (const Shape& shape : {Shape{2, 5}, Shape{5, 2}, Shape{3, 3}, Shape{1, 4}, Shape{4, 1}}) {
      INFO("matrix ", shape);
      const Tensor a = sampler.uniform(shape), point = sampler.uniform({shape[1]});
      Tape tape;
      const Tensor x = tape.watch(point);
      const Tensor j = jacobian(matmul(a, x) + square(sum(x)), x);
      CHECK(rounding_mismatch(j, a + 2.0 * sum(point), shape[1]) == "");
    }
  }

  TEST_CASE("Jacobians keep the axes of both sides, also where one is a scalar") {
    const Tensor point = tensor({{1, 2, 3}, {4, 5, 6}});
    Tape tape;
    const Tensor x = tape.watch(point);
    const Tensor rows = sum(square(x), {1});  // [2]
    const Tensor j = jacobian(rows, x);
    REQUIRE(j.shape() == Shape{2, 2, 3});
    CHECK(mismatch(j, tensor(std::vector<double>{2, 4, 6, 0, 0, 0, 0, 0, 0, 8, 10, 12}, {2, 2, 3}), 0) == "");
    CHECK(mismatch(jacobian(sum(x), x), ones({2, 3}), 0) == "");
    const Tensor scale = tape.watch(tensor(2.0));
    CHECK(mismatch(jacobian(scale * point, scale), point, 0) == "");
    CHECK(jacobian(transpose(x) * 1.0, x).at({2, 0, 0, 2}) == 1);
  }

  TEST_CASE("batch_jacobian is the Jacobian of every row in either mode") {
    Sampler sampler(12);
    for (std::int64_t outputs : {2, 5}) {
      const Tensor points = sampler.uniform({4, 3}), weights = sampler.uniform({3, outputs});
      Tape tape;
      const Tensor x = tape.watch(points);
      const Tensor all = batch_jacobian(sin(matmul(x, weights)), x);
      REQUIRE(all.shape() == Shape{4, outputs, 3});
      for (std::int64_t row = 0; row < 4; ++row) {
        Tape single;
        const Tensor point = single.watch(select(points, 0, row));
        const Tensor expected = jacobian(sin(matmul(point, weights)), point);
        CHECK(rounding_mismatch(select(all, 0, row), expected, 3) == "");
      }
    }
  }

  TEST_CASE("the gradient of a factor lies in memory as the factor does") {
    Sampler sampler(16);
    const Tensor x = sampler.uniform({7, 3}), w = sampler.uniform({5, 3}), c = sampler.uniform({7, 5});
    Tape tape;
    const Tensor input = tape.watch(x), weight = tape.watch(w);
    const std::vector<Tensor> layer = grad(sum(c * matmul(input, transpose(weight))), {input, weight});
    CHECK(mismatch(layer[0], matmul(c, w), 1e-15) == "");
    CHECK(mismatch(layer[1], matmul(transpose(c), x), 1e-15) == "");
    CHECK(layer[0].contiguous());
    CHECK(layer[1].contiguous());
    const std::vector<Tensor> other = grad(sum(transpose(c) * matmul(weight, transpose(input))), {input, weight});
    CHECK(mismatch(other[0], layer[0], 1e-15) == "");
    CHECK(mismatch(other[1], layer[1], 1e-15) == "");
    CHECK(other[0].contiguous());
    CHECK(other[1].contiguous());
  }

  TEST_CASE("several outputs and inputs add up") {
    Tape tape;
    const Tensor a = tape.watch(tensor({1.0, 2.0})), b = tape.watch(tensor({3.0, 5.0}));
    const Tensor product = a * b, square_of_a = square(a);
    const std::vector<Tensor> pulled =
        vjp({product, square_of_a}, {a, b}, {tensor({1.0, 10.0}), tensor({100.0, 1000.0})});
    CHECK(mismatch(pulled[0], tensor({3.0 + 200, 50.0 + 4000}), 0) == "");
    CHECK(mismatch(pulled[1], tensor({1.0, 20.0}), 0) == "");
    const std::vector<Tensor> pushed =
        jvp({product, square_of_a}, {a, b}, {tensor({1.0, 10.0}), tensor({100.0, 1000.0})});
    CHECK(mismatch(pushed[0], tensor({3.0 + 100, 50.0 + 2000}), 0) == "");
    CHECK(mismatch(pushed[1], tensor({2.0, 40.0}), 0) == "");
    // The same tensor asked for twice, and the same output given twice.
    const std::vector<Tensor> twice = grad(sum(product), {a, a});
    CHECK(mismatch(twice[0], twice[1], 0) == "");
    CHECK(mismatch(vjp({product, product}, std::vector<Tensor>{a}, {ones({2}), ones({2})})[0], tensor({6.0, 10.0}),
                   0) == "");
  }

  TEST_CASE("derivatives by intermediate values stop there") {
    Tape tape;
    const Tensor x = tape.watch(tensor(3.0));
    const Tensor y = square(x), z = y * x;
    CHECK(grad(z, y).item() == 3);
    CHECK(grad(z, x).item() == 27);
    CHECK(grad(z, std::vector{x, y})[1].item() == 3);
    CHECK(grad(z, std::vector{x, y})[0].item() == 27);
    CHECK(grad(x, x).item() == 1);
    CHECK(jvp(x, x, tensor(5.0)).item() == 5);
  }

  TEST_CASE("bundles may have any width, also none") {
    Sampler sampler(13);
    const Tensor point = sampler.uniform({3});
    for (std::int64_t width : {0, 1, 4}) {
      Tape tape;
      const Tensor x = tape.watch(point);
      const Tensor y = sin(x) * sum(x), ts = sampler.direction({width, 3});
      const Tensor j = jacobian(y, x);
      CHECK(rounding_mismatch(jvp(y, x, ts), matmul(ts, transpose(j)), 3) == "");
      CHECK(rounding_mismatch(vjp(y, x, ts), matmul(ts, j), 3) == "");
    }
  }

  TEST_CASE("where nothing depends on the input the derivative is zeros of the right shape") {
    Tape tape;
    const Tensor x = tape.watch(ones({2, 3})), other = tape.watch(ones({4}));
    CHECK(mismatch(grad(sum(other), x), zeros({2, 3}), 0) == "");
    CHECK(mismatch(jvp(square(other), x, ones({2, 3})), zeros({4}), 0) == "");
    CHECK(mismatch(jvp(square(other), x, ones({5, 2, 3})), zeros({5, 4}), 0) == "");
    CHECK(mismatch(vjp(square(other), x, ones({5, 4})), zeros({5, 2, 3}), 0) == "");
    CHECK(mismatch(hessian(sum(x), x), zeros({2, 3, 2, 3}), 0) == "");
    // An output older than the input, and an output that is constant by its operation.
    const Tensor later = tape.watch(ones({2}));
    CHECK(mismatch(grad(sum(x), later), zeros({2}), 0) == "");
    CHECK(mismatch(grad(sum(sign(x)), x), zeros({2, 3}), 0) == "");
    // Zeros can be differentiated again.
    CHECK(mismatch(grad(sum(grad(sum(other), x)), x), zeros({2, 3}), 0) == "");
  }

  TEST_CASE("stop_gradient keeps the value and cuts the derivative") {
    for (Derivative derivative : kModes) {
      Tape tape;
      const Tensor x = tape.watch(tensor({0.5, -2.0}));
      const Tensor y = x * stop_gradient(square(x));
      CHECK(mismatch(y, tensor({0.125, -8.0}), 0) == "");
      CHECK(mismatch(derivative(y, x), tensor({0.25, 4.0}), 0) == "");
      CHECK(mismatch(derivative(stop_gradient(x), x), zeros({2}), 0) == "");
    }
  }

  TEST_CASE("the gradient of a model is a model") {
    Sampler sampler(14);
    const SmallIcnn icnn = make_small_icnn(2, 3, sampler);
    Tape tape;
    const SmallIcnn watched = tape.watch(icnn);
    const Tensor y = sum(watched(sampler.uniform({4, 2})));
    const SmallIcnn gradient = grad(y, watched);
    CHECK(gradient.last_weight.shape() == icnn.last_weight.shape());
    CHECK(mismatch(gradient.layers[1].z_raw, grad(y, watched.layers[1].z_raw), 0) == "");
    CHECK(count_parameters(gradient) == count_parameters(icnn));
  }

  TEST_CASE("values outlive their tape and become constants") {
    Tensor y, g;
    {
      Tape tape;
      const Tensor x = tape.watch(tensor({1.0, 2.0}));
      y = square(x);
      g = grad(sum(y), x);
      CHECK(y.recorded());
    }
    CHECK_FALSE(y.recorded());
    CHECK(mismatch(y + g, tensor({3.0, 8.0}), 0) == "");
    Tape another;
    const Tensor again = another.watch(y);
    CHECK(mismatch(grad(sum(again * g), again), tensor({2.0, 4.0}), 0) == "");
  }
}

TEST_SUITE("misuse of derivatives") {
  TEST_CASE("an unrecorded or expired value is named") {
    Tensor expired;
    {
      Tape tape;
      expired = square(tape.watch(ones({2, 3})));
    }
    Tape tape;
    const Tensor x = tape.watch(ones({2, 3}));
    CHECK(lacks(message_of([&] { vjp(ones({4}), x, ones({4})); }), {"[vjp]", "[4]", "not recorded"}) == "");
    CHECK(lacks(message_of([&] { jvp(x, ones({4}), ones({4})); }), {"[jvp]", "[4]", "not recorded"}) == "");
    CHECK(lacks(message_of([&] { vjp(expired, x, ones({2, 3})); }), {"[vjp]", "[2, 3]", "not recorded"}) == "");
    CHECK(lacks(message_of([&] { grad(sum(x), expired); }), {"[", "[2, 3]", "not recorded"}) == "");
    CHECK(lacks(message_of([&] { grad(Tensor(), x); }), {"["}) == "");
  }

  TEST_CASE("grad of a non-scalar says its shape and what to use instead") {
    Tape tape;
    const Tensor x = tape.watch(ones({32, 1}));
    CHECK(lacks(message_of([&] { grad(x, x); }), {"[grad]", "[32, 1]", "sum()", "vjp()"}) == "");
    CHECK(grad(reshape(sum(x), {1, 1}), x).shape() == x.shape());
  }

  TEST_CASE("values of two living tapes do not mix") {
    Tape first, second;
    const Tensor a = first.watch(ones({2})), b = second.watch(ones({2}));
    CHECK(lacks(message_of([&] { a + b; }), {"[add]", "two different tapes"}) == "");
    CHECK(lacks(message_of([&] { grad(sum(a), b); }), {"[", "another tape"}) == "");
    CHECK(lacks(message_of([&] { jvp(a, b, ones({2})); }), {"[jvp]", "another tape"}) == "");
  }

  TEST_CASE("directions of a wrong shape are refused with both shapes") {
    Tape tape;
    const Tensor x = tape.watch(ones({2, 3}));
    const Tensor y = sum(x, {0});
    CHECK(lacks(message_of([&] { jvp(y, x, ones({3, 2})); }), {"[jvp]", "[2, 3]", "[3, 2]"}) == "");
    CHECK(lacks(message_of([&] { vjp(y, x, ones({2})); }), {"[vjp]", "[3]", "[2]"}) == "");
    CHECK(lacks(message_of([&] { jvp(y, x, ones({4, 5, 2, 3})); }), {"[jvp]", "[2, 3]"}) == "");
    CHECK(lacks(message_of([&] { vjp({y, y}, {x}, {ones({3})}); }), {"[vjp]"}) == "");
    CHECK(lacks(message_of([&] { jvp(y, x, Tensor()); }), {"[jvp]"}) == "");
  }

  TEST_CASE("batch queries say which shapes they need") {
    Tape tape;
    const Tensor x = tape.watch(ones({4, 3}));
    CHECK(lacks(message_of([&] { batch_jacobian(sum(x), x); }), {"[batch_jacobian]", "[4, 3]"}) == "");
    CHECK(lacks(message_of([&] { batch_jacobian(transpose(x), x); }), {"[batch_jacobian]", "[3, 4]", "[4, 3]"}) == "");
    CHECK(lacks(message_of([&] { batch_hessian(x, x); }), {"[batch_hessian]", "[4, 3]"}) == "");
    CHECK(lacks(message_of([&] { hessian(x, x); }), {"[", "[4, 3]"}) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

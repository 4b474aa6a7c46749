// What holds at kinks and ties, where a difference quotient proves nothing: the conventions, with expected derivatives
// worked out by hand, in both modes.
//
//   abs, sign at 0: slope 0.  relu at 0: slope 0.  maximum, minimum at a tie: half each.  max, min: an equal share for
//   every entry that reaches the extremum.  clamp at an end: half.  sort: ties keep their order.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "tests/support/compare.h"

namespace brenier::testing {
namespace {

// The gradient of the sum of f at x in both modes; a sentence if they are not as expected. The function must treat the
// entries so that the Jacobian's column sums are its gradient: any function does.
std::string slopes_differ(const TensorFunction& f, const std::vector<Tensor>& points,
                          const std::vector<Tensor>& expected) {
  Tape tape;
  std::vector<Tensor> xs;
  for (const Tensor& point : points) xs.push_back(tape.watch(point));
  const Tensor y = sum(f(xs));
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const double tolerance = rounding_tolerance(DType::Float64, 1);
    const std::string reverse = mismatch(grad(y, xs[i]), expected[i], tolerance);
    if (!reverse.empty()) return "reverse, argument " + std::to_string(i) + ": " + reverse;
    const std::int64_t n = xs[i].size();
    const Tensor basis = reshape(eye(n), Shape{n} + xs[i].shape());
    const std::string forward = mismatch(jvp(y, xs[i], basis), reshape(expected[i], {n}), tolerance);
    if (!forward.empty()) return "forward, argument " + std::to_string(i) + ": " + forward;
  }
  return {};
}

using Arguments = std::vector<Tensor>;

TEST_SUITE("ties and kinks") {
  TEST_CASE("abs and relu have slope 0 at 0") {
    const Tensor x = tensor({-2.0, 0.0, 3.0});
    CHECK(slopes_differ([](const Arguments& a) { return abs(a[0]); }, {x}, {tensor({-1.0, 0.0, 1.0})}) == "");
    CHECK(slopes_differ([](const Arguments& a) { return relu(a[0]); }, {x}, {tensor({0.0, 0.0, 1.0})}) == "");
    CHECK(slopes_differ([](const Arguments& a) { return sign(a[0]); }, {x}, {zeros({3})}) == "");
    CHECK(slopes_differ([](const Arguments& a) { return floor(a[0]); }, {x}, {zeros({3})}) == "");
  }

  TEST_CASE("maximum and minimum share the slope at a tie") {
    const Tensor a = tensor({1.0, 2.0, 3.0}), b = tensor({2.0, 2.0, 2.0});
    const Tensor below = tensor({0.0, 0.5, 1.0}), above = tensor({1.0, 0.5, 0.0});
    CHECK(slopes_differ([](const Arguments& x) { return maximum(x[0], x[1]); }, {a, b}, {below, above}) == "");
    CHECK(slopes_differ([](const Arguments& x) { return minimum(x[0], x[1]); }, {a, b}, {above, below}) == "");
    CHECK(slopes_differ([](const Arguments& x) { return maximum(x[0], x[0]); }, {a}, {ones({3})}) == "");
    CHECK(slopes_differ([](const Arguments& x) { return maximum(x[0], 2.0); }, {a}, {below}) == "");
  }

  TEST_CASE("clamp has slope 1 inside, 1/2 at the ends, 0 outside") {
    CHECK(slopes_differ([](const Arguments& x) { return clamp(x[0], -1, 2); }, {tensor({-3.0, -1.0, 0.0, 2.0, 2.5})},
                        {tensor({0.0, 0.5, 1.0, 0.5, 0.0})}) == "");
  }

  TEST_CASE("max and min give equal shares to all that reach the extremum") {
    const Tensor x = tensor({{3, 1, 3, 3}, {0, 5, 4, -1}, {-2, -2, -2, -2}});
    const double third = 1.0 / 3;
    CHECK(slopes_differ([](const Arguments& a) { return max(a[0], {1}); }, {x},
                        {tensor({{third, 0, third, third}, {0, 1, 0, 0}, {0.25, 0.25, 0.25, 0.25}})}) == "");
    CHECK(slopes_differ([](const Arguments& a) { return min(a[0], {1}, true); }, {x},
                        {tensor({{0, 1, 0, 0}, {0, 0, 0, 1}, {0.25, 0.25, 0.25, 0.25}})}) == "");
    CHECK(slopes_differ([](const Arguments& a) { return max(a[0]); }, {x},
                        {tensor({{0, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}})}) == "");
    CHECK(slopes_differ([](const Arguments& a) { return max(a[0], {0}); }, {tensor({{1, 2}, {1, 3}})},
                        {tensor({{0.5, 0}, {0.5, 1}})}) == "");
  }

  TEST_CASE("sort keeps the order of equals, and the slope follows the entry") {
    // sorted: -1 (from 1), 0 (from 3), 1 (from 0), 1 (from 2); weights 1, 10, 100, 1000.
    CHECK(slopes_differ(
              [](const Arguments& a) {
                return sort(a[0]) * tensor({1.0, 10.0, 100.0, 1000.0});
              },
              {tensor({1.0, -1.0, 1.0, 0.0})}, {tensor({100.0, 1.0, 1000.0, 10.0})}) == "");
    const std::vector<std::int64_t> expected{1, 3, 0, 2};
    CHECK(argsort(tensor({1.0, -1.0, 1.0, 0.0})).to_vector<std::int64_t>() == expected);
    CHECK(argmax(tensor({1.0, 4.0, 4.0, 0.0}), 0).item() == 1);
  }

  TEST_CASE("comparisons are constants and exact at ties") {
    const Tensor a = tensor({1.0, 2.0, 3.0}), b = tensor({2.0, 2.0, 2.0});
    CHECK(mismatch(equal(a, b), tensor({0.0, 1.0, 0.0}), 0) == "");
    CHECK(mismatch(less(a, b), tensor({1.0, 0.0, 0.0}), 0) == "");
    CHECK(mismatch(less_equal(a, b), tensor({1.0, 1.0, 0.0}), 0) == "");
    CHECK(mismatch(greater(a, b), tensor({0.0, 0.0, 1.0}), 0) == "");
    CHECK(mismatch(greater_equal(a, b), tensor({0.0, 1.0, 1.0}), 0) == "");
    CHECK(slopes_differ([](const Arguments& x) { return less(x[0], x[1]) * x[0]; }, {a, b},
                        {tensor({1.0, 0.0, 0.0}), zeros({3})}) == "");
  }

  TEST_CASE("products with zeros have the derivative of the other factors") {
    const TensorFunction product = [](const Arguments& a) { return prod(a[0]); };
    CHECK(slopes_differ(product, {tensor({2.0, 0.0, 5.0})}, {tensor({0.0, 10.0, 0.0})}) == "");
    CHECK(slopes_differ(product, {tensor({0.0, 7.0, 0.0})}, {zeros({3})}) == "");
    Tape tape;
    const Tensor x = tape.watch(tensor({0.0, 7.0, 0.0}));
    CHECK(mismatch(hessian(prod(x), x), tensor({{0, 0, 7}, {0, 0, 0}, {7, 0, 0}}), 0) == "");
  }

  TEST_CASE("powers at zero have finite derivatives for integer exponents") {
    for (int n = 0; n <= 4; ++n) {
      Tape tape;
      const Tensor x = tape.watch(tensor({0.0, -2.0}));
      Tensor y = pow(x, static_cast<double>(n));
      double factor = 1;
      for (int order = 0; order <= 5; ++order) {
        INFO("derivative ", order, " of x^", n);
        const int left = n - order;
        const double at_zero = left == 0 ? factor : 0, elsewhere = left >= 0 ? factor * std::pow(-2.0, left) : 0;
        CHECK(mismatch(y, tensor({at_zero, elsewhere}), rounding_tolerance(DType::Float64, 100)) == "");
        y = grad(sum(y), x);
        factor *= left;
      }
    }
  }

  TEST_CASE("where keeps an infinite slope of the other branch out if its argument is masked too") {
    Tape tape;
    const Tensor x = tape.watch(tensor({0.0, 4.0}));
    const Tensor positive = less(0.0, x);
    const Tensor y = where(positive, sqrt(where(positive, x, 1.0)), 0.0);
    CHECK(mismatch(y, tensor({0.0, 2.0}), 0) == "");
    CHECK(mismatch(grad(sum(y), x), tensor({0.0, 0.25}), 0) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

// Distances in closed form, against each other, and their derivatives: assignment, sorting and slicing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/autodiff.h"
#include "solvers/assignment.h"
#include "solvers/wasserstein.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// W_p^p on the line from the quantile functions on a fine grid.
double by_quantiles(const std::vector<double>& a, const std::vector<double>& wa, const std::vector<double>& b,
                    const std::vector<double>& wb, double p) {
  const auto quantile = [](const std::vector<double>& x, const std::vector<double>& w, double level) {
    std::vector<std::size_t> order(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return x[i] < x[j]; });
    double mass = 0;
    for (std::size_t i : order)
      if ((mass += w[i]) > level) return x[i];
    return x[order.back()];
  };
  const int grid = 20000;
  double total = 0;
  for (int k = 0; k < grid; ++k) {
    const double level = (k + 0.5) / grid;
    total += std::pow(std::abs(quantile(a, wa, level) - quantile(b, wb, level)), p) / grid;
  }
  return total;
}

}  // namespace

TEST_CASE("translated clouds are exactly as far apart as the translation is long") {
  Sampler sampler(1);
  const Tensor x = sampler.uniform({40, 3}), shift = tensor({1.0, -2.0, 2.0});
  for (double p : {1.0, 2.0, 3.5}) CHECK(wasserstein_exact(x, x + shift, p) == doctest::Approx(3).epsilon(1e-13));
  CHECK(wasserstein_exact(x, x) == 0);
}

TEST_CASE("on a line assignment and sorting agree, for every p") {
  Sampler sampler(2);
  const Tensor x = sampler.uniform({30, 1}), y = sampler.uniform({30, 1}, 0, 3);
  for (double p : {1.0, 1.5, 2.0, 4.0}) {
    const double sorted = wasserstein_1d(reshape(x, {30}), reshape(y, {30}), p).item();
    CHECK(wasserstein_exact(x, y, p) == doctest::Approx(std::pow(sorted, 1 / p)).epsilon(1e-12));
  }
}

TEST_CASE("samples of other sizes and weights are compared by their quantile functions") {
  Sampler sampler(3);
  const std::vector<double> a = sampler.uniform({5}).to_vector<double>(), b = sampler.uniform({8}).to_vector<double>();
  const std::vector<double> wa{0.1, 0.3, 0.05, 0.35, 0.2}, wb{0.125, 0, 0.25, 0.125, 0.2, 0.05, 0.2, 0.05};
  const std::vector<double> ua(5, 0.2), ub(8, 0.125);
  const Tensor ta = tensor(a, {5}), tb = tensor(b, {8});
  for (double p : {1.0, 2.0}) {
    CHECK(wasserstein_1d(ta, tb, p).item() == doctest::Approx(by_quantiles(a, ua, b, ub, p)).epsilon(1e-3));
    const double weighted = wasserstein_1d(ta, tb, p, tensor(wa, {5}), tensor(wb, {8}) * 3.0).item();
    CHECK(weighted == doctest::Approx(by_quantiles(a, wa, b, wb, p)).epsilon(1e-3));
    // One side with weights that are equal is no difference.
    CHECK(wasserstein_1d(ta, tb, p, ones({5})).item() ==
          doctest::Approx(wasserstein_1d(ta, tb, p).item()).epsilon(1e-13));
  }
}

TEST_CASE("a repeated sample is a sample of twice the weight") {
  const Tensor a = tensor({3, 1, 1, 2}), distinct = tensor({1, 2, 3}), b = tensor({0.5, -1, 4});
  const double repeated = wasserstein_1d(a, b, 2).item();
  CHECK(wasserstein_1d(distinct, b, 2, tensor({2, 1, 1})).item() == doctest::Approx(repeated).epsilon(1e-14));
}

TEST_CASE("leading axes are a batch") {
  Sampler sampler(4);
  const Tensor a = sampler.uniform({2, 3, 4}), b = sampler.uniform({2, 3, 6}), weights = tensor({1, 2, 3, 4});
  const Tensor plain = wasserstein_1d(a, b, 2), weighted = wasserstein_1d(a, b, 2, weights);
  CHECK(plain.shape() == Shape{2, 3});
  for (std::int64_t i : {0, 1}) {
    const Tensor row_a = select(select(a, 0, i), 0, 2), row_b = select(select(b, 0, i), 0, 2);
    CHECK(plain.at({i, 2}) == doctest::Approx(wasserstein_1d(row_a, row_b, 2).item()).epsilon(1e-14));
    CHECK(weighted.at({i, 2}) == doctest::Approx(wasserstein_1d(row_a, row_b, 2, weights).item()).epsilon(1e-14));
  }
}

TEST_CASE("derivatives of distances between samples pass the checks, in both modes and to second order") {
  Sampler sampler(5);
  for (std::int64_t m : {4, 6}) {
    for (bool weighted : {false, true}) {
      const auto f = [=](const Tensors& in) {
        return Tensors{wasserstein_1d(in[0], in[1], 2, weighted ? tensor({0.1, 0.2, 0.3, 0.4}) : Tensor())};
      };
      const Map map{"wasserstein_1d", f, {sampler.spaced({4}, -2, 2), sampler.spaced({m}, -2, 2)}, {0, 1}};
      CHECK(check_adjoint(map, sampler) == "");
      CHECK(check_gradients(map, 2, sampler) == "");
    }
  }
}

TEST_CASE("equal samples have distance and derivative zero") {
  Tape tape;
  const Tensor a = tape.watch(tensor({2, 1, 3}));
  for (double p : {1.0, 2.0, 1.5}) {
    const Tensor value = wasserstein_1d(a, tensor({1, 2, 3}), p);
    CHECK(value.item() == 0);
    CHECK(mismatch(grad(value, a), zeros({3}), 0) == "");
  }
}

TEST_CASE("the sliced distance of a translation is the mean of squared projections") {
  Sampler sampler(6);
  const Tensor x = sampler.uniform({20, 3}), shift = tensor({1.0, 2.0, -1.0});
  const Tensor directions = random_directions({7, 0}, 50, 3);
  CHECK(mismatch(sum(square(directions), {1}), ones({50}), 1e-14) == "");
  const double expected = mean(square(matmul(directions, shift))).item();
  CHECK(sliced_wasserstein(x, x + shift, directions).item() == doctest::Approx(expected).epsilon(1e-13));
  // Over the sphere that is |shift|²/d.
  const Tensor many = random_directions({7, 1}, 20000, 3);
  CHECK(sliced_wasserstein(x, x + shift, many).item() == doctest::Approx(2).epsilon(0.03));
  Tape tape;
  const Tensor moved = tape.watch(x + shift);
  CHECK(grad(sliced_wasserstein(x, moved, directions), moved).shape() == Shape{20, 3});
}

TEST_CASE("arguments that make no sense are refused") {
  const auto line = [](const Tensor& a, const Tensor& b, double p, const Tensor& w = {}) {
    return message_of([&] { wasserstein_1d(a, b, p, w); });
  };
  CHECK(lacks(line(zeros({3}), zeros({3}), 0.5), {"[wasserstein_1d] needs p >= 1", "0.5"}) == "");
  CHECK(lacks(line(zeros({2, 3}), zeros({3, 3}), 1), {"[wasserstein_1d]", "[2, 3]", "[3, 3]"}) == "");
  CHECK(lacks(line(zeros({3}), zeros({3}), 1, ones({4})), {"[wasserstein_1d]", "weights of a", "[3]", "[4]"}) == "");
  CHECK(lacks(line(zeros({3}), zeros({3}), 1, tensor({1, -1, 1})), {"[wasserstein_1d]", "a weight of a is -1"}) == "");
  CHECK(lacks(line(zeros({3}), zeros({3}), 1, zeros({3})), {"[wasserstein_1d]", "sum to 0"}) == "");
  CHECK(lacks(line(zeros({3}), zeros({3}, DType::Float32), 1), {"[wasserstein_1d]", "float64", "float32"}) == "");
  Tape tape;
  CHECK(lacks(line(zeros({3}), zeros({3}), 1, tape.watch(ones({3}))), {"[wasserstein_1d]", "recorded"}) == "");
  CHECK(lacks(message_of([] {
                wasserstein_exact(zeros({3, 2}), zeros({4, 2}));
              }),
              {"[wasserstein_exact]", "equally many", "[4, 2]"}) == "");
  CHECK(lacks(message_of([] {
                sliced_wasserstein(zeros({3, 2}), zeros({4, 2}), ones({5, 3}));
              }),
              {"[sliced_wasserstein]", "[k, 2]"}) == "");
}

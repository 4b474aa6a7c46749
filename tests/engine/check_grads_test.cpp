// The checks check: wrong rules of every usual kind are found, and the message says where.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "tests/support/check_grads.h"
#include "tests/support/difference_quotient.h"
#include "tests/support/message_of.h"

namespace brenier::testing {
namespace {

using Arguments = std::vector<Tensor>;

Map map_of(const std::string& name, TensorFunction f, Tensors arguments) {
  Map map{.path = name,
          .function = [f](const Tensors& in) { return Tensors{f(in)}; },
          .arguments = arguments,
          .active = {}};
  for (std::size_t i = 0; i < arguments.size(); ++i) map.active.push_back(i);
  return map;
}

// sin with a rule t · slope(x).
Map sine_with_slope(Tensor (*slope)(const Tensor& x)) {
  CustomRule rule;
  rule.name = "sine";
  rule.value = [](const Arguments& in) { return sin(in[0]); };
  rule.jvp = [slope](const Arguments& in, const Tensor&, const Arguments& t) { return t[0] * slope(in[0]); };
  return map_of("sine", [rule](const Arguments& in) { return apply_custom(rule, in); }, {tensor({0.3, -1.1})});
}

// cos with a wrong derivative of its own: right at first order, wrong at second.
Tensor cosine_with_wrong_slope(const Tensor& x) {
  CustomRule rule;
  rule.name = "cosine";
  rule.value = [](const Arguments& in) { return cos(in[0]); };
  rule.jvp = [](const Arguments& in, const Tensor&, const Arguments& t) { return t[0] * sin(in[0]); };
  return apply_custom(rule, {x});
}

// A product A·B with the given cotangents.
Map product_with(std::function<Arguments(const Arguments& in, const Tensor& ct)> vjp_rule) {
  CustomRule rule;
  rule.name = "product";
  rule.value = [](const Arguments& in) { return matmul(in[0], in[1]); };
  rule.jvp = [](const Arguments& in, const Tensor&, const Arguments& t) {
    return matmul(t[0], in[1]) + matmul(in[0], t[1]);
  };
  rule.vjp = [vjp_rule](const Arguments& in, const Tensor&, const Tensor& ct) { return vjp_rule(in, ct); };
  Sampler sampler(61);
  return map_of("product", [rule](const Arguments& in) { return apply_custom(rule, in); },
                {sampler.uniform({2, 2}), sampler.uniform({2, 2})});
}

TEST_SUITE("gradient checks") {
  TEST_CASE("a right rule passes to fourth order") {
    Sampler sampler(62);
    CHECK(check_gradients(sine_with_slope([](const Tensor& x) { return cos(x); }), 4, sampler) == "");
  }

  TEST_CASE("a wrong sign, factor or function is found, though the modes are adjoint") {
    Sampler sampler(63);
    for (Tensor (*slope)(const Tensor&) :
         {+[](const Tensor& x) { return -cos(x); }, +[](const Tensor& x) { return 2.0 * cos(x); },
          +[](const Tensor& x) { return sin(x); }, +[](const Tensor& x) { return cos(x) * (1 + 1e-6); }}) {
      const Map map = sine_with_slope(slope);
      CHECK(check_adjoint(map, sampler) == "");
      CHECK(lacks(check_gradients(map, 1, sampler), {"jvp of sine", "argument 0", "seed 63"}) == "");
    }
  }

  TEST_CASE("a rule that is wrong only at second order is found there, and the path says so") {
    Sampler sampler(64);
    const Map map = sine_with_slope(cosine_with_wrong_slope);
    CHECK(check_gradients(map, 1, sampler) == "");
    CHECK(lacks(check_gradients(map, 2, sampler), {"jvp of jvp of sine", "argument 0"}) == "");
    CHECK(lacks(check_gradients(vjp_of(map, cotangents_for(map, sampler)), 1, sampler), {"jvp of vjp of sine"}) == "");
  }

  TEST_CASE("a wrong or missing transpose is found by the adjoint identity and by the differences") {
    const auto right_a = [](const Arguments& in, const Tensor& ct) { return matmul(ct, transpose(in[1])); };
    const auto right_b = [](const Arguments& in, const Tensor& ct) { return matmul(transpose(in[0]), ct); };
    Sampler sampler(65);
    CHECK(check_adjoint(product_with([=](const Arguments& in, const Tensor& ct) {
                          return Arguments{right_a(in, ct), right_b(in, ct)};
                        }),
                        sampler) == "");
    const Map untransposed = product_with([=](const Arguments& in, const Tensor& ct) {
      return Arguments{right_a(in, ct), matmul(in[0], ct)};
    });
    CHECK(lacks(check_adjoint(untransposed, sampler), {"modes of product are not adjoint"}) == "");
    CHECK(lacks(check_gradients(untransposed, 1, sampler), {"vjp of product", "argument 1"}) == "");
    const Map forgotten = product_with([=](const Arguments& in, const Tensor& ct) {
      return Arguments{right_a(in, ct), Tensor()};
    });
    CHECK(check_adjoint(forgotten, sampler) != "");
    CHECK(lacks(check_gradients(forgotten, 1, sampler), {"vjp of product", "argument 1"}) == "");
  }

  TEST_CASE("a rule that mixes up the entries of a bundle is found") {
    CustomRule rule;
    rule.name = "twice";
    rule.value = [](const Arguments& in) { return 2.0 * in[0]; };
    rule.jvp = [](const Arguments&, const Tensor&, const Arguments& t) {
      return t[0].rank() > 1 ? 2.0 * flip(t[0], {0}) : 2.0 * t[0];
    };
    rule.accepts_bundles = true;
    Sampler sampler(66);
    const Map map =
        map_of("twice", [rule](const Arguments& in) { return apply_custom(rule, in); }, {tensor({1.0, 2.0})});
    CHECK(check_adjoint(map, sampler) == "");
    CHECK(lacks(check_bundles(map, sampler), {"bundle in jvp of twice"}) == "");
  }

  TEST_CASE("a float32 kernel that disagrees is found") {
    const Map map =
        map_of("biased", [](const Arguments& in) { return in[0] * (in[0].dtype() == DType::Float32 ? 1.00001 : 1.0); },
               {tensor({1.0, -2.0})});
    Sampler sampler(67);
    CHECK(lacks(check_parity(map, sampler), {"float32 and float64 differ in biased"}) == "");
  }

  TEST_CASE("a kink makes the check void, not passed") {
    Sampler sampler(68);
    const Map map = map_of("root", [](const Arguments& in) { return sqrt(abs(in[0])); }, {tensor({1e-3})});
    CHECK(check_gradients(map, 1, sampler) != "");
  }

  TEST_CASE("difference quotients are as accurate as they say") {
    const DifferenceQuotient q = difference_quotient(
        [](double h) {
          return std::vector<double>{std::exp(1 + h), std::sin(1 + 2 * h), 3.0};
        },
        DType::Float64);
    CHECK(q.judges);
    CHECK(q.error < 1e-9);
    CHECK(std::abs(q.values[0] - std::exp(1.0)) <= q.error);
    CHECK(std::abs(q.values[1] - 2 * std::cos(1.0)) <= q.error);
    CHECK(std::abs(q.values[2]) <= q.error);
  }
}

}  // namespace
}  // namespace brenier::testing

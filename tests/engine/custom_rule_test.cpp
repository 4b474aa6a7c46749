// Custom rules: one rule is enough for both modes and all orders, the given rule is really the one that is used, and
// rules that do not fit are refused.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/autodiff.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace brenier::testing {
namespace {

using Arguments = std::vector<Tensor>;

// a · sin(b) with b a vector and a a matrix: the arguments differ in shape, so that a rule must sum.
CustomRule product_with_sine() {
  CustomRule rule;
  rule.name = "product_with_sine";
  rule.value = [](const Arguments& in) { return matmul(in[0], sin(in[1])); };
  return rule;
}

Tensor sine_jvp(const Arguments& in, const Tensor&, const Arguments& t) {
  return matmul(t[0], sin(in[1])) + matmul(in[0], t[1] * cos(in[1]));
}

Arguments sine_vjp(const Arguments& in, const Tensor&, const Tensor& ct) {
  return {outer(ct, sin(in[1])), matmul(transpose(in[0]), ct) * cos(in[1])};
}

std::vector<std::pair<std::string, CustomRule>> complete_rules() {
  CustomRule forward = product_with_sine(), reverse = forward, both = forward;
  forward.jvp = both.jvp = sine_jvp;
  reverse.vjp = both.vjp = sine_vjp;
  return {{"only jvp", forward}, {"only vjp", reverse}, {"both", both}};
}

TEST_SUITE("custom rules") {
  TEST_CASE("with only jvp, only vjp or both, every order and mode agrees with differences") {
    for (const auto& [name, rule] : complete_rules()) {
      INFO(name);
      Sampler sampler(41);
      const Map map{.path = "a custom rule with " + name,
                    .function = [rule = rule](const Tensors& in) { return Tensors{apply_custom(rule, in)}; },
                    .arguments = {sampler.uniform({2, 3}), sampler.uniform({3})},
                    .active = {0, 1}};
      CHECK(check_adjoint(map, sampler) == "");
      CHECK(check_bundles(map, sampler) == "");
      CHECK(check_gradients(map, 3, sampler) == "");
    }
  }

  TEST_CASE("the given rule replaces the derivative of the value") {
    // Rounding with the derivative of the identity, as used for quantised layers.
    CustomRule straight_through;
    straight_through.name = "straight_through";
    straight_through.value = [](const Arguments& in) { return floor(in[0]); };
    straight_through.vjp = [](const Arguments&, const Tensor&, const Tensor& ct) { return Arguments{ct}; };
    Tape tape;
    const Tensor x = tape.watch(tensor({1.75, -0.5}));
    const Tensor y = apply_custom(straight_through, {x});
    CHECK(mismatch(y, tensor({1.0, -1.0}), 0) == "");
    CHECK(mismatch(grad(sum(y * y), x), tensor({2.0, -2.0}), 0) == "");
    CHECK(mismatch(jvp(y, x, tensor({3.0, 4.0})), tensor({3.0, 4.0}), 0) == "");
  }

  TEST_CASE("an undefined cotangent stands for zero") {
    CustomRule rule;
    rule.name = "first";
    rule.value = [](const Arguments& in) { return in[0] * 1.0; };
    rule.vjp = [](const Arguments&, const Tensor&, const Tensor& ct) { return Arguments{ct, Tensor()}; };
    Tape tape;
    const Tensor a = tape.watch(ones({2})), b = tape.watch(ones({3}));
    const Tensor y = apply_custom(rule, {a, b});
    CHECK(mismatch(grad(sum(y), b), zeros({3}), 0) == "");
    CHECK(mismatch(jvp(y, b, ones({3})), zeros({2}), 0) == "");
    CHECK(mismatch(vjp(y, b, ones({4, 2})), zeros({4, 3}), 0) == "");
  }

  TEST_CASE("a constant argument needs no derivative, and constants alone record nothing") {
    for (const auto& [name, rule] : complete_rules()) {
      INFO(name);
      Tape tape;
      const Tensor b = tape.watch(tensor({0.0, 0.0}));
      const Tensor y = apply_custom(rule, {tensor({{2, 3}}), b});
      CHECK(mismatch(grad(sum(y), b), tensor({2.0, 3.0}), 0) == "");
      CHECK(mismatch(jvp(y, b, tensor({1.0, 10.0})), tensor({32.0}), 0) == "");
      CHECK_FALSE(apply_custom(rule, {tensor({{2, 3}}), zeros({2})}).recorded());
    }
  }

  TEST_CASE("incomplete and ill-shaped rules are refused by name") {
    CustomRule rule = product_with_sine();
    const Arguments in{ones({2, 3}), ones({3})};
    CHECK(lacks(message_of([&] { apply_custom(rule, in); }), {"[product_with_sine]", "jvp", "vjp"}) == "");
    rule.jvp = sine_jvp;
    rule.value = nullptr;
    CHECK(lacks(message_of([&] { apply_custom(rule, in); }), {"[product_with_sine]", "value"}) == "");
    rule = product_with_sine();
    rule.vjp = [](const Arguments&, const Tensor&, const Tensor& ct) { return Arguments{ct}; };
    Tape tape;
    const Tensor a = tape.watch(in[0]);
    const Tensor y = apply_custom(rule, {a, in[1]});
    CHECK(lacks(message_of([&] { grad(sum(y), a); }), {"[product_with_sine]", "1 cotangents", "2 inputs"}) == "");
  }

  TEST_CASE("a cotangent of a wrong shape is refused by name") {
    CustomRule rule = product_with_sine();
    rule.vjp = [](const Arguments&, const Tensor&, const Tensor& ct) { return Arguments{ct, ct}; };
    Tape tape;
    const Tensor a = tape.watch(ones({2, 3})), b = tape.watch(ones({3}));
    const Tensor y = apply_custom(rule, {a, b});
    CHECK(lacks(message_of([&] { grad(sum(y), b); }), {"[product_with_sine]", "cotangent", "[2]", "[2, 3]"}) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

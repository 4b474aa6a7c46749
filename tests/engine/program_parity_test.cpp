// Programs against eager evaluation, bit for bit: every row of the table of operations with its derivatives up to the
// third order, random expressions with their gradients, and recording at one point to run at another.
#include <doctest/doctest.h>

#include "engine/ops.h"
#include "tests/support/compiled.h"
#include "tests/support/op_case_maps.h"
#include "tests/support/random_expression.h"

namespace brenier::testing {
namespace {

// Other values of the primal arguments, the same tangents and cotangents.
Tensors elsewhere(const OpCase& row, const Map& map) {
  Tensors arguments = make_arguments(row, DType::Float64, kOpCaseSeed + 1);
  arguments.insert(arguments.end(), map.arguments.begin() + static_cast<std::ptrdiff_t>(arguments.size()),
                   map.arguments.end());
  return arguments;
}

// The map, and its derivatives of both modes up to the given order.
std::string compare_to_order(const OpCase& row, const Map& map, int order, Sampler& sampler) {
  std::string wrong = compare_compiled(map, elsewhere(row, map));
  if (order == 0 || map.active.empty() || !wrong.empty()) return wrong;
  wrong = compare_to_order(row, jvp_of(map, tangents_for(map, sampler)), order - 1, sampler);
  if (wrong.empty()) wrong = compare_to_order(row, vjp_of(map, cotangents_for(map, sampler)), order - 1, sampler);
  return wrong;
}

// Other numbers, row-major.
Tensor moved(const Tensor& x) { return 0.75 * x - 0.125; }

TEST_SUITE("program") {
  TEST_CASE("every operation and its derivatives up to the third order run compiled as they run eagerly") {
    constexpr int kOrder = 3;
    for_each_row([](const OpCase& row, const Map& map, Sampler& sampler) {
      return compare_to_order(row, map, kOrder, sampler);
    });
  }

  TEST_CASE("a thousand random expressions and their gradients run compiled as they run eagerly") {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      INFO("seed ", seed);
      try {
        const Map map = random_expression(seed);
        Tensors arguments;
        for (const Tensor& x : map.arguments)
          arguments.push_back(x.contiguous() ? moved(x) : transpose(moved(transpose(x))));
        CHECK(compare_compiled(map, arguments) == "");
        Sampler sampler(seed);
        const Map gradient = vjp_of(map, cotangents_for(map, sampler));
        arguments.insert(arguments.end(), gradient.arguments.begin() + 4, gradient.arguments.end());
        CHECK(compare_compiled(gradient, arguments) == "");
      } catch (const std::exception& error) {
        FAIL_CHECK(error.what());
      }
    }
  }
}

}  // namespace
}  // namespace brenier::testing

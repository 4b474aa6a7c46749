// The four suites over the table of operations (tests/support/op_cases.h): adjoint identity, recursive gradient check,
// bundles, parity of dtypes; and coverage, which fails while an operation has no row.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "engine/op.h"
#include "engine/ops.h"
#include "engine/tape.h"
#include "tests/support/check_grads.h"
#include "tests/support/compare.h"
#include "tests/support/op_case_maps.h"

namespace brenier::testing {
namespace {

TEST_SUITE("operation table") {
  TEST_CASE("the two modes of every operation are adjoint, and so are those of its derivatives") {
    for_each_row([](const OpCase&, const Map& map, Sampler& sampler) {
      std::string wrong = check_adjoint(map, sampler);
      if (wrong.empty()) wrong = check_adjoint(jvp_of(map, tangents_for(map, sampler)), sampler);
      if (wrong.empty()) wrong = check_adjoint(vjp_of(map, cotangents_for(map, sampler)), sampler);
      return wrong;
    });
  }

  TEST_CASE("every derivative agrees with difference quotients, in both modes, to the order of its row") {
    for_each_row(
        [](const OpCase& row, const Map& map, Sampler& sampler) { return check_gradients(map, row.order, sampler); });
  }

  TEST_CASE("a bundle of three sweeps equals three sweeps, also inside a bundle of two") {
    for_each_row([](const OpCase&, const Map& map, Sampler& sampler) {
      std::string wrong = check_bundles(map, sampler);
      if (wrong.empty()) wrong = check_bundles(jvp_of(map, tangents_for(map, sampler, {2})), sampler);
      if (wrong.empty()) wrong = check_bundles(vjp_of(map, cotangents_for(map, sampler, {2})), sampler);
      return wrong;
    });
  }

  TEST_CASE("float32 agrees with float64 in value and in both modes") {
    for_each_row([](const OpCase& row, const Map& map, Sampler& sampler) {
      return row.precision == DType::Float32 ? std::string() : check_parity(map, sampler);
    });
  }

  TEST_CASE("operations that only move numbers move integers alike") {
    for_each_row([](const OpCase& row, const Map& map, Sampler&) {
      if (!row.moves_only) return std::string();
      Tensors integers, expected;
      for (const Tensor& x : map.arguments) integers.push_back(cast(x.is_floating() ? x * 1000.0 : x, DType::Int64));
      for (std::size_t i = 0; i < integers.size(); ++i) {
        expected.push_back(map.arguments[i].is_floating() ? cast(integers[i], DType::Float64) : integers[i]);
      }
      const Tensor moved = row.function(integers);
      if (moved.dtype() != DType::Int64) return "the result is " + std::string(name_of(moved.dtype()));
      return mismatch(moved, row.function(expected), 0);
    });
  }

  TEST_CASE("float32 arguments in any layout give what row-major ones give") {
    for_each_row([](const OpCase& row, const Map&, Sampler&) {
      Tensors plain, arguments = make_arguments(row, DType::Float32, kOpCaseSeed);
      for (const Tensor& x : arguments) {
        plain.push_back(x.is_floating() ? tensor(x.to_vector<float>(), x.shape()) : x);
      }
      const Tensor got = row.function(arguments), expected = row.function(plain);
      return mismatch(got, expected, rounding_tolerance(DType::Float32, max_abs(expected), total_size(arguments)));
    });
  }

  TEST_CASE("every operation of the engine has a row") {
    std::set<int> seen;
    for (const OpCase& row : op_cases()) {
      Tape tape;
      Tensors watched;
      for (const Tensor& x : make_arguments(row, DType::Float64, kOpCaseSeed)) watched.push_back(tape.watch(x));
      row.function(watched);
      for (std::int32_t slot = 0; slot < tape.size(); ++slot) seen.insert(static_cast<int>(tape.node(slot).op->code));
    }
    for (int code = 0; code < kOpCount; ++code) {
      INFO(name_of(static_cast<OpCode>(code)), " has no row in tests/support/op_cases_*.cpp");
      CHECK(seen.count(code) == 1);
    }
  }
}

}  // namespace
}  // namespace brenier::testing

// The table of operations as maps, and a check of all its rows.
#pragma once

#include <doctest/doctest.h>

#include <exception>
#include <string>

#include "tests/support/maps.h"
#include "tests/support/op_cases.h"

namespace brenier::testing {

inline constexpr std::uint64_t kOpCaseSeed = 20240611;

inline Map map_of(const OpCase& row) {
  return {.path = row.name,
          .function = [f = row.function](const Tensors& arguments) { return Tensors{f(arguments)}; },
          .arguments = make_arguments(row, DType::Float64, kOpCaseSeed),
          .active = differentiable_arguments(row),
          .precision = row.precision};
}

// Runs check(row, map, sampler), which returns what is wrong, on every row, each with its own generator, so that a
// failure can be repeated alone.
template <class Check>
void for_each_row(Check&& check) {
  for (const OpCase& row : op_cases()) {
    INFO(row.name, ", seed ", kOpCaseSeed);
    try {
      Sampler sampler(kOpCaseSeed);
      CHECK(check(row, map_of(row), sampler) == "");
    } catch (const std::exception& error) {
      FAIL_CHECK(error.what());
    }
  }
}

}  // namespace brenier::testing

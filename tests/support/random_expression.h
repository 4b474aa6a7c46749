// Random computations for fuzzing passes: functions made of operations of every kind, with the patterns that a pass
// looks for (repeated expressions, neutral numbers, views of views) sown in.
#pragma once

#include "tests/support/maps.h"

namespace brenier::testing {

// A map of three matrices and vectors, determined by the seed. Its results are the last values and the sum of all.
Map random_expression(std::uint64_t seed);

}  // namespace brenier::testing

// The derivative of a map along a direction from its values alone: the oracle that knows no rule.
//
// Central differences with two Richardson extrapolations (Richardson 1911): with step h the truncation error is
// O(h^6) and the rounding error O(eps/h); both are alike at h = eps^(1/7).
#pragma once

#include <functional>
#include <vector>

#include "tests/support/maps.h"

namespace brenier::testing {

struct DifferenceQuotient {
  std::vector<double> values;
  double error = 0;    // how far an entry may be off: the extrapolation's own estimate and the rounding bound
  bool judges = true;  // whether the error is small enough to tell a right derivative from a wrong one
};

// f at a parameter near 0, whose derivative at 0 is wanted. `scale` is the size of the numbers f computes with, as far
// as they do not show in its values.
DifferenceQuotient difference_quotient(const std::function<std::vector<double>(double)>& f, DType precision,
                                       double scale = 1);

// All outputs of the map, flattened, along the tangents of its active arguments.
DifferenceQuotient difference_quotient(const Map& map, const Tensors& tangents);

// All entries of all tensors, row-major, one tensor after the other.
std::vector<double> flattened(const Tensors& xs);

}  // namespace brenier::testing

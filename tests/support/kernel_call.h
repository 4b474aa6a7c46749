// Calling kernels of the CPU backend directly, below everything that could check or rearrange their inputs, and the
// same numbers in several memory layouts: a kernel must not see the difference.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/tensor.h"

namespace brenier::testing {

// The result of a kernel on a new uninitialised output.
Tensor run_kernel(OpCode code, const std::vector<Tensor>& inputs, const Shape& shape, DType dtype = DType::Float64,
                  const Attributes& attributes = {});

// Equal values, other strides. What lies between the elements is NaN, or the smallest int64.
struct Layout {
  std::string name;
  Tensor (*of)(const Tensor& x);
};
// Row-major, the last two axes swapped in memory, gaps between elements, and stored backwards.
const std::vector<Layout>& layouts();

// Calls f for every index of a shape in row-major order.
void for_each_index(const Shape& shape, const std::function<void(const Dims&)>& f);
// The element of x that broadcasting puts at an index of a larger shape.
double broadcast_at(const Tensor& x, const Dims& index);
// A tensor from a formula.
Tensor from_formula(const Shape& shape, DType dtype, const std::function<double(const Dims&)>& formula);

}  // namespace brenier::testing

// The table of operations: one row per operation and interesting shape, read by the four suites of
// tests/engine/op_table_test.cpp and by benches.
//
// A row is a function of tensors, the shapes of its arguments, and where to sample them: away from kinks and ties,
// unless the row is about those. A new operation gets its rows in the family file op_cases_X.cpp that corresponds to
// engine/ops/X.cpp; the coverage suite fails until it has one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "engine/tensor.h"
#include "tests/support/sampler.h"

namespace brenier::testing {

// How the entries of an argument are drawn.
enum class Sampling {
  Uniform,        // in [low, high)
  BothSigns,      // magnitude in [low, high), either sign
  Spaced,         // distinct, in [low, high)
  IncludingZero,  // uniform, but the first entry is 0
  Spd,            // symmetric positive definite matrices with eigenvalues spread evenly over [low, high]
  Invertible,     // the same with rows in another order
  Given           // the row's own values
};

// How an argument lies in memory. Kernels must not care.
enum class Layout {
  RowMajor,
  Transposed,  // the transpose of a row-major array
  Flipped,     // negative strides along every axis
  Strided,     // every second entry of a longer row
  Broadcast    // stride 0 along the first axis: all rows equal
};

struct Argument {
  Shape shape;
  Sampling sampling = Sampling::Uniform;
  double low = -1, high = 1;
  std::vector<double> values = {};  // for Sampling::Given
  Layout layout = Layout::RowMajor;
  bool integer = false;        // int64: indices and counters
  bool differentiable = true;  // derivatives with respect to it are checked

  Argument in(Layout other) const;  // the same argument in another layout
  Argument held() const;            // the same argument, not differentiated
};

Argument uniform(const Shape& shape, double low = -2, double high = 2);
Argument both_signs(const Shape& shape, double low, double high);
Argument spaced(const Shape& shape, double low = -2, double high = 2);
Argument including_zero(const Shape& shape, double low = -2, double high = 2);
Argument spd(const Shape& shape, double low = 1, double high = 3);
Argument invertible(const Shape& shape, double low = 1, double high = 3);
Argument given(const Shape& shape, std::vector<double> values);
Argument integers(const Shape& shape, std::vector<double> values);

struct OpCase {
  std::string name;
  TensorFunction function;
  std::vector<Argument> arguments;
  // To which order derivatives are compared with difference quotients. 0 where a quotient means nothing: at ties,
  // and for stop_gradient; tests/engine/ties_test.cpp and autodiff_test.cpp have these by hand.
  int order = 2;
  DType precision = DType::Float64;  // the coarsest dtype inside the function
  bool moves_only = false;           // it only moves numbers about, and hence takes int64 too
};

// All rows.
const std::vector<OpCase>& op_cases();

// The families, one per file.
void add_unary_cases(std::vector<OpCase>& cases);
void add_binary_cases(std::vector<OpCase>& cases);
void add_reduce_cases(std::vector<OpCase>& cases);
void add_matmul_cases(std::vector<OpCase>& cases);
void add_shape_cases(std::vector<OpCase>& cases);
void add_index_cases(std::vector<OpCase>& cases);
void add_linalg_cases(std::vector<OpCase>& cases);
void add_other_cases(std::vector<OpCase>& cases);  // casts, constants, random numbers, custom rules, checkpoints

// The arguments of a row, floating ones in the given dtype. The numbers are float32 numbers in either dtype, so that
// evaluations in the two can be compared.
std::vector<Tensor> make_arguments(const OpCase& row, DType dtype, std::uint64_t seed);
// The positions of the differentiable arguments.
std::vector<std::size_t> differentiable_arguments(const OpCase& row);
// The same numbers in the given layout.
Tensor lay_out(const Tensor& x, Layout layout);

}  // namespace brenier::testing

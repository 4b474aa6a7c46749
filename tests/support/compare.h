// Comparing tensors in tests: one source of tolerances, and messages that say where two tensors differ.
//
// The bound is the classical one of Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), chapter 3:
// a sum of n products computed in any order has an error of at most about n·eps times the sum of their absolute
// values. Two evaluations by different routes may each be off by that, and each product has itself a few roundings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace brenier::testing {

// The distance from 1 to the next number: 2^-23 or 2^-52.
double epsilon(DType dtype);

// How far two evaluations of a sum of `terms` products may be apart when the absolute values add up to `scale`.
double rounding_tolerance(DType dtype, double scale, std::int64_t terms = 1);

// Empty if shapes agree and entries differ by at most `tolerance`; otherwise a sentence naming the worst entry. NaN
// equals only NaN, and an infinity only itself.
std::string mismatch(const Tensor& got, const Tensor& expected, double tolerance);
// The same with a tolerance of rounding only, relative to the largest expected entry, for sums of `terms` terms.
std::string rounding_mismatch(const Tensor& got, const Tensor& expected, std::int64_t terms = 1);

double max_abs(const Tensor& x);  // 0 for an empty tensor
double max_abs(const std::vector<Tensor>& xs);
// The sum of products of all entries, in double, and the sum of their absolute values.
double inner(const std::vector<Tensor>& a, const std::vector<Tensor>& b);
double absolute_inner(const std::vector<Tensor>& a, const std::vector<Tensor>& b);
// The number of elements in all tensors.
std::int64_t total_size(const std::vector<Tensor>& xs);

}  // namespace brenier::testing

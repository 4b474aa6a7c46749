// Quadrature on [0, 1]: ∫₀¹ f(s) ds ≈ Σ_q weights[q] · f(nodes[q]).
//
// A rule is data, two tensors [count]; each way to make one is a function. The random rules are unbiased and must be
// drawn anew with another key for every use; the fixed ones are exact for polynomials up to the stated degree. Weights
// are positive and sum to one.
//
//   uniform_random   independent uniform nodes                        variance O(1/n)
//   stratified       one uniform node in each of n equal intervals    variance O(1/n³) for smooth f
//   antithetic       pairs s, 1 - s                                   exact for degree 1
//   gauss_legendre   zeros of the Legendre polynomial P_n             exact for degree 2n - 1
//   trapezoid        n equidistant nodes, both ends included          exact for degree 1, error O(1/n²)
//
// All throw std::invalid_argument for a count that makes no rule.
// Reference: Davis & Rabinowitz, Methods of Numerical Integration, 2nd ed. (1984), chapters 2 and 5.
#pragma once

#include <cstdint>

#include "engine/ops.h"
#include "engine/tensor.h"

namespace brenier {

struct QuadratureRule {
  Tensor nodes;    // [count], in [0, 1]
  Tensor weights;  // [count]
};

QuadratureRule uniform_random(std::int64_t count, const RandomKey& key, DType dtype = DType::Float64);
QuadratureRule stratified(std::int64_t count, const RandomKey& key, DType dtype = DType::Float64);
// count must be even.
QuadratureRule antithetic(std::int64_t count, const RandomKey& key, DType dtype = DType::Float64);
QuadratureRule gauss_legendre(std::int64_t count, DType dtype = DType::Float64);
// count must be at least 2.
QuadratureRule trapezoid(std::int64_t count, DType dtype = DType::Float64);

}  // namespace brenier

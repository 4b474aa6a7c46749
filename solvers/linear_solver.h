// Ways to solve A z = b on values, to choose from where a solver needs one inside.
#pragma once

#include <functional>

#include "solvers/conjugate_gradient.h"

namespace brenier {

// For b [k, rows, d]; the operator takes [rows, d] and [k, rows, d]. The outcomes in the report are [k, rows].
using LinearSolver = std::function<LinearSolution(const LinearOperator& a, const Tensor& b)>;

// Assembles the matrices [rows, d, d] by one product with a bundle of d unit vectors, and factorises them with row
// interchanges. Right for any A and moderate d. Rows where A is singular or not finite, or b is not, end as NotFinite;
// the others as Converged, with |b - Az|.
LinearSolver dense_solver();

// Conjugate gradients, for symmetric positive definite A. The options' start must be left out.
LinearSolver cg_solver(ConjugateGradientOptions options = {});

}  // namespace brenier

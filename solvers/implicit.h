// Derivatives of what a solver found, from the equation it solves instead of from its steps.
//
//   F(x, θ) = 0   ⇒   dx = -J⁻¹ F_θ dθ,   θ̄ = -F_θᵀ J⁻ᵀ x̄,   J = ∂F/∂x
//
//   Tensor x = custom_root(residual, solve, {theta});              // residual(x, {theta}) = 0
//   Tensor y = custom_argmin(objective, minimize, {theta});        // F = gradient of the objective, J its Hessian
//   Tensor z = linear_solve(apply, {theta}, b);                    // apply(z, {theta}) = b, with apply linear in z
//
// How x was found leaves no trace: no step is recorded, and memory does not grow with their number. J⁻¹ r is itself
// a linear_solve, which has the same rule, and everything else is recorded operations. Hence both modes, all orders and
// bundles of tangents.
//
// An unknown of shape [rows, d] is a batch of independent systems, as everywhere in the solvers: row i of F depends on
// row i of x only, and a wrong answer comes without notice if not. Any other shape is one system of all entries, so
// reshape to couple rows.
//
// Reference: Griewank & Walther (2008), chapter 15; Blondel et al., Efficient and modular implicit differentiation
// (2022).
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "engine/ops.h"
#include "solvers/linear_solver.h"

namespace brenier {

// What becomes of rows of a derivative whose linear system was not solved to the solver's tolerance.
enum class Unsolved { NotANumber, BestIterate };

struct ImplicitOptions {
  LinearSolver solver = dense_solver();
  Unsolved unsolved = Unsolved::NotANumber;
  // Gets the report of every linear system that is solved, converged or not.
  std::function<void(const SolveReport&)> observe{};
  // custom_root and custom_argmin: rows with max |F(x, θ)| above this are no roots, and become NaN. Infinity: what
  // `solve` returns is believed, and F is not evaluated. NaN in x is passed on in any case.
  double root_tolerance = std::numeric_limits<double>::infinity();
};

using Residual = std::function<Tensor(const Tensor& x, const std::vector<Tensor>& parameters)>;
using RootSolver = std::function<Tensor(const std::vector<Tensor>& parameters)>;

// The root x that solve(parameters) returns. The residual has the shape of x and uses public operations only; what it
// and `solve` capture is constant. Parameters are floating-point tensors; `solve` gets their values. Throws
// std::invalid_argument for shapes that do not fit.
Tensor custom_root(const Residual& residual, const RootSolver& solve, const std::vector<Tensor>& parameters,
                   const ImplicitOptions& options = {});

// The minimiser x that solve(parameters) returns, of objective(x, parameters), a scalar, or [rows] or [rows, 1] for
// x [rows, d]. Its Hessian must be invertible there; cg_solver() is right where it is positive definite.
Tensor custom_argmin(const Residual& objective, const RootSolver& solve, const std::vector<Tensor>& parameters,
                     const ImplicitOptions& options = {});

// The solution z of apply(z, parameters) = b for an apply that is linear in z. b is [rows, d], or [k, rows, d] for k
// right-hand sides per row, or [n] for one system; apply gets [rows, d] or [n].
Tensor linear_solve(const Residual& apply, const std::vector<Tensor>& parameters, const Tensor& b,
                    const ImplicitOptions& options = {});

}  // namespace brenier

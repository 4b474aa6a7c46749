// L-BFGS: quasi-Newton steps from the last few curvature pairs, strong Wolfe line search; for one smooth problem, or for
// the rows of a batch at once, each as if it were alone.
//
//   d = -H g, with H built from pairs s = x₊ - x, y = g₊ - g by the two-loop recursion,
//   H₀ = (yᵀs / yᵀy) I from the newest pair; a first step of length min(1, 1/‖g‖₁) along -g.
//
// The objective falls with every step, as far as rounding lets one see it, so the last iterate is the best one. Nothing
// is thrown for numerical reasons: non-finite trials shorten the step, and the report says how it ended. The whole state
// of one problem is a value: a run may stop after any iteration, be stored, and continue bit for bit. Vectors are double,
// whatever the dtype of a model or batch. How rows share the work: solvers/descent.h; on a GPU: solvers/parallel_armijo.h.
//
// Reference: Nocedal & Wright (2006), algorithms 7.4 and 7.5; Liu & Nocedal (1989) for the scaling.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "solvers/batch_objective.h"
#include "solvers/flat_parameters.h"
#include "solvers/line_search.h"
#include "solvers/solve_report.h"

namespace brenier {

struct LbfgsOptions {
  std::int64_t max_iterations = 100;  // of this call, for each row
  double gradient_tolerance = 1e-8;   // converged when max_i |g_i| is at most this
  int memory = 20;                    // curvature pairs kept; 0 is steepest descent
  // A pair is kept only if yᵀs exceeds this fraction of ‖y‖‖s‖: H stays positive definite beyond rounding errors.
  double curvature_threshold = 1e-12;
  LineSearchOptions line_search{};
  double relative_gradient_tolerance = 0;  // also converged when max |g| is at most this fraction of the first one
  double value_tolerance = 0;  // also converged when a step lowers f by at most this times max(|f|, |f₊|, 1); 0: never
  double value_rounding = 64;  // values closer than this many rounding errors of f count as equal
  double first_step = 0;       // first trial along -g where there are no pairs; 0: min(1, 1/‖g‖₁)
};

// Each row of `start`, [rows, n], on its own; residual norms are max |g|. Throws std::invalid_argument for a start of
// other rank, or for options that make no sense.
Minimum<Tensor> lbfgs(const BatchObjective& objective, const Tensor& start, const LbfgsOptions& options = {});

// One problem: f(x), with its gradient written to the second argument, which comes in the size of x.
using Objective = std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;

struct CurvaturePair {
  std::vector<double> s;     // difference of iterates
  std::vector<double> y;     // difference of gradients
  double inner_product = 0;  // sᵀy

  CurvaturePair(std::vector<double> s, std::vector<double> y);
};

// Everything the next iteration depends on, apart from objective and options.
struct LbfgsState {
  std::vector<double> x;
  double value = 0;
  std::vector<double> gradient;
  std::deque<CurvaturePair> pairs{};  // oldest first
  std::int64_t iterations = 0;        // since the start, over all calls
  std::int64_t evaluations = 0;       // of the objective

  // As float64 tensors "x" [n], "value" [1], "gradient" [n], "s" and "y" [pairs, n] (left out if there are none), and
  // "counts" int64 [2]; and back. from() throws std::invalid_argument if an entry is missing or has the wrong size.
  std::vector<NamedParameter> state() const;
  static LbfgsState from(const std::vector<NamedParameter>& state);
};

// The approximate Newton direction -H g.
std::vector<double> two_loop_recursion(const std::deque<CurvaturePair>& pairs, const std::vector<double>& gradient);

// Evaluates the objective at x.
LbfgsState lbfgs_start(const Objective& objective, std::vector<double> x);
// At most options.max_iterations further iterations. Several calls in a row do what one long call does, unless
// a relative tolerance is given, which refers to the gradient at the start of the call.
SolveReport lbfgs_continue(const Objective& objective, LbfgsState& state, const LbfgsOptions& options = {});

// Both in one.
Minimum<std::vector<double>> minimize(const Objective& objective, std::vector<double> start,
                                      const LbfgsOptions& options = {});

// The parameters of a model as the unknowns: loss_and_gradient(model) -> LossAndGradient<Model>, for example
// with_gradient(loss).
template <HasParameters Model, class F>
Objective parameter_objective(Model model, F loss_and_gradient) {
  return [model, loss_and_gradient](const std::vector<double>& x, std::vector<double>& gradient) {
    const LossAndGradient<Model> result = loss_and_gradient(with_flat_parameters(model, x));
    gradient = flatten_parameters(result.gradient);
    return result.loss.item();
  };
}

// value_rounding counts roundings of the model's dtype.
template <HasParameters Model, class F>
Minimum<Model> minimize(const Model& model, F loss_and_gradient, LbfgsOptions options = {}) {
  for (const NamedParameter& parameter : parameters_of(model))
    if (parameter.value.dtype() == DType::Float32) {
      options.value_rounding *= 0x1p29;  // of double
      break;
    }
  auto [x, report] = minimize(parameter_objective(model, loss_and_gradient), flatten_parameters(model), options);
  return {with_flat_parameters(model, x), std::move(report)};
}

}  // namespace brenier

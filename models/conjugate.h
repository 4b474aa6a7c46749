// The convex conjugate of a strongly convex potential: u*(y) = max_x ⟨x, y⟩ - u(x), for every row of y.
//
//   Conjugate<Potential> dual{u};
//   Tensor value = dual(y);                  // u*(y), [rows]
//   Tensor x     = dual.maximiser(y);        // ∇u*(y) = (∇u)⁻¹(y), [rows, d]
//   Tensor map   = gradient_map(dual, y);    // the same, for dual is a potential with the parameters of u
//
// The maximiser is where ∇u(x) = y (solvers/invert_gradient.h). By the envelope theorem du* = ⟨x, dy⟩ - ∂_θ u(x) dθ at
// the fixed x, so first derivatives take no linear system; that x moves with y and θ is left to custom_argmin, and only
// second derivatives ask for it: ∇²u* = (∇²u)⁻¹ at the maximiser. Both modes, all orders, bundles of tangents.
// Reference: Rockafellar, Convex Analysis (1970), section 26; Amos, On amortizing convex conjugates for optimal
// transport (2023), for the use; Blondel et al., Efficient and modular implicit differentiation (2022).
//
// Next on the walk: solvers/invert_gradient.h, solvers/implicit.h.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "engine/autodiff.h"
#include "solvers/implicit.h"
#include "solvers/invert_gradient.h"

namespace brenier {

struct ConjugateOptions {
  InversionOptions inversion{};                       // the maximisation; leave its start undefined
  LinearSolver solver = dense_solver();               // for second derivatives; cg_solver() in many dimensions
  std::function<void(const SolveReport&)> observe{};  // gets the report of every maximisation
};

// u as a function of x and of its parameters in visiting order, [rows].
using ParametricPotential = std::function<Tensor(const Tensor& x, const std::vector<Tensor>& parameters)>;

// u*(y) and its maximiser, as functions of y [rows, d] and the parameters. Rows without a maximum, or where it was not
// found, are NaN. Throw std::invalid_argument if y is not [rows, d].
Tensor conjugate_value(const ParametricPotential& u, const Tensor& y, const std::vector<Tensor>& parameters,
                       const ConjugateOptions& options);
Tensor conjugate_maximiser(const ParametricPotential& u, const Tensor& y, const std::vector<Tensor>& parameters,
                           const ConjugateOptions& options);

// Of a potential [rows, d] -> [rows] or [rows, 1]. One without for_each_parameter is constant in what it holds.
template <class Potential>
struct Conjugate {
  Potential potential;
  ConjugateOptions options{};

  Tensor operator()(const Tensor& y) const { return conjugate_value(parametric(), y, parameters(), options); }
  Tensor maximiser(const Tensor& y) const { return conjugate_maximiser(parametric(), y, parameters(), options); }
  // The maximiser with how every row ended, the best found where it did not converge; records nothing.
  Minimum<Tensor> maximise(const Tensor& y) const {
    return invert_gradient([u = potential](const Tensor& x) { return u(x); }, y.detached(), options.inversion);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) requires HasParameters<Potential> {
    visit_parameters("potential", potential, visit);
  }

 private:
  std::vector<Tensor> parameters() const {
    if constexpr (HasParameters<Potential>) return parameter_values(potential);
    return {};
  }
  ParametricPotential parametric() const {
    return [u = potential](const Tensor& x, const std::vector<Tensor>& values) {
      if constexpr (HasParameters<Potential>) return reshape(with_parameters(u, values)(x), {x.dim(0)});
      return reshape(u(x), {x.dim(0)});
    };
  }
};

}  // namespace brenier

// Derivatives as queries on recorded values. Everything returned is recorded again, so all of this composes, to any
// order:
//
//   Tape tape;
//   Tensor x  = tape.watch(points);        // [batch, dim]
//   Tensor g  = grad(sum(icnn(x)), x);     // reverse mode
//   Tensor Hv = jvp(g, x, v);              // forward over reverse
//
// Shapes. A tangent has the shape of x, a cotangent the shape of y. Either may have one more leading axis of any
// length k: then k of them are carried through one sweep (vector mode), and results have that axis too.
//
// Errors. y and x must be recorded on the same living tape, else std::invalid_argument. Where y does not depend on x
// the derivative is zeros.
//
// Reference: Griewank & Walther, Evaluating Derivatives, 2nd ed. (2008), chapters 3 and 5; Pearlmutter, Fast exact
// multiplication by the Hessian (1994), for forward over reverse.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "engine/parameters.h"
#include "engine/program/program.h"
#include "engine/tape.h"
#include "engine/tensor.h"

namespace brenier {

// Reverse mode. The derivative of a scalar y (one element); throws for others: use sum() or vjp().
Tensor grad(const Tensor& y, const Tensor& x);
std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs);
// The gradient of a model is a model: the same struct, holding dy/dparameter in place of each parameter.
template <HasParameters Model>
Model grad(const Tensor& y, const Model& model) {
  std::vector<Tensor> values;
  for (const NamedParameter& parameter : parameters_of(model)) values.push_back(parameter.value);
  return with_parameters(model, grad(y, values));
}

// The pulled-back cotangent: (dy/dx)^T ct. Several outputs add up.
Tensor vjp(const Tensor& y, const Tensor& x, const Tensor& ct);
std::vector<Tensor> vjp(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs, const std::vector<Tensor>& cts);

// Forward mode. The pushed-forward tangent: (dy/dx) t. Several inputs add up.
Tensor jvp(const Tensor& y, const Tensor& x, const Tensor& t);
std::vector<Tensor> jvp(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs, const std::vector<Tensor>& ts);

// The Hessian of a scalar y times v, forward over reverse: two sweeps, whatever the dimension.
Tensor hvp(const Tensor& y, const Tensor& x, const Tensor& v);

// dy/dx as one tensor of shape y.shape + x.shape, by one sweep in the cheaper mode.
Tensor jacobian(const Tensor& y, const Tensor& x);
// Of a scalar y: shape x.shape + x.shape.
Tensor hessian(const Tensor& y, const Tensor& x);
// For maps that treat rows independently: x [batch, d], y [batch, m] -> [batch, m, d], d tangents in one sweep.
// Wrong without notice if row i of y depends on another row of x.
Tensor batch_jacobian(const Tensor& y, const Tensor& x);
// For potentials that treat rows independently: y [batch] or [batch, 1], x [batch, d] -> [batch, d, d].
Tensor batch_hessian(const Tensor& y, const Tensor& x);

// The derivative of y at x as a reusable linear map: t -> (dy/dx) t. What does not depend on t is computed once; a
// call evaluates the rest and records nothing, so a solver can call it any number of times. Keeps its constants
// alive, not the tape.
class Linearization {
 public:
  Tensor operator()(const Tensor& t) const;  // throws std::invalid_argument if t's shape differs from x's
  std::size_t operations() const { return program_.operations(); }
  const Program& program() const { return program_; }

 private:
  friend Linearization linearize(const Tensor& y, const Tensor& x);
  Program program_;
  Shape shape_;
  DType dtype_ = DType::Float64;
};
Linearization linearize(const Tensor& y, const Tensor& x);

// f(inputs) with only the inputs kept: its intermediates are freed at once and computed again when a derivative is
// asked for. Composes to any order and in both modes. f must be a pure function of its arguments; what it captures is
// constant. Griewank & Walther 2008, chapter 12.
using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;
Tensor checkpoint(TensorFunction f, const std::vector<Tensor>& inputs);

// A function with its own derivative rule. One of the two rules is enough: the other mode follows from it by
// transposition, and higher orders by differentiating the rule, which must use public operations only.
struct CustomRule {
  std::string name;
  TensorFunction value;
  // The tangent of the output; tangents are never undefined here. Optional.
  std::function<Tensor(const std::vector<Tensor>& inputs, const Tensor& output, const std::vector<Tensor>& tangents)>
      jvp{};
  // The cotangents of all inputs; an undefined tensor stands for zero. Optional.
  std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs, const Tensor& output, const Tensor& ct)> vjp{};
  // Whether the rules accept tangents and cotangents with one more leading axis. If not, bundles are run one by one.
  bool accepts_bundles = false;
};
Tensor apply_custom(CustomRule rule, const std::vector<Tensor>& inputs);

}  // namespace brenier

// One state per call remembers the maximiser. A rule that runs later, for a derivative, starts from it and finds
// nothing left to do; a program that replays the call with other numbers finds its own.
#include "models/conjugate.h"

#include <limits>
#include <memory>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

using Tensors = std::vector<Tensor>;

// In a function of (y, θ…).
Tensors parameters_in(const Tensors& in) { return {in.begin() + 1, in.end()}; }

// x for (y, θ…), on values, NaN in rows that were not solved.
RootSolver maximiser_of(const ParametricPotential& u, const ConjugateOptions& options) {
  return [u, options, latest = std::make_shared<Tensor>()](const Tensors& in) {
    InversionOptions inversion = options.inversion;
    if (latest->defined() && latest->shape() == in[0].shape() && latest->dtype() == in[0].dtype())
      inversion.start = *latest;
    const Tensors parameters = parameters_in(in);
    const auto potential = [&u, &parameters](const Tensor& x) { return u(x, parameters); };
    const auto [x, report] = invert_gradient(potential, in[0], inversion);
    if (options.observe) options.observe(report);
    *latest = x;
    if (report.converged()) return x;
    std::vector<double> found;
    for (const RowOutcome& row : report.rows) found.push_back(row.status == SolveStatus::Converged ? 1 : 0);
    const Tensor mask = tensor(found, {x.dim(0), 1}, x.dtype());
    return where(mask, x, std::numeric_limits<double>::quiet_NaN());
  };
}

Tensor argmin_of(const ParametricPotential& u, const RootSolver& solve, const Tensors& in,
                 const ConjugateOptions& options) {
  const Residual tilted = [u](const Tensor& x, const Tensors& at) {
    return u(x, parameters_in(at)) - sum(x * at[0], {-1});
  };
  return custom_argmin(tilted, solve, in, {.solver = options.solver});
}

// The same values at positions behind all others of the tape: derivatives with respect to these see x as fixed.
Tensors fresh(Tape& tape, const Tensors& values) {
  Tensors result;
  for (const Tensor& value : values)
    result.push_back(value.recorded() ? squeeze(expand_axis(value, 0), 0) : tape.watch(value));
  return result;
}

// The rule du* = ⟨x, dy⟩ - ∂_θ u(x) dθ.
CustomRule conjugate_rule(const ParametricPotential& u, const ConjugateOptions& options) {
  const RootSolver solve = maximiser_of(u, options);
  CustomRule rule{.name = "conjugate", .value = {}, .accepts_bundles = true};
  rule.value = [=](const Tensors& in) {
    const Tensor x = solve(in);
    return sum(x * in[0], {-1}) - u(x, parameters_in(in));
  };
  rule.jvp = [=](const Tensors& in, const Tensor&, const Tensors& ts) {
    const Tensor x = argmin_of(u, solve, in, options), along_y = sum(x * ts[0], {-1});
    const Tensors moving = fresh(*x.tape(), parameters_in(in));
    const Tensor value = u(x, moving);
    return moving.empty() ? along_y : along_y - jvp({value}, moving, parameters_in(ts))[0];
  };
  rule.vjp = [=](const Tensors& in, const Tensor&, const Tensor& ct) {
    const Tensor x = argmin_of(u, solve, in, options);
    Tensors result{expand_axis(ct, -1) * x};
    const Tensors moving = fresh(*x.tape(), parameters_in(in));
    if (moving.empty()) return result;
    for (Tensor& slope : vjp({u(x, moving)}, moving, {-ct})) result.push_back(std::move(slope));
    return result;
  };
  return rule;
}

Tensors arguments(const Tensor& y, const Tensors& parameters) {
  if (y.rank() != 2 || !y.is_floating())
    throw std::invalid_argument(str("[conjugate] y ", y.shape(), " of ", y.dtype(), "; expected floating [rows, d]"));
  Tensors in{y};
  in.insert(in.end(), parameters.begin(), parameters.end());
  return in;
}

}  // namespace

Tensor conjugate_value(const ParametricPotential& u, const Tensor& y, const Tensors& parameters,
                       const ConjugateOptions& options) {
  return apply_custom(conjugate_rule(u, options), arguments(y, parameters));
}

Tensor conjugate_maximiser(const ParametricPotential& u, const Tensor& y, const Tensors& parameters,
                           const ConjugateOptions& options) {
  return argmin_of(u, maximiser_of(u, options), arguments(y, parameters), options);
}

}  // namespace brenier

// Partial derivatives. When a rule runs, x lies on the tape as a function of θ. ∂F/∂θ at fixed x is the sweep from fresh
// identity nodes of θ, which come after x, to F: no path leads from them through x. ∂F/∂x is the sweep from a fresh
// identity node of x. Either is connected to the original, so that the next derivative goes on from there.
#include "solvers/implicit.h"

#include <memory>
#include <optional>
#include <stdexcept>

#include "engine/autodiff.h"
#include "engine/str.h"

namespace brenier {
namespace {

using Tensors = std::vector<Tensor>;

// A linear map that depends on parameters, and its transpose, on bundles: [k] + shape -> [k] + shape.
struct LinearSystem {
  using Map = std::function<Tensor(const Tensor& v, const Tensors& parameters)>;
  Shape shape;  // [rows, d]: independent rows; any other: one system
  Map forward, transposed;
};

Tensor solve_system(const LinearSystem& system, const Tensors& parameters, const Tensor& b,
                    const ImplicitOptions& options);

Tensors joined(Tensors first, const Tensor& last) {
  first.push_back(last);
  return first;
}

// The same value at a new position behind all others.
Tensor fresh(Tape& tape, const Tensor& x) { return x.recorded() ? squeeze(expand_axis(x, 0), 0) : tape.watch(x); }

Tensors fresh(Tape& tape, const Tensors& xs) {
  Tensors result;
  for (const Tensor& x : xs) result.push_back(fresh(tape, x));
  return result;
}

// Runs f on the tape its arguments are on, or on one that ends with it.
Tensor on_tape(const Tensors& arguments, const std::function<Tensor(Tape&)>& f) {
  for (const Tensor& argument : arguments)
    if (argument.recorded()) return f(*argument.tape());
  Tape temporary;
  return f(temporary).detached();
}

// y as something that derivatives can be asked of.
Tensor recorded(Tape& tape, const Tensor& y) { return y.recorded() ? y : tape.constant(y); }

void require_shape(const char* name, const char* what, const Tensor& y, const Shape& shape) {
  if (y.shape() != shape)
    throw std::invalid_argument(str("[", name, "] ", what, " has shape ", y.shape(), ", expected ", shape));
}

void require_parameters(const char* name, const Tensors& parameters) {
  for (const Tensor& parameter : parameters)
    if (!parameter.defined() || !parameter.is_floating())
      throw std::invalid_argument(str("[", name, "] parameters must be floating-point tensors; capture others"));
}

// [rows, d] of a system of this shape.
Shape rows_of(const Shape& shape) { return shape.rank() == 2 ? shape : Shape{1, element_count(shape)}; }

// A V for any number of leading axes of V.
Tensor product(const LinearSystem& system, const Tensor& v, const Tensors& parameters) {
  return reshape(system.forward(reshape(v, Shape{-1} + system.shape), parameters), v.shape());
}

// The map at the values of its parameters. What is asked for again, as in a Krylov method, becomes a program.
LinearOperator operator_of(const LinearSystem& system, const Tensors& parameters) {
  struct Latest {
    Shape shape;
    std::optional<Program> program;
  };
  const auto latest = std::make_shared<Latest>();
  const auto map = [system, parameters, latest](const Tensor& v) {
    const Tensor bundle = reshape(v, Shape{-1} + system.shape);
    if (latest->shape != bundle.shape()) {
      *latest = {bundle.shape(), std::nullopt};
      return reshape(system.forward(bundle, parameters), v.shape());
    }
    if (!latest->program) {
      Tape tape;
      const Tensor placeholder = tape.watch(bundle);
      latest->program = compile({placeholder}, {recorded(tape, system.forward(placeholder, parameters))});
    }
    return reshape((*latest->program)(bundle), v.shape());
  };
  return LinearOperator(map);
}

// The solution on values.
Tensor solution_of(const LinearSystem& system, const Tensors& parameters, const Tensor& b,
                   const ImplicitOptions& options) {
  const Tensor right = reshape(b, Shape{-1} + rows_of(system.shape));
  if (right.size() == 0) return b;
  auto [z, report] = options.solver(operator_of(system, parameters), right);
  require_shape("linear_solve", "the solution", z, right.shape());
  if (options.observe) options.observe(report);
  if (!report.converged() && options.unsolved == Unsolved::NotANumber) {
    std::vector<double> solved;
    for (const RowOutcome& row : report.rows) solved.push_back(row.status == SolveStatus::Converged ? 1 : 0);
    if (solved.empty()) solved.assign(static_cast<std::size_t>(right.size() / right.dim(-1)), 0.0);
    const Tensor mask = tensor(solved, {right.dim(0), right.dim(1), 1}, z.dtype());
    z = where(mask, z, std::numeric_limits<double>::quiet_NaN());
  }
  return reshape(z, b.shape());
}

// z = A(θ)⁻¹ b from inputs (θ…, b):   dz = A⁻¹ (db - d(Aθ) z),   b̄ = A⁻ᵀ z̄,   θ̄ = -(∂(A z)/∂θ)ᵀ b̄
CustomRule system_rule(const LinearSystem& system, const ImplicitOptions& options) {
  CustomRule rule{.name = "linear_solve", .value = {}, .accepts_bundles = true};
  rule.value = [=](const Tensors& in) { return solution_of(system, {in.begin(), in.end() - 1}, in.back(), options); };
  rule.jvp = [=](const Tensors& in, const Tensor& z, const Tensors& ts) {
    const Tensors parameters(in.begin(), in.end() - 1), directions(ts.begin(), ts.end() - 1);
    if (parameters.empty()) return solve_system(system, parameters, ts.back(), options);
    Tape& tape = *z.tape();
    const Tensors moving = fresh(tape, parameters);
    const Tensor change = jvp({recorded(tape, product(system, z, moving))}, moving, directions)[0];
    return solve_system(system, parameters, ts.back() - change, options);
  };
  rule.vjp = [=](const Tensors& in, const Tensor& z, const Tensor& ct) {
    const Tensors parameters(in.begin(), in.end() - 1);
    const LinearSystem adjoint{system.shape, system.transposed, system.forward};
    const Tensor pulled = solve_system(adjoint, parameters, ct, options);
    if (parameters.empty()) return Tensors{pulled};
    Tape& tape = *z.tape();
    const Tensors moving = fresh(tape, parameters);
    return joined(vjp({recorded(tape, product(system, z, moving))}, moving, {-pulled}), pulled);
  };
  return rule;
}

Tensor solve_system(const LinearSystem& system, const Tensors& parameters, const Tensor& b,
                    const ImplicitOptions& options) {
  return apply_custom(system_rule(system, options), joined(parameters, b));
}

// The Jacobian of a residual in its first argument; parameters are (x, θ…).
LinearSystem jacobian_system(const char* name, const Residual& residual, const Shape& shape, bool symmetric) {
  using Sweep = Tensor (*)(const Tensor&, const Tensor&, const Tensor&);
  const auto map = [=](Sweep sweep) {
    return [=](const Tensor& v, const Tensors& parameters) {
      return on_tape(joined(parameters, v), [&](Tape& tape) {
        const Tensor x = fresh(tape, parameters[0]);
        const Tensor y = recorded(tape, residual(x, {parameters.begin() + 1, parameters.end()}));
        require_shape(name, "the residual", y, shape);
        return sweep(y, x, v);
      });
    };
  };
  const LinearSystem::Map forward = map(static_cast<Sweep>(jvp));
  return {shape, forward, symmetric ? forward : LinearSystem::Map(map(static_cast<Sweep>(vjp)))};
}

// x with NaN in the rows that are no roots.
Tensor checked_root(const Residual& residual, const Tensor& x, const Tensors& parameters, double tolerance) {
  if (tolerance == std::numeric_limits<double>::infinity()) return x;
  const Tensor f = residual(x, parameters).detached();
  require_shape("custom_root", "the residual", f, x.shape());
  const Shape rows = rows_of(x.shape());
  const Tensor found = less_equal(max(abs(reshape(f, rows)), {-1}, true), tolerance);
  return reshape(where(found, reshape(x, rows), std::numeric_limits<double>::quiet_NaN()), x.shape());
}

Tensor implicit_root(const char* name, const Residual& residual, bool symmetric, const RootSolver& solve,
                     const Tensors& parameters, const ImplicitOptions& options) {
  require_parameters(name, parameters);
  if (parameters.empty()) throw std::invalid_argument(str("[", name, "] needs a parameter"));
  // F at the root x with parameters that move, and what they move.
  const auto partial = [=](const Tensor& x, const Tensors& moving) {
    const Tensor f = residual(x, moving);
    require_shape(name, "the residual", f, x.shape());
    return recorded(*x.tape(), f);
  };
  const auto with_x = [](const Tensor& x, const Tensors& in) {
    Tensors result{x};
    result.insert(result.end(), in.begin(), in.end());
    return result;
  };
  CustomRule rule{.name = name, .value = {}, .accepts_bundles = true};
  rule.value = [=](const Tensors& in) {
    return checked_root(residual, solve(in).detached(), in, options.root_tolerance);
  };
  rule.jvp = [=](const Tensors& in, const Tensor& x, const Tensors& ts) {
    const Tensors moving = fresh(*x.tape(), in);
    const Tensor change = jvp({partial(x, moving)}, moving, ts)[0];
    return -solve_system(jacobian_system(name, residual, x.shape(), symmetric), with_x(x, in), change, options);
  };
  rule.vjp = [=](const Tensors& in, const Tensor& x, const Tensor& ct) {
    const LinearSystem system = jacobian_system(name, residual, x.shape(), symmetric);
    const LinearSystem adjoint{system.shape, system.transposed, system.forward};
    const Tensor pulled = solve_system(adjoint, with_x(x, in), ct, options);
    const Tensors moving = fresh(*x.tape(), in);
    return vjp({partial(x, moving)}, moving, {-pulled});
  };
  return apply_custom(std::move(rule), parameters);
}

}  // namespace

Tensor custom_root(const Residual& residual, const RootSolver& solve, const Tensors& parameters,
                   const ImplicitOptions& options) {
  return implicit_root("custom_root", residual, false, solve, parameters, options);
}

Tensor custom_argmin(const Residual& objective, const RootSolver& solve, const Tensors& parameters,
                     const ImplicitOptions& options) {
  const Residual gradient = [objective](const Tensor& x, const Tensors& in) {
    return on_tape(joined(in, x), [&](Tape& tape) {
      const Tensor moving = fresh(tape, x);
      return grad(recorded(tape, sum(objective(moving, in))), moving);
    });
  };
  return implicit_root("custom_argmin", gradient, true, solve, parameters, options);
}

Tensor linear_solve(const Residual& apply, const Tensors& parameters, const Tensor& b, const ImplicitOptions& options) {
  require_parameters("linear_solve", joined(parameters, b));
  if (b.rank() < 1 || b.rank() > 3)
    throw std::invalid_argument(str("[linear_solve] b must be [rows, d], [k, rows, d] or [n], got shape ", b.shape()));
  const Shape shape = b.rank() == 3 ? b.shape().part(1, 3) : b.shape();
  using Sweep = Tensor (*)(const Tensor&, const Tensor&, const Tensor&);
  const auto map = [=](Sweep sweep) {
    return [=](const Tensor& v, const Tensors& in) {
      return on_tape(joined(in, v), [&](Tape& tape) {
        const Tensor z = tape.watch(zeros(shape, v.dtype()));
        const Tensor y = recorded(tape, apply(z, in));
        require_shape("linear_solve", "the result of apply", y, shape);
        return sweep(y, z, v);
      });
    };
  };
  return solve_system({shape, map(static_cast<Sweep>(jvp)), map(static_cast<Sweep>(vjp))}, parameters, b, options);
}

}  // namespace brenier

// Masks are numbers, 1 or 0, made by comparisons only, which give 0 for NaN.
#include "solvers/conjugate_gradient_step.h"

#include <cmath>
#include <limits>

#include "engine/tape.h"

namespace brenier {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double epsilon(DType dtype) {
  return dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

Tensor row_dot(const Tensor& a, const Tensor& b) { return sum(a * b, {-1}, true); }

Tensor row_norm(const Tensor& r, ResidualNorm norm) {
  return norm == ResidualNorm::Two ? sqrt(row_dot(r, r)) : max(abs(r), {-1}, true);
}

Tensor is_phase(const Tensor& phase, RowPhase which) { return equal(phase, static_cast<double>(which)); }
Tensor as_phase(const Tensor& mask, RowPhase which) { return mask * static_cast<double>(which); }
Tensor unless(const Tensor& mask) { return 1.0 - mask; }

// How many iterations are run as they are before a program is made of them. It costs as much as 40 to 100 iterations of a
// CPU and some 10 of a GPU, where launching is what takes time; for more than a few thousand numbers a CPU gains nothing.
std::int64_t eager_calls(const Tensor& x) {
  if (!x.backend().host_readable()) return 8;
  return x.size() <= 4096 ? 64 : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

std::vector<Tensor*> CgState::parts() {
  return {&x, &r, &p, &operand, &b, &target, &rho, &norm, &phase, &steps, &confirming, &confirmed, &moved, &continued};
}

CgState cg_start(const Tensor& b, const Tensor& scale, const ConjugateGradientOptions& options) {
  CgState s;
  s.r = s.b = b / scale;
  const bool warm = options.start.defined();
  const Tensor size = row_norm(s.b, options.norm), none = zeros_like(size);
  s.target = maximum(size * options.relative_tolerance, options.absolute_tolerance / scale);
  const Tensor wanted = warm ? less(0.0, size) : none;  // zeros are solved by zeros
  s.x = warm ? where(wanted, options.start.detached() / scale, 0.0) : zeros_like(b);
  s.p = zeros_like(b);
  s.norm = size;
  s.rho = s.steps = s.moved = s.continued = none;
  s.confirmed = full(size.shape(), kInfinity, b.dtype());
  const Tensor finite = is_finite(size) * is_finite(row_norm(s.x, ResidualNorm::Infinity));
  const Tensor reached = finite * unless(wanted) * less_equal(size, s.target);
  s.phase = as_phase(unless(finite), RowPhase::NotFinite) + as_phase(reached, RowPhase::Converged);
  if (options.max_iterations == 0)
    s.phase = s.phase + as_phase(finite * unless(wanted) * unless(reached), RowPhase::IterationLimit);
  s.x = where(finite, s.x, 0.0);
  s.confirming = finite * wanted;
  return s;
}

namespace {

// What the rows did in an iteration.
struct Activity {
  Tensor active, stepping, confirming;  // before the product
  Tensor positive, finite;              // pᵀAp, and everything computed
};

// What becomes of the rows, after s.moved, s.steps and s.norm have been brought up to date.
void judge(CgState& s, const Activity& row, const ConjugateGradientOptions& options) {
  const auto limit = static_cast<double>(*options.max_iterations);
  const Tensor confirmed = row.confirming * row.finite, taken = s.moved + confirmed;
  const Tensor reached = less_equal(s.norm, s.target), lagging = confirmed * unless(reached);
  const Tensor stagnated = lagging * greater(s.norm, 0.5 * s.confirmed);
  const Tensor over = (taken * unless(reached) - stagnated) * less_equal(limit, s.steps);
  const Tensor done = options.confirm ? confirmed * reached : taken * reached;
  s.phase = s.phase + as_phase(done, RowPhase::Converged) + as_phase(over, RowPhase::IterationLimit) +
            as_phase(row.stepping * row.finite * unless(row.positive), RowPhase::Indefinite) +
            as_phase(stagnated, RowPhase::Stagnated) + as_phase(row.active * unless(row.finite), RowPhase::NotFinite);
  s.confirmed = where(lagging, s.norm, s.confirmed);
  s.confirming = options.confirm ? s.moved * reached : zeros_like(s.moved);
  // Near the target the correction is small and p is still conjugate to what went before; else p starts afresh.
  s.continued = lagging * less(0.0, s.steps) * less_equal(s.norm, 2.0 * s.target);
}

}  // namespace

void update_iterate(CgState& s, const Tensor& q, const ConjugateGradientOptions& options) {
  const double threshold = std::sqrt(static_cast<double>(q.dim(-1))) * epsilon(q.dtype());
  const Tensor active = is_phase(s.phase, RowPhase::Active);
  const Tensor confirming = active * s.confirming, stepping = active - confirming;
  const Tensor curvature = row_dot(s.operand, q);
  const Tensor size = sqrt(row_dot(s.operand, s.operand)) * sqrt(row_dot(q, q));
  const Tensor positive = greater(curvature, size * threshold);
  const Tensor alpha = where(stepping * positive, s.rho / curvature, 0.0);
  const Tensor residual = where(confirming, s.b - q, s.r - alpha * q);
  const Tensor norm = row_norm(residual, options.norm), finite = is_finite(norm) * is_finite(size);

  s.moved = stepping * positive * finite;
  const Tensor taken = s.moved + confirming * finite;
  s.x = where(s.moved, s.x + alpha * s.operand, s.x);
  s.r = where(taken, residual, s.r);
  s.norm = where(taken, norm, s.norm);
  s.steps = s.steps + s.moved;
  judge(s, {active, stepping, confirming, positive, finite}, options);
}

void update_direction(CgState& s, const Tensor& z) {
  const Tensor rho = row_dot(s.r, z);
  // A residual of exactly zero is a reason to confirm, not a fault of M.
  const Tensor stepping = is_phase(s.phase, RowPhase::Active) * unless(s.confirming);
  const Tensor positive = less(0.0, rho), finite = is_finite(rho);
  s.phase = s.phase + as_phase(stepping * finite * unless(positive), RowPhase::BadPreconditioner) +
            as_phase(stepping * unless(finite), RowPhase::NotFinite);
  const Tensor beta = where(s.moved, rho / s.rho, 0.0);
  const Tensor direction = where(s.continued, s.p, z + beta * s.p);
  s.p = where(is_phase(s.phase, RowPhase::Active), direction, 0.0);
  s.operand = where(s.confirming, s.x, s.p);
  s.rho = rho;
}

Program CgStepper::record(const std::vector<Tensor>& inputs, const Update& update) {
  Tape tape({.recording_program = true});
  CgState recorded;
  const std::vector<Tensor*> parts = recorded.parts();
  std::vector<Tensor> watched, outputs;
  for (const Tensor& input : inputs) watched.push_back(tape.watch(input));
  for (std::size_t i = 0; i < parts.size(); ++i) *parts[i] = watched[i + 1];
  update(recorded, watched[0]);
  for (Tensor* part : parts) outputs.push_back(part->recorded() ? *part : tape.constant(*part));
  return compile(watched, outputs);
}

void CgStepper::run(Replay& replay, CgState& state, const Tensor& operand, const Update& update) {
  if (replay.calls++ < eager_calls(operand)) return update(state, operand);
  std::vector<Tensor> inputs{operand};
  for (Tensor* part : state.parts()) inputs.push_back(*part);
  if (replay.calls == eager_calls(operand) + 1) replay.program = record(inputs, update);
  const std::vector<Tensor> results = replay.program(inputs);
  for (std::size_t i = 0; i < results.size(); ++i) *state.parts()[i] = results[i];
}

void CgStepper::operator()(CgState& state, const Tensor& q, const std::optional<LinearOperator>& preconditioner) {
  if (q.shape() != shape_) {
    shape_ = q.shape();
    iterate_ = direction_ = {};
  }
  const Update iterate = [this](CgState& s, const Tensor& product) { update_iterate(s, product, options_); };
  if (!preconditioner) {
    return run(iterate_, state, q, [&](CgState& s, const Tensor& product) {
      iterate(s, product);
      update_direction(s, s.r);
    });
  }
  run(iterate_, state, q, iterate);
  run(direction_, state, (*preconditioner)(state.r).detached(), update_direction);
}

}  // namespace brenier

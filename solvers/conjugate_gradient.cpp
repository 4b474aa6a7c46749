// The loop around the iteration: which rows are present, when they are looked at, and the report.
//
// Rows leave in batches. When too many of the present ones are finished, these are set aside as a Departure, and state,
// operator and preconditioner are restricted to the others; at the end all departures are put together in the original
// order. Rows whose numbers would underflow or overflow when squared are divided by their largest entry on the way in.
#include "solvers/conjugate_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/conjugate_gradient_step.h"

namespace brenier {
namespace {

using Indices = std::vector<std::int64_t>;

Tensor as_tensor(const Indices& indices) { return index_tensor(indices, {static_cast<std::int64_t>(indices.size())}); }

void require(bool valid, const std::string& message) {
  if (!valid) throw std::invalid_argument("[conjugate_gradient] " + message);
}

void check(const Tensor& b, const ConjugateGradientOptions& o) {
  require(b.defined() && b.is_floating() && (b.rank() == 2 || b.rank() == 3),
          str("b must be [rows, d] or [k, rows, d], got ", b.defined() ? str(b.dtype(), " ", b.shape()) : "nothing"));
  require(!o.start.defined() || (o.start.shape() == b.shape() && o.start.dtype() == b.dtype()),
          str("the start must be like b, ", b.dtype(), " ", b.shape()));
  require(o.absolute_tolerance >= 0 && o.relative_tolerance >= 0,
          str("tolerances must not be negative, got ", o.absolute_tolerance, " and ", o.relative_tolerance));
  require(!o.max_iterations || *o.max_iterations >= 0,
          str("max_iterations must not be negative, got ", o.max_iterations.value_or(0)));
  require(o.check_every >= 0, str("check_every must not be negative, got ", o.check_every));
}

// 1 for ordinary rows; the largest entry of rows whose squares would leave the range of the dtype.
Tensor row_scale(const Tensor& b) {
  const bool single = b.dtype() == DType::Float32;
  const double low = single ? 1e-12 : 1e-120, high = single ? 1e12 : 1e120;
  const Tensor largest = max(abs(b), {-1}, true);
  const Tensor extreme = is_finite(largest) * (less(0.0, largest) * less(largest, low) + less(high, largest));
  return where(extreme, largest, 1.0);
}

// Finished rows that were set aside: what the report and the solution need of them.
struct Departure {
  Tensor x, numbers;  // [..., m, d], and [..., m, 4]: phase, steps, norm, target
};

class Solve {
 public:
  Solve(const LinearOperator& a, const Tensor& b, const ConjugateGradientOptions& options)
      : options_(options), a_(a), preconditioner_(options.preconditioner), step_(options_), scale_(row_scale(b)) {
    state_ = cg_start(b, scale_, options_);
    update_direction(state_, preconditioner_ ? (*preconditioner_)(state_.r).detached() : state_.r);
    present_.resize(static_cast<std::size_t>(b.dim(-2)));
    std::iota(present_.begin(), present_.end(), std::int64_t{0});
  }

  void run() {
    for (std::int64_t round = 0;; ++round) {
      if (round % options_.check_every == 0 && !keep_unfinished()) break;
      const Tensor q = a_(state_.operand).detached();
      if (q.shape() != state_.operand.shape())
        throw std::invalid_argument(
            str("[conjugate_gradient] the operator returned ", q.shape(), " for ", state_.operand.shape()));
      evaluations_ += q.size() / q.dim(-1);
      step_(state_, q, preconditioner_);
    }
    depart(positions([](bool) { return true; }));
  }

  std::int64_t evaluations() const { return evaluations_; }
  // x [..., rows, d] and the numbers [..., rows, 4] of all rows, in the original order.
  Departure result() const {
    Indices place(departed_.size());
    for (std::size_t i = 0; i < departed_.size(); ++i)
      place[static_cast<std::size_t>(departed_[i])] = static_cast<std::int64_t>(i);
    std::vector<Tensor> x, numbers;
    for (const Departure& departure : departures_) {
      x.push_back(departure.x);
      numbers.push_back(departure.numbers);
    }
    const Tensor order = as_tensor(place), table = gather(concat(numbers, -2), order, -2);
    const Tensor sizes = slice(table, -1, 2, 4) * scale_;
    return {gather(concat(x, -2), order, -2) * scale_, concat({slice(table, -1, 0, 2), sizes}, -1)};
  }

 private:
  // Reads which rows are unfinished; restricts everything to them if they are few. False if there are none.
  bool keep_unfinished() {
    const std::vector<double> phases = state_.phase.to_vector<double>();
    active_.assign(present_.size(), false);
    for (std::size_t i = 0; i < phases.size(); ++i)
      if (phases[i] == static_cast<double>(RowPhase::Active)) active_[i % active_.size()] = true;
    const auto unfinished = std::count(active_.begin(), active_.end(), true);
    if (unfinished == 0) return false;
    const bool restrictable = a_.can_be_restricted() && (!preconditioner_ || preconditioner_->can_be_restricted());
    const double share = static_cast<double>(unfinished) / static_cast<double>(active_.size());
    if (restrictable && share < options_.compact_below) restrict();
    return true;
  }

  template <class Predicate>
  Indices positions(Predicate wanted) const {
    Indices result;
    for (std::size_t i = 0; i < active_.size(); ++i)
      if (wanted(active_[i])) result.push_back(static_cast<std::int64_t>(i));
    return result;
  }

  void restrict() {
    depart(positions([](bool active) { return !active; }));
    const Indices kept = positions([](bool active) { return active; });
    const Tensor rows = as_tensor(kept);
    for (Tensor* part : state_.parts()) *part = gather(*part, rows, -2);
    a_ = a_.restricted(rows);
    if (preconditioner_) preconditioner_ = preconditioner_->restricted(rows);
    Indices remaining;
    for (std::int64_t i : kept) remaining.push_back(present_[static_cast<std::size_t>(i)]);
    present_ = std::move(remaining);
  }

  void depart(const Indices& leaving) {
    const Tensor rows = as_tensor(leaving);
    const Tensor numbers = concat({state_.phase, state_.steps, state_.norm, state_.target}, -1);
    departures_.push_back({gather(state_.x, rows, -2), gather(numbers, rows, -2)});
    for (std::int64_t i : leaving) departed_.push_back(present_[static_cast<std::size_t>(i)]);
  }

  ConjugateGradientOptions options_;
  LinearOperator a_;
  std::optional<LinearOperator> preconditioner_;
  CgState state_;
  CgStepper step_;
  Tensor scale_;              // of all rows, [..., rows, 1]
  Indices present_;           // which original row each row of the state is
  std::vector<bool> active_;  // of those, when they were last looked at
  std::vector<Departure> departures_;
  Indices departed_;  // the original rows of all departures, one after the other
  std::int64_t evaluations_ = 0;
};

SolveStatus status_of(RowPhase phase) {
  switch (phase) {
    case RowPhase::Converged:
      return SolveStatus::Converged;
    case RowPhase::Indefinite:
    case RowPhase::BadPreconditioner:
      return SolveStatus::IndefiniteOperator;
    case RowPhase::Stagnated:
      return SolveStatus::Stagnated;
    case RowPhase::NotFinite:
      return SolveStatus::NotFinite;
    default:
      return SolveStatus::IterationLimit;
  }
}

// The outcome of one row in words, from its phase, steps, norm and target.
std::string sentence(const double* row) {
  const std::string numbers = str(row[1], " iterations, |r| = ", row[2]);
  const std::string missed = str(numbers, " > ", row[3]);
  switch (static_cast<RowPhase>(row[0])) {
    case RowPhase::Converged:
      return str("converged after ", numbers, " <= ", row[3]);
    case RowPhase::Indefinite:
      return str("met a direction with p'Ap <= 0 after ", missed, "; a shift of A would help");
    case RowPhase::BadPreconditioner:
      return str("met a residual with r'Mr <= 0 after ", missed, "; see preconditioner");
    case RowPhase::Stagnated:
      return str("cannot reduce b - Az any more after ", missed,
                 "; rounding hides the rest, see absolute_tolerance and relative_tolerance");
    case RowPhase::NotFinite:
      return str("got NaN or infinity after ", numbers, "; see b, start, the operator and preconditioner");
    default:
      return str("stopped after ", missed, "; see max_iterations");
  }
}

// The worst row by phase, and among these by ‖r‖ / target.
bool worse(const double* row, const double* other) {
  if (row[0] != other[0]) return row[0] > other[0];
  return row[2] * other[3] > other[2] * row[3];
}

SolveReport report_of(const Tensor& table, std::int64_t evaluations) {
  const std::vector<double> numbers = table.to_vector<double>();
  SolveReport report;
  report.status = SolveStatus::Converged;
  report.row_evaluations = evaluations;
  const double* worst = numbers.data();
  std::int64_t converged = 0;
  for (std::size_t i = 0; i < numbers.size(); i += 4) {
    const double* row = numbers.data() + i;
    report.rows.push_back({status_of(static_cast<RowPhase>(row[0])), static_cast<std::int64_t>(row[1]), row[2]});
    report.iterations = std::max(report.iterations, report.rows.back().iterations);
    if (!(row[2] <= report.residual_norm) && !std::isnan(report.residual_norm)) report.residual_norm = row[2];
    converged += report.rows.back().status == SolveStatus::Converged ? 1 : 0;
    if (worse(row, worst)) worst = row;
  }
  if (report.rows.empty()) return report.message = "cg: there are no rows", report;
  report.status = status_of(static_cast<RowPhase>(worst[0]));
  const auto rows = static_cast<std::int64_t>(report.rows.size());
  const std::string subject =
      rows == 1 ? "" : str(converged, " of ", rows, " rows converged; row ", (worst - numbers.data()) / 4, " ");
  report.message = str("cg: ", subject, sentence(worst));
  return report;
}

}  // namespace

LinearSolution conjugate_gradient(const LinearOperator& a, const Tensor& b, const ConjugateGradientOptions& options) {
  check(b, options);
  ConjugateGradientOptions chosen = options;
  chosen.max_iterations = options.max_iterations.value_or(10 * b.dim(-1));
  if (options.check_every == 0) chosen.check_every = b.backend().host_readable() ? 1 : 8;
  if (b.size() == 0) return {b.detached(), report_of(zeros({0, 4}, b.dtype()), 0)};
  Solve solve(a, b.detached(), chosen);
  solve.run();
  const Departure result = solve.result();
  return {result.x, report_of(result.numbers, solve.evaluations())};
}

}  // namespace brenier

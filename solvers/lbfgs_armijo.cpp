// The programs, and the loop around them: rows that have ended are left out once they are half of all.
#include "solvers/lbfgs_armijo.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/descent.h"
#include "solvers/lbfgs_armijo_step.h"

namespace brenier {
namespace {

using Status = ArmijoStatus;

// All but the pairs.
std::vector<Tensor*> parts_of(ArmijoState& state) {
  return {&state.x,         &state.gradient,     &state.value, &state.status, &state.iterations,
          &state.shrinkage, &state.met_a_finite, &state.scale, &state.weights};
}

ArmijoState rows_of(ArmijoState state, const Tensor& rows) {
  for (Tensor* part : parts_of(state)) *part = gather(*part, rows, part == &state.weights ? 1 : 0);
  for (Tensor& part : state.s) part = gather(part, rows, 0);
  for (Tensor& part : state.y) part = gather(part, rows, 0);
  return state;
}

// advanced() for one number of rows. The program returns the newest pair alone; the others only change places.
class Iteration {
 public:
  Iteration(const BatchObjective& objective, const ArmijoState& example, const std::vector<Tensor>& data,
            const LbfgsArmijoOptions& options) {
    Tape tape({.recording_program = true});
    const auto watch = [&](const Tensor& part) { return tape.watch(part); };
    ArmijoState state = example;
    for (Tensor* part : parts_of(state)) *part = watch(*part);
    std::transform(state.s.begin(), state.s.end(), state.s.begin(), watch);
    std::transform(state.y.begin(), state.y.end(), state.y.begin(), watch);
    std::vector<Tensor> own_data(data.size());
    std::transform(data.begin(), data.end(), own_data.begin(), watch);
    ArmijoState next = advanced(state, objective.potential(), own_data, options);
    std::vector<Tensor> outputs;
    for (const Tensor* part : parts_of(next)) outputs.push_back(*part);
    outputs.push_back(next.s.back());
    outputs.push_back(next.y.back());
    program_ = compile(inputs_of(state, own_data), outputs);
  }

  void operator()(ArmijoState& state, const std::vector<Tensor>& data) const {
    const std::vector<Tensor> results = program_(inputs_of(state, data));
    std::size_t next = 0;
    for (Tensor* part : parts_of(state)) *part = results[next++];
    for (std::vector<Tensor>* list : {&state.s, &state.y}) {
      list->erase(list->begin());
      list->push_back(results[next++]);
    }
  }

 private:
  static std::vector<Tensor> inputs_of(ArmijoState state, const std::vector<Tensor>& data) {
    std::vector<Tensor> inputs;
    for (const Tensor* part : parts_of(state)) inputs.push_back(*part);
    inputs.insert(inputs.end(), state.s.begin(), state.s.end());
    inputs.insert(inputs.end(), state.y.begin(), state.y.end());
    inputs.insert(inputs.end(), data.begin(), data.end());
    return inputs;
  }
  Program program_;
};

ArmijoState at_start(const BatchObjective& objective, const Tensor& start, const Tensor& rows,
                     const LbfgsArmijoOptions& options) {
  const auto [value, gradient] = objective(start, rows);
  const DType dtype = start.dtype();
  const Tensor none = zeros({start.dim(0)}, dtype), finite = is_finite(value) * min(is_finite(gradient), {-1});
  const Tensor small = less_equal(max(abs(gradient), {-1}), options.gradient_tolerance);
  const std::vector<Tensor> no_pairs(static_cast<std::size_t>(options.memory), zeros(start.shape(), dtype));
  return {.x = start,
          .gradient = gradient,
          .value = value,
          .status = where(finite, Status::kConverged * small, Status::kNotFinite),
          .iterations = none,
          .shrinkage = ones({start.dim(0)}, dtype),
          .met_a_finite = none,
          .scale = none,
          .weights = zeros({options.memory, start.dim(0)}, dtype),
          .s = no_pairs,
          .y = no_pairs};
}

SolveStatus status_of(double status) {
  if (status == Status::kConverged) return SolveStatus::Converged;
  if (status == Status::kFailed) return SolveStatus::LineSearchFailed;
  return status == Status::kNotFinite ? SolveStatus::NotFinite : SolveStatus::IterationLimit;
}

// The rows that are still computed, under their indices in the batch, and those that have left.
class Rows {
 public:
  Rows(ArmijoState state, std::vector<Tensor> data, const Tensor& all)
      : state(std::move(state)), data(std::move(data)), ids_(all.to_vector<std::int64_t>()) {}

  ArmijoState state;
  std::vector<Tensor> data;

  std::int64_t count() const { return static_cast<std::int64_t>(ids_.size()); }

  // Lets rows go if half of them have ended; whether any did.
  bool leave_out_ended() {
    const std::vector<double> status = state.status.to_vector<double>();
    std::vector<std::int64_t> ended, active;
    for (std::int64_t i = 0; i < count(); ++i)
      (status[static_cast<std::size_t>(i)] == Status::kActive ? active : ended).push_back(i);
    if (ended.empty() || 2 * static_cast<std::int64_t>(ended.size()) < count()) return false;
    let_go(ended);
    std::vector<std::int64_t> ids;
    for (std::int64_t i : active) ids.push_back(ids_[static_cast<std::size_t>(i)]);
    const Tensor rows = index_tensor(active, {static_cast<std::int64_t>(active.size())});
    if (!active.empty()) {
      state = rows_of(state, rows);
      data = gather_rows(data, rows);
    }
    ids_ = std::move(ids);
    return true;
  }

  Minimum<Tensor> finish(const Tensor& start, const DescentOptions& options, std::int64_t evaluations) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < count(); ++i) all.push_back(i);
    if (!all.empty()) let_go(all);
    std::vector<std::int64_t> place(gone_.size());  // of each row in the order in which they went
    for (std::size_t i = 0; i < gone_.size(); ++i)
      place[static_cast<std::size_t>(gone_[i].index)] = static_cast<std::int64_t>(i);
    std::sort(gone_.begin(), gone_.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    SolveReport report = descent_report(gone_, options);
    report.row_evaluations = evaluations;
    if (place.empty()) return {start, std::move(report)};
    return {gather(concat(solutions_, 0), index_tensor(place, {static_cast<std::int64_t>(place.size())}), 0),
            std::move(report)};
  }

 private:
  void let_go(const std::vector<std::int64_t>& rows) {
    const ArmijoState state_of = rows_of(state, index_tensor(rows, {static_cast<std::int64_t>(rows.size())}));
    const std::vector<double> value = state_of.value.to_vector<double>(), status = state_of.status.to_vector<double>(),
                              iterations = state_of.iterations.to_vector<double>(),
                              norm = max(abs(state_of.gradient), {-1}).to_vector<double>();
    solutions_.push_back(state_of.x);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      DescentRow& row = gone_.emplace_back();
      row.index = ids_[static_cast<std::size_t>(rows[i])];
      row.value = value[i];
      row.gradient = {norm[i]};  // all that the report asks for
      row.iterations = static_cast<std::int64_t>(iterations[i]);
      row.status = status_of(status[i]);
    }
  }

  std::vector<std::int64_t> ids_;
  std::vector<Tensor> solutions_;
  std::vector<DescentRow> gone_;
};

void check(const BatchObjective& objective, const Tensor& start, const LbfgsArmijoOptions& options) {
  const auto require = [](bool fits, const std::string& message) {
    if (!fits) throw std::invalid_argument("[lbfgs_armijo] " + message);
  };
  require(static_cast<bool>(objective.potential()),
          "the objective is made by hand; it should be made from a potential");
  require(start.rank() == 2 && start.is_floating(), str("the start is ", start.shape(), " of ", start.dtype(),
                                                        "; it should be [rows, n] of floating-point numbers"));
  require(options.memory >= 1 && options.trials >= 1 && options.base > 1 && options.iterations_between_looks >= 1,
          str("memory ", options.memory, ", trials ", options.trials, ", iterations_between_looks ",
              options.iterations_between_looks, " should be at least 1, and base ", options.base, " above 1"));
}

}  // namespace

Minimum<Tensor> lbfgs_armijo(const BatchObjective& objective, const Tensor& start, const LbfgsArmijoOptions& options) {
  check(objective, start, options);
  const DescentOptions shared{.solver = "lbfgs_armijo",
                              .max_iterations = options.max_iterations,
                              .gradient_tolerance = options.gradient_tolerance};
  std::vector<std::int64_t> indices(static_cast<std::size_t>(start.dim(0)));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int64_t>(i);
  const Tensor all = index_tensor(indices, {start.dim(0)});
  if (start.dim(0) == 0) return Rows({}, {}, all).finish(start, shared, 0);
  Rows rows(at_start(objective, start, all, options), objective.data(), all);
  std::int64_t evaluations = start.dim(0);
  std::optional<Iteration> iteration;
  for (std::int64_t done = 0; done < options.max_iterations; ++done) {
    if (done % options.iterations_between_looks == 0 && rows.leave_out_ended()) iteration.reset();
    if (rows.count() == 0) break;
    if (!iteration) iteration.emplace(objective, rows.state, rows.data, options);
    (*iteration)(rows.state, rows.data);
    evaluations += rows.count() * (options.trials + 1);
  }
  return rows.finish(start, shared, evaluations);
}

}  // namespace brenier

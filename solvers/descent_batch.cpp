// Between tensors and rows: the start, what is evaluated, the solution.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "engine/backend.h"
#include "engine/str.h"
#include "solvers/descent.h"

namespace brenier {
namespace {

using Vector = std::vector<double>;

void check(const Tensor& start, const DescentOptions& options) {
  if (start.rank() != 2 || !start.is_floating())
    throw std::invalid_argument(str("[", options.solver, "] the start is ", start.shape(), " of ", start.dtype(),
                                    "; it should be [rows, n] of floating-point numbers"));
  const double least = std::min({options.gradient_tolerance, options.relative_gradient_tolerance,
                                 options.value_tolerance, options.value_rounding, options.line_search.noise});
  if (!(least >= 0))
    throw std::invalid_argument(
        str("[", options.solver, "] a tolerance, value_rounding or noise is ", least, "; they should be at least 0"));
  const auto& [c1, c2] = std::pair{options.line_search.c1, options.line_search.c2};
  if (!(0 < c1 && c1 < c2 && c2 < 1))
    throw std::invalid_argument(
        str("[", options.solver, "] line_search: 0 < c1 < c2 < 1 is needed, c1 is ", c1, " and c2 is ", c2));
}

template <class T>
void copy_trials(std::span<DescentRow* const> rows, Tensor& to) {
  const std::size_t n = rows[0]->x.size();
  for_each_row(rows.size(), n, [&, begin = to.mutable_data<T>()](std::size_t i) {
    std::transform(rows[i]->trial.x.begin(), rows[i]->trial.x.end(), begin + i * n,
                   [](double component) { return static_cast<T>(component); });
  });
}

// The trials of some rows as one tensor.
Tensor gathered(std::span<DescentRow* const> rows, DType dtype) {
  const Shape shape{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0]->x.size())};
  Tensor result = Tensor::uninitialized(shape, dtype, cpu_backend());
  dtype == DType::Float32 ? copy_trials<float>(rows, result) : copy_trials<double>(rows, result);
  return result.to(default_backend());
}

Tensor indices_of(std::span<DescentRow* const> rows) {
  std::vector<std::int64_t> indices;
  for (const DescentRow* row : rows) indices.push_back(row->index);
  return index_tensor(indices, {static_cast<std::int64_t>(rows.size())});
}

template <class T>
void copy_gradients(const Tensor& gradient, std::span<DescentRow* const> rows) {
  const std::size_t n = rows[0]->x.size();
  for_each_row(rows.size(), n, [&, begin = gradient.data<T>()](std::size_t i) {
    rows[i]->trial.gradient.assign(begin + i * n, begin + (i + 1) * n);
  });
}

void evaluate_trials(const BatchObjective& objective, std::span<DescentRow* const> rows, DType dtype) {
  const auto [value, gradient] = objective(gathered(rows, dtype), indices_of(rows));
  const Vector values = value.to_vector<double>();
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i]->trial.value = values[i];
  const Tensor here = reshape(gradient, {gradient.size()}).to(cpu_backend());  // row-major
  if (here.dtype() != dtype)
    throw std::invalid_argument(str("[BatchObjective] a gradient of ", here.dtype(), " at x of ", dtype));
  dtype == DType::Float32 ? copy_gradients<float>(here, rows) : copy_gradients<double>(here, rows);
}

std::vector<DescentRow> rows_of(const Tensor& start) {
  const Vector flat = start.to_vector<double>();
  std::vector<DescentRow> rows(static_cast<std::size_t>(start.dim(0)));
  const auto n = static_cast<std::ptrdiff_t>(start.dim(1));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto begin = flat.begin() + static_cast<std::ptrdiff_t>(i) * n;
    rows[i].index = static_cast<std::int64_t>(i);
    rows[i].x.assign(begin, begin + n);
    rows[i].trial.x = rows[i].x;
  }
  return rows;
}

void evaluate_starts(std::vector<DescentRow>& rows, const EvaluateTrials& evaluate) {
  std::vector<DescentRow*> all;
  for (DescentRow& row : rows) all.push_back(&row);
  if (!all.empty()) evaluate(all);
  for (DescentRow& row : rows) {
    row.value = row.trial.value;
    row.gradient = std::move(row.trial.gradient);
    row.evaluations = 1;
  }
}

Tensor solution_of(const std::vector<DescentRow>& rows, const Tensor& start) {
  Vector flat;
  flat.reserve(static_cast<std::size_t>(start.size()));
  for (const DescentRow& row : rows) flat.insert(flat.end(), row.x.begin(), row.x.end());
  return tensor(flat, start.shape(), start.dtype());
}

}  // namespace

Minimum<Tensor> descend(const BatchObjective& objective, const Tensor& start, DirectionRule& rule,
                        DescentOptions options) {
  check(start, options);
  options.dtype = start.dtype();
  const EvaluateTrials evaluate = [&](std::span<DescentRow* const> trials) {
    evaluate_trials(objective, trials, options.dtype);
  };
  std::vector<DescentRow> rows = rows_of(start);
  evaluate_starts(rows, evaluate);
  descend(rows, rule, evaluate, options);
  return {solution_of(rows, start), descent_report(rows, options)};
}

}  // namespace brenier

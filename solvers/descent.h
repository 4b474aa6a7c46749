// What descent methods share: rows that each go along a direction by a line search of their own, all evaluated together.
//
//   x₊ = x + t d,    t by the strong Wolfe search,    d by a rule: -g, -H g of L-BFGS, or a Newton direction
//
// A row is independent of all others: at every moment it either waits for a direction, or for φ at one trial step. All
// trials that are asked for are evaluated in one call, whatever stage their searches are in, so no row waits for
// another and none is evaluated in vain. The arithmetic of a row is plain loops over its own vectors in double: for a
// problem of 15 unknowns an iteration costs a microsecond, where tensor operations would cost twenty, and rows give the
// same bits alone and in a batch. For large batches the rows are shared out among threads.
//
// x is rounded to the dtype of the problem before it is evaluated, so values and gradients belong to it exactly.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "solvers/batch_objective.h"
#include "solvers/line_search.h"
#include "solvers/solve_report.h"

namespace brenier {

// The options that all methods have; see solvers/lbfgs.h for their meaning.
struct DescentOptions {
  std::string solver;  // led by which reports and errors speak
  std::int64_t max_iterations = 100;
  double gradient_tolerance = 1e-8;
  double relative_gradient_tolerance = 0;
  double value_tolerance = 0;
  double value_rounding = 64;
  LineSearchOptions line_search{};
  DType dtype = DType::Float64;
};

// One problem on its way.
struct DescentRow {
  std::int64_t index = 0;  // in the batch
  std::vector<double> x{};
  double value = 0;
  std::vector<double> gradient{};
  std::int64_t iterations = 0;          // of this call
  std::int64_t evaluations = 0;         // of the objective
  std::optional<SolveStatus> status{};  // once finished

  std::vector<double> direction{};
  double first_step = 1;  // along it
  std::optional<StrongWolfeSearch> search{};
  LinePoint trial{};  // x to be evaluated; value and gradient to be filled in

  double start_norm = 0;     // max |g| where this call began
  double smallest_norm = 0;  // since then
  double last_decrease = 0;  // of the value, by the newest step
  double noise = 0;          // of the value, as the search takes it
  int steps_in_noise = 0;    // in a row, that lowered neither the value by more nor the smallest norm
};

// Where directions come from.
class DirectionRule {
 public:
  virtual ~DirectionRule() = default;
  // Sets direction and first_step of every row given.
  virtual void find(std::span<DescentRow* const> rows) = 0;
  // Whether find() should be called for all unfinished rows at once: rows then wait for each other's searches.
  virtual bool together() const { return false; }
  // Called when row.x has moved by s and row.gradient has changed by y; for several rows at a time, in threads.
  virtual void moved(const DescentRow& row, std::vector<double> s, std::vector<double> y) = 0;
  // No step along the direction is good. Whether find() will now give another one. Likewise.
  virtual bool try_another(DescentRow& row) = 0;
};

using EvaluateTrials = std::function<void(std::span<DescentRow* const>)>;  // fills in every row's trial

// Until every row has a status. The rows come with their value and gradient at x.
void descend(std::span<DescentRow> rows, DirectionRule& rule, const EvaluateTrials& evaluate,
             const DescentOptions& options);

// All of it for the rows of a tensor [rows, n], float32 or float64. Throws std::invalid_argument for other starts and
// for options that make no sense.
Minimum<Tensor> descend(const BatchObjective& objective, const Tensor& start, DirectionRule& rule,
                        DescentOptions options);

SolveReport descent_report(const DescentRow& row, const DescentOptions& options);             // of one problem
SolveReport descent_report(std::span<const DescentRow> rows, const DescentOptions& options);  // of a batch

// body(i) for 0 … count - 1, in several threads if there are allowed and `numbers_each` is enough work for that.
void for_each_row(std::size_t count, std::size_t numbers_each, const std::function<void(std::size_t)>& body);

double inner_product(const std::vector<double>& a, const std::vector<double>& b);
double max_norm(const std::vector<double>& a);
void add_scaled(std::vector<double>& a, double t, const std::vector<double>& b);  // a ← a + t b

}  // namespace brenier

// Many functions to minimise at once, one per row: value and gradient for any choice of the rows.
//
//   BatchObjective f = [](const Tensor& x) { return sum(square(x), {-1}); };       // the same function for every row
//   BatchObjective g({targets}, [](const Tensor& x, const std::vector<Tensor>& data) {
//     return sum(square(x - data[0]), {-1});                                       // row i has its own targets[i]
//   });
//
// Solvers ask only for rows that are unfinished: the data are gathered by row, and the function is called with as many
// rows of x. Each row's value must depend on its own row of x alone. Derivatives come from recording the function.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "solvers/linear_operator.h"
#include "solvers/solve_report.h"

namespace brenier {

struct ValueAndGradient {
  Tensor value;     // [m]
  Tensor gradient;  // [m, n]
};

class ProgramsByRows;

class BatchObjective {
 public:
  using Potential = std::function<Tensor(const Tensor& x)>;  // [m, n] -> [m] or [m, 1]
  using PotentialOfData = std::function<Tensor(const Tensor& x, const std::vector<Tensor>& data)>;
  // x [m, n] and the int64 indices [m] of its rows in the batch; and the same for the Hessian at x.
  using Evaluate = std::function<ValueAndGradient(const Tensor& x, const Tensor& rows)>;
  using Hessian = std::function<LinearOperator(const Tensor& x, const Tensor& rows)>;

  template <class F>
  requires std::is_invocable_r_v<Tensor, F, const Tensor&> BatchObjective(
      F potential)  // NOLINT: a function is an objective
      : BatchObjective(std::vector<Tensor>{},
                       [potential](const Tensor& x, const std::vector<Tensor>&) { return potential(x); }) {}
  // Each of `data` is [rows, ...]; throws std::invalid_argument if their lengths differ.
  BatchObjective(std::vector<Tensor> data, PotentialOfData potential);
  // By hand. Without a Hessian newton_cg() refuses it.
  explicit BatchObjective(Evaluate evaluate, Hessian hessian = {})
      : evaluate_(std::move(evaluate)), hessian_(std::move(hessian)) {}

  // The same, evaluated by programs, recorded and compiled once for each of a few numbers of rows: other numbers are
  // filled up, by at most a quarter, by repeating the last row. Pays where it is evaluated some dozens of times. Copies
  // share the programs, so one must not be used by two threads at a time. Throws std::invalid_argument for an objective
  // made by hand.
  BatchObjective compiled() const;

  // The same function of other data, of any number of rows; shares programs too. Throws std::invalid_argument as above.
  BatchObjective with_data(std::vector<Tensor> data) const;

  // Throws std::invalid_argument if what comes back has not the right shapes.
  ValueAndGradient operator()(const Tensor& x, const Tensor& rows) const;
  LinearOperator hessian(const Tensor& x, const Tensor& rows) const;

  bool has_hessian() const { return hessian_ || potential_; }
  // Null for an objective made by hand.
  const PotentialOfData& potential() const { return potential_; }
  const std::vector<Tensor>& data() const { return data_; }

 private:
  std::vector<Tensor> data_{};
  PotentialOfData potential_{};
  std::shared_ptr<ProgramsByRows> programs_{};  // null: recorded for every call
  Evaluate evaluate_{};                         // of an objective made by hand, like hessian_
  Hessian hessian_{};
};

// Rows of each tensor.
std::vector<Tensor> gather_rows(const std::vector<Tensor>& data, const Tensor& rows);
// potential(x, data) as [m], and its gradient, recorded where x is.
ValueAndGradient value_and_gradient(const BatchObjective::PotentialOfData& potential, const Tensor& x,
                                    const std::vector<Tensor>& data);

// A solution with the report on it.
template <class Solution>
struct Minimum {
  Solution solution;
  SolveReport report;
};

}  // namespace brenier

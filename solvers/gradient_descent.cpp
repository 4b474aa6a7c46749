#include "solvers/gradient_descent.h"

#include <algorithm>
#include <cmath>

#include "solvers/descent.h"

namespace brenier {
namespace {

using Vector = std::vector<double>;

class SteepestRule : public DirectionRule {
 public:
  explicit SteepestRule(std::size_t rows) : hoped_(rows, 0) {}

  void find(std::span<DescentRow* const> rows) override {
    for_each_row(rows.size(), rows[0]->x.size(), [&](std::size_t i) {
      DescentRow& row = *rows[i];
      row.direction.resize(row.x.size());
      double one_norm = 0;
      for (std::size_t k = 0; k < row.x.size(); ++k) {
        row.direction[k] = -row.gradient[k];
        one_norm += std::abs(row.gradient[k]);
      }
      const double hoped = hoped_[static_cast<std::size_t>(row.index)];
      row.first_step = hoped > 0 ? hoped / inner_product(row.gradient, row.gradient) : std::min(1.0, 1 / one_norm);
    });
  }
  // t φ'(0) of the step just made: s = t d and d = -g there, so it is -sᵀg.
  void moved(const DescentRow& row, Vector s, Vector y) override {
    double change = 0;
    for (std::size_t k = 0; k < s.size(); ++k) change -= s[k] * (row.gradient[k] - y[k]);
    hoped_[static_cast<std::size_t>(row.index)] = change;
  }
  // The first trial may have been far off: once more with the cautious one.
  bool try_another(DescentRow& row) override {
    double& hoped = hoped_[static_cast<std::size_t>(row.index)];
    const bool was_bold = hoped > 0;
    hoped = 0;
    return was_bold;
  }

 private:
  std::vector<double> hoped_;  // of each row; 0: no step yet
};

}  // namespace

Minimum<Tensor> gradient_descent(const BatchObjective& objective, const Tensor& start,
                                 const GradientDescentOptions& options) {
  SteepestRule rule(start.rank() == 0 ? 0 : static_cast<std::size_t>(start.dim(0)));
  return descend(objective, start, rule,
                 {.solver = "gradient_descent",
                  .max_iterations = options.max_iterations,
                  .gradient_tolerance = options.gradient_tolerance,
                  .relative_gradient_tolerance = options.relative_gradient_tolerance,
                  .value_tolerance = options.value_tolerance,
                  .value_rounding = options.value_rounding,
                  .line_search = options.line_search});
}

}  // namespace brenier

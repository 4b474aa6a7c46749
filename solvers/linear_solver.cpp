// Leading axes: an operator keeps them first, a factorisation wants the matrix last.
#include "solvers/linear_solver.h"

#include <algorithm>
#include <cmath>

#include "engine/str.h"

namespace brenier {
namespace {

SolveReport report_of(const Tensor& residual_norms, std::int64_t products) {
  SolveReport report;
  report.row_evaluations = products;
  std::int64_t broken = 0, first = -1;
  for (double norm : residual_norms.to_vector<double>()) {
    const bool finite = std::isfinite(norm);
    if (!finite && broken++ == 0) first = static_cast<std::int64_t>(report.rows.size());
    report.rows.push_back({finite ? SolveStatus::Converged : SolveStatus::NotFinite, 1, norm});
    report.residual_norm = finite ? std::max(report.residual_norm, norm) : report.residual_norm;
  }
  report.iterations = 1;
  report.status = broken ? SolveStatus::NotFinite : SolveStatus::Converged;
  report.message = broken
                       ? str("dense: ", broken, " of ", report.rows.size(),
                             " rows are singular or not finite, the first is row ", first, "; see the operator and b")
                       : str("dense: solved, |b - Az| = ", report.residual_norm);
  if (broken) report.residual_norm = std::numeric_limits<double>::quiet_NaN();
  return report;
}

}  // namespace

LinearSolver dense_solver() {
  return [](const LinearOperator& a, const Tensor& b) -> LinearSolution {
    const std::int64_t rows = b.dim(-2), d = b.dim(-1);
    const Tensor units = broadcast_to(expand_axis(eye(d, b.dtype()), 1), {d, rows, d});
    const Tensor columns = a(units).detached();  // [column, row of the batch, row of the matrix]
    const Tensor z = permute(solve(permute(columns, {1, 2, 0}), permute(b, {1, 2, 0})), {2, 0, 1});
    const Tensor residual = b - permute(matmul(permute(columns, {1, 2, 0}), permute(z, {1, 2, 0})), {2, 0, 1});
    return {z, report_of(sqrt(sum(square(residual), {-1})), d * rows)};
  };
}

LinearSolver cg_solver(ConjugateGradientOptions options) {
  return [options](const LinearOperator& a, const Tensor& b) { return conjugate_gradient(a, b, options); };
}

}  // namespace brenier

// The inner solve is written out here, and not solvers/conjugate_gradient.h: each row has a tolerance of its own, and
// non-positive curvature is an answer, not a failure. Vectors of a row are host vectors in double, like all of
// solvers/descent.h; tensors only go into the product and come out of it.
#include "solvers/newton_cg.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/descent.h"

namespace brenier {
namespace {

using Vector = std::vector<double>;

constexpr double kForcingFactor = 0.9, kLargestForcing = 0.9;
const double kForcingPower = 0.5 * (1 + std::sqrt(5.0));

// One row's conjugate gradients for H z = -g from z = 0.
struct InnerSolve {
  DescentRow* row;
  double tolerance;
  Vector residual;     // H z + g
  Vector& z;           // row->direction
  Vector search{};     // d
  double squared = 0;  // ‖residual‖²
  std::int64_t products = 0;
  bool done = false;

  InnerSolve(DescentRow& of, double forcing) : row(&of), tolerance(0), residual(of.gradient), z(of.direction) {
    squared = inner_product(residual, residual);
    tolerance = forcing * std::sqrt(squared);
    z.assign(residual.size(), 0.0);
    search.resize(residual.size());
    for (std::size_t i = 0; i < search.size(); ++i) search[i] = -residual[i];
  }

  // Takes H d.
  void advance(const double* product) {
    ++products;
    const Vector hd(product, product + search.size());
    const double curvature = inner_product(search, hd);
    if (!(curvature > 0)) return give_up(-curvature);
    const double alpha = squared / curvature;
    add_scaled(z, alpha, search);
    add_scaled(residual, alpha, hd);
    const double next = inner_product(residual, residual);
    const double beta = next / squared;
    for (std::size_t i = 0; i < search.size(); ++i) search[i] = beta * search[i] - residual[i];
    squared = next;
    done = std::sqrt(squared) <= tolerance;
  }
  // What there is; where there is nothing, -g, as long as the step to a minimum if the curvature had the other sign.
  void give_up(double negative_curvature = 0) {
    done = true;
    if (products > 1) return;
    z = search;
    double one_norm = 0;
    for (double component : z) one_norm += std::abs(component);
    const double length = squared / negative_curvature;
    row->first_step = std::isfinite(length) ? length : std::min(1.0, 1 / one_norm);
  }
};

// The Hessian at some rows, which becomes smaller as inner solves end.
class ShrinkingOperator {
 public:
  ShrinkingOperator(LinearOperator a, std::vector<InnerSolve*> rows, DType dtype)
      : a_(std::move(a)), rows_(std::move(rows)), dtype_(dtype) {}

  // Advances all that are not done; false if there are none.
  bool advance() {
    drop_rows_that_are_done();
    if (rows_.empty()) return false;
    const std::size_t n = rows_[0]->search.size();
    Vector flat;
    flat.reserve(rows_.size() * n);
    for (const InnerSolve* row : rows_) flat.insert(flat.end(), row->search.begin(), row->search.end());
    const Shape shape{static_cast<std::int64_t>(rows_.size()), static_cast<std::int64_t>(n)};
    const Vector products = a_(tensor(flat, shape, dtype_)).to_vector<double>();
    for_each_row(rows_.size(), 8 * n, [&](std::size_t i) {
      if (!rows_[i]->done) rows_[i]->advance(products.data() + i * n);
    });
    return true;
  }

 private:
  // Restricting costs a recording, so not before half of the rows are done.
  void drop_rows_that_are_done() {
    std::vector<InnerSolve*> left;
    std::vector<std::int64_t> indices;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i]->done) continue;
      left.push_back(rows_[i]);
      indices.push_back(static_cast<std::int64_t>(i));
    }
    if (left.empty()) rows_.clear();
    if (left.empty() || 2 * left.size() > rows_.size() || !a_.can_be_restricted()) return;
    a_ = a_.restricted(index_tensor(indices, {static_cast<std::int64_t>(indices.size())}));
    rows_ = std::move(left);
  }

  LinearOperator a_;
  std::vector<InnerSolve*> rows_;
  DType dtype_;
};

class NewtonRule : public DirectionRule {
 public:
  NewtonRule(const BatchObjective& objective, const Tensor& start, const NewtonCgOptions& options)
      : objective_(objective),
        options_(options),
        dtype_(start.dtype()),
        memory_(static_cast<std::size_t>(start.dim(0))) {}

  bool together() const override { return true; }

  void find(std::span<DescentRow* const> rows) override {
    std::vector<InnerSolve> solves;
    solves.reserve(rows.size());
    std::vector<InnerSolve*> pointers;
    for (DescentRow* row : rows) {
      row->first_step = 1;
      pointers.push_back(&solves.emplace_back(*row, forcing(*row)));
      if (memory_[static_cast<std::size_t>(row->index)].steepest) solves.back().give_up();
    }
    const auto n = static_cast<std::int64_t>(rows[0]->x.size());
    const std::int64_t most = options_.max_products > 0 ? options_.max_products : 2 * n;
    ShrinkingOperator hessian(hessian_at(rows), pointers, dtype_);
    for (std::int64_t k = 0; k < most && hessian.advance(); ++k) continue;
    for (const InnerSolve& solve : solves) products += solve.products;
  }
  void moved(const DescentRow& row, Vector, Vector) override {
    memory_[static_cast<std::size_t>(row.index)].steepest = false;
  }
  // -g once, in case rounding has made the direction a bad one.
  bool try_another(DescentRow& row) override {
    Memory& memory = memory_[static_cast<std::size_t>(row.index)];
    memory.steepest = !memory.steepest;
    return memory.steepest;
  }

  std::int64_t products = 0;  // of all rows

 private:
  struct Memory {
    double norm = 0, forcing = 0;  // of the iterate before
    bool steepest = false;         // the next direction is -g
  };

  LinearOperator hessian_at(std::span<DescentRow* const> rows) const {
    Vector flat;
    std::vector<std::int64_t> indices;
    for (const DescentRow* row : rows) {
      flat.insert(flat.end(), row->x.begin(), row->x.end());
      indices.push_back(row->index);
    }
    const auto count = static_cast<std::int64_t>(rows.size());
    const Tensor x = tensor(flat, {count, static_cast<std::int64_t>(rows[0]->x.size())}, dtype_);
    return objective_.hessian(x, index_tensor(indices, {count}));
  }

  // η of this iterate; no smaller than what the gradient tolerance needs.
  double forcing(const DescentRow& row) {
    Memory& before = memory_[static_cast<std::size_t>(row.index)];
    const double norm = std::sqrt(inner_product(row.gradient, row.gradient));
    double eta = options_.first_forcing;
    if (before.norm > 0) {
      eta = kForcingFactor * std::pow(norm / before.norm, kForcingPower);
      const double slowest = kForcingFactor * std::pow(before.forcing, kForcingPower);
      if (slowest > 0.1) eta = std::max(eta, slowest);
    }
    eta = std::min(kLargestForcing, std::max(eta, 0.5 * options_.gradient_tolerance / norm));
    before.norm = norm;
    before.forcing = eta;
    return eta;
  }

  const BatchObjective& objective_;
  const NewtonCgOptions& options_;
  DType dtype_;
  std::vector<Memory> memory_;
};

}  // namespace

Minimum<Tensor> newton_cg(const BatchObjective& objective, const Tensor& start, const NewtonCgOptions& options) {
  if (!objective.has_hessian())
    throw std::invalid_argument("[newton_cg] the objective is made by hand and has no Hessian; give one, or use lbfgs");
  if (start.rank() != 2)
    throw std::invalid_argument(str("[newton_cg] the start is ", start.shape(), "; it should be [rows, n]"));
  NewtonRule rule(objective, start, options);
  Minimum<Tensor> result = descend(objective, start, rule,
                                   {.solver = "newton_cg",
                                    .max_iterations = options.max_iterations,
                                    .gradient_tolerance = options.gradient_tolerance,
                                    .relative_gradient_tolerance = options.relative_gradient_tolerance,
                                    .value_tolerance = options.value_tolerance,
                                    .value_rounding = options.value_rounding,
                                    .line_search = options.line_search});
  result.report.row_evaluations += rule.products;
  return result;
}

}  // namespace brenier

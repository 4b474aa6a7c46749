// One step is one product with A. The masks of rows that go on are tensors, so that nothing is read on the host except by
// Selective, whose recurrence is a few numbers per row and step.
#include "solvers/lanczos.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

double epsilon(DType dtype) {
  return dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

Tensor row_dot(const Tensor& a, const Tensor& b) { return sum(a * b, {-1}, true); }

// Simon's estimates ω_{j,k} of q_jᵀq_k, for every row.
class OrthogonalityEstimate {
 public:
  OrthogonalityEstimate(std::int64_t d, DType dtype)
      : epsilon_(epsilon(dtype)), noise_(epsilon_ * std::sqrt(static_cast<double>(d))) {}

  // After α_j and the provisional β_j: which rows of q_{j+1} need re-orthogonalisation, as numbers 1 or 0.
  std::vector<double> update(const Tensor& alpha, const Tensor& beta) {
    alpha_.push_back(alpha.detached().to_vector<double>());
    beta_.push_back(beta.detached().to_vector<double>());
    const std::size_t rows = alpha_.back().size();
    if (rows_.empty()) rows_.resize(rows);
    std::vector<double> flags(rows);
    for (std::size_t i = 0; i < rows; ++i) flags[i] = advance(rows_[i], i) ? 1 : 0;
    return flags;
  }

 private:
  struct Row {
    std::vector<double> last{}, current{1.0};  // ω_{j-1}, ω_j
    bool again = false;                        // q_j was re-orthogonalised, so q_{j+1} must be
  };

  bool advance(Row& row, std::size_t i) const {
    const std::size_t j = alpha_.size() - 1;
    std::vector<double> next(j + 2, noise_);
    next[j + 1] = 1;
    double worst = 0;
    for (std::size_t k = 0; k < j; ++k) {
      next[k] = estimate(row, i, j, k);
      worst = std::max(worst, std::abs(next[k]));
    }
    const bool lost = !(worst <= std::sqrt(epsilon_));
    const bool wanted = lost || row.again;
    row.again = lost && !row.again;
    if (wanted) std::fill(next.begin(), next.end() - 1, noise_);
    row.last = std::move(row.current);
    row.current = std::move(next);
    return wanted;
  }

  double estimate(const Row& row, std::size_t i, std::size_t j, std::size_t k) const {
    const double beta = beta_[j][i];
    double sum = beta_[k][i] * row.current[k + 1] + (alpha_[k][i] - alpha_[j][i]) * row.current[k];
    if (k > 0) sum += beta_[k - 1][i] * row.current[k - 1];
    sum -= beta_[j - 1][i] * row.last[k];
    const double rounding = epsilon_ * (beta_[k][i] + beta + std::abs(alpha_[j][i]));
    return (sum + std::copysign(rounding, sum)) / beta;
  }

  double epsilon_, noise_;
  std::vector<std::vector<double>> alpha_{}, beta_{};  // by step, then row
  std::vector<Row> rows_{};
};

class Process {
 public:
  Process(const LinearOperator& a, const Tensor& start, const LanczosOptions& options)
      : a_(a), options_(options), estimate_(start.dim(-1), start.dtype()) {
    const double d = static_cast<double>(start.dim(-1));
    tolerance_ = options.breakdown_tolerance.value_or(10 * std::sqrt(d) * epsilon(start.dtype()));
    // sqrt has an infinite derivative at zero: it is kept from seeing one.
    const Tensor size = row_dot(start, start);
    alive_ = unless(equal(size, 0.0));
    result_.start_norm = where(alive_, sqrt(where(alive_, size, 1.0)), 0.0);
    q_ = where(alive_, start / where(alive_, result_.start_norm, 1.0), 0.0);
    scale_ = beta_ = steps_ = zeros_like(alive_);
  }

  LanczosResult run(std::int64_t steps) {
    for (std::int64_t j = 0; j < steps; ++j) step();
    result_.residual_norm = squeeze(offdiagonal_.back(), -1);
    offdiagonal_.pop_back();
    result_.diagonal = concat(diagonal_, -1);
    const Shape leading = q_.shape().part(0, q_.rank() - 1);
    result_.offdiagonal = offdiagonal_.empty() ? zeros(leading + Shape{0}, q_.dtype()) : concat(offdiagonal_, -1);
    result_.start_norm = squeeze(result_.start_norm, -1);
    result_.steps = squeeze(steps_, -1);
    return std::move(result_);
  }

 private:
  static Tensor unless(const Tensor& mask) { return 1.0 - mask; }

  void step() {
    Tensor w = a_(q_);
    const Tensor alpha = row_dot(q_, w);
    w = w - alpha * q_;
    if (!result_.basis.empty()) w = w - beta_ * result_.basis.back();
    result_.basis.push_back(q_);
    w = reorthogonalized(w, alpha);

    const Tensor size = row_dot(w, w), norm = sqrt(size);
    scale_ = maximum(scale_, abs(alpha) + beta_ + norm);
    const Tensor goes_on = alive_ * less(tolerance_ * scale_, norm);
    diagonal_.push_back(diagonal_.empty() ? alpha : where(alive_, alpha, diagonal_.front()));
    steps_ = steps_ + alive_;
    const Tensor beta = sqrt(where(goes_on, size, 1.0));
    beta_ = where(goes_on, beta, 0.0);
    q_ = where(goes_on, w / beta, 0.0);
    alive_ = goes_on;
    offdiagonal_.push_back(beta_);
  }

  Tensor reorthogonalized(const Tensor& w, const Tensor& alpha) {
    if (options_.reorthogonalization == Reorthogonalization::None) return w;
    if (options_.reorthogonalization == Reorthogonalization::Full) return orthogonalize(w, result_.basis).rest;
    const std::vector<double> flags = estimate_.update(alpha, sqrt(row_dot(w, w)));
    if (std::find(flags.begin(), flags.end(), 1.0) == flags.end()) return w;
    return where(tensor(flags, alpha.shape(), w.dtype()), orthogonalize(w, result_.basis).rest, w);
  }

  LinearOperator a_;
  LanczosOptions options_;
  OrthogonalityEstimate estimate_;
  double tolerance_ = 0;
  LanczosResult result_;
  Tensor q_, alive_, scale_, beta_, steps_;
  std::vector<Tensor> diagonal_, offdiagonal_;
};

}  // namespace

Orthogonalized orthogonalize(const Tensor& w, const std::vector<Tensor>& basis) {
  const Tensor q = stack(basis, -2), column = expand_axis(w, -1);  // [..., j, d] and [..., d, 1]
  const Tensor first = matmul(q, column);
  const Tensor rest = w - squeeze(matmul(transpose(first), q), -2);
  const Tensor second = matmul(q, expand_axis(rest, -1));
  return {rest - squeeze(matmul(transpose(second), q), -2), squeeze(first + second, -1)};
}

LanczosResult lanczos(const LinearOperator& a, const Tensor& start, const LanczosOptions& options) {
  if (start.rank() != 2 && start.rank() != 3)
    throw std::invalid_argument(str("[lanczos] expected starts [rows, d] or [k, rows, d], got ", start.shape()));
  if (options.steps < 1 || start.dim(-1) < 1)
    throw std::invalid_argument(str("[lanczos] cannot make ", options.steps, " steps from ", start.shape()));
  return Process(a, start, options).run(std::min(options.steps, start.dim(-1)));
}

RitzRange extreme_ritz_values(const LinearOperator& a, const Tensor& start, std::int64_t steps) {
  const LanczosResult t = lanczos(a, start, {.steps = steps});
  const Tensor values = tridiagonal_eigen(t.diagonal, t.offdiagonal).values;
  return {select(values, -1, 0), select(values, -1, values.dim(-1) - 1)};
}

}  // namespace brenier

// The Gauss–Radau rule with a node at a: T is bordered by β_m and the diagonal entry a + β_m² / δ_m that makes a an
// eigenvalue, where δ_1 = α_1 - a, δ_j = α_j - a - β_{j-1}² / δ_{j-1} are the pivots of T - aI (Golub 1973). They are positive
// exactly if a is below all Ritz values.
#include "solvers/slq.h"

#include <limits>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

struct Tridiagonal {
  Tensor diagonal, offdiagonal;  // [k, rows, m] and [k, rows, m-1]
};

struct Rule {
  Tensor value;     // [k, rows]
  Tensor smallest;  // [k, rows], of the nodes
};

// ‖v‖² Σ τ² f(θ). Nodes of weight zero belong to what was cut off, and f may be infinite there: it gets the first
// diagonal entry, which lies inside the spectrum.
Rule quadrature(const Tridiagonal& t, const Tensor& start_norm, const SpectralFunction& f) {
  const auto [nodes, first_components] = tridiagonal_eigen(t.diagonal, t.offdiagonal);
  const Tensor weights = square(first_components * expand_axis(start_norm, -1));
  const Tensor cut = equal(weights, 0.0), inside = slice(t.diagonal, -1, 0, 1);
  return {sum(where(cut, 0.0, weights * f(where(cut, inside, nodes))), {-1}), select(nodes, -1, 0)};
}

struct Bordered {
  Tridiagonal t;
  Tensor valid;  // [k, rows], whether the node is below all Ritz values
};

Bordered with_node_at(double lower, const LanczosResult& t) {
  Tensor pivot = select(t.diagonal, -1, 0) - lower, valid = less(0.0, pivot);
  for (std::int64_t j = 1; j < t.diagonal.dim(-1); ++j) {
    pivot = select(t.diagonal, -1, static_cast<int>(j)) - lower - square(select(t.offdiagonal, -1, j - 1)) / pivot;
    valid = valid * less(0.0, pivot);
  }
  const Tensor entry = lower + where(valid, square(t.residual_norm) / where(valid, pivot, 1.0), 0.0);
  return {
      {concat({t.diagonal, expand_axis(entry, -1)}, -1), concat({t.offdiagonal, expand_axis(t.residual_norm, -1)}, -1)},
      valid};
}

}  // namespace

SlqEstimate slq(const LinearOperator& a, const Tensor& probes, const SpectralFunction& f, const SlqOptions& options) {
  if (probes.rank() != 3) throw std::invalid_argument(str("[slq] expected probes [k, rows, d], got ", probes.shape()));
  const LanczosResult t =
      lanczos(a, probes, {.steps = options.steps, .reorthogonalization = options.reorthogonalization});
  const Rule gauss = quadrature({t.diagonal, t.offdiagonal}, t.start_norm, f);
  const auto [value, standard_error] = mean_and_error(gauss.value);
  SlqEstimate result{value, standard_error, {}, {}, gauss.value, min(gauss.smallest, {0})};
  if (options.lower_bound) {
    const auto [bordered, valid] = with_node_at(*options.lower_bound, t);
    const Tensor rule = quadrature(bordered, t.start_norm, f).value;
    const Tensor radau = where(valid, rule, std::numeric_limits<double>::quiet_NaN());
    result.lower = mean(minimum(gauss.value, radau), {0});
    result.upper = mean(maximum(gauss.value, radau), {0});
  }
  return result;
}

SlqEstimate slq(const LinearOperator& a, const Shape& shape, const SpectralFunction& f, const RandomKey& key,
                const SlqOptions& options) {
  return slq(a, draw_probes(key, options.probes, shape, options.distribution, options.dtype), f, options);
}

SlqEstimate slq_logdet(const LinearOperator& a, const Tensor& probes, const SlqOptions& options) {
  return slq(a, probes, log, options);
}

SlqEstimate slq_logdet(const LinearOperator& a, const Shape& shape, const RandomKey& key, const SlqOptions& options) {
  return slq(a, shape, log, key, options);
}

}  // namespace brenier

// What the programs on pictures share about their networks: a start as an affine map, and evidence that what came out of
// training is monotone.
#pragma once

#include "experiments/support/cloud_metrics.h"
#include "experiments/support/json.h"
#include "models/certificates.h"
#include "models/layers.h"

namespace brenier::experiments {

// x -> offset + matrix x for a positive semidefinite matrix, besides what else the network consists of.
template <HasParameters Model>
void start_as_affine(Model& model, const Tensor& matrix, const Tensor& offset) {
  const DType dtype = model.offset.dtype();
  model.linear.factor = cast(gram_factor(matrix, matrix.dim(0)), dtype);
  model.offset = cast(offset, dtype);
}

// {"min_eigenvalue", "asymmetry", "monotonicity_violations"} in float64 at points [n, d]: the smallest eigenvalue of the
// closed form of the Jacobian at the first `jacobians` of them, the asymmetry by products at 16 times as many, and pairs of
// the points whose images turn back.
template <HasParameters Model>
Row certificate_row(const Model& trained, const Tensor& points, std::int64_t jacobians) {
  const Model model = cast_parameters(trained, DType::Float64);
  const Tensor x = cast(points, DType::Float64);
  const auto first = [&](std::int64_t count) { return slice(x, 0, 0, std::min(count, x.dim(0))); };
  const Tensor other = gather(x, random_permutation({0, 0}, x.dim(0)));
  const KrylovCertificate krylov = certify_by_krylov(model, first(16 * jacobians));
  // Rounding of a product of a point with itself is no violation.
  const Tensor turned = less(monotonicity(model, x, other), -1e-9 * sum(square(x - other), {1}));
  return {{"min_eigenvalue", min(smallest_eigenvalues(model.jacobian(first(jacobians)))).item()},
          {"asymmetry", krylov.largest_asymmetry},
          {"monotonicity_violations", static_cast<std::int64_t>(sum(turned).item())}};
}

}  // namespace brenier::experiments

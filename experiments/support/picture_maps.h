// What the programs on pictures share about their networks: a module that chooses among pictures, starts that depend on
// data, and evidence that what came out of training is monotone.
#pragma once

#include "experiments/support/cloud_metrics.h"
#include "experiments/support/json.h"
#include "experiments/support/on_cpu.h"
#include "models/certificates.h"
#include "models/layers.h"
#include "models/mgn.h"
#include "solvers/gaussian_transport.h"

namespace brenier::experiments {

// s(z) = ln(1 + Σ e^{z_i}) and σ = ∇s, a softmax with one more entry for z = 0: an M-MGN of it adds s(z) times a mean of
// its rows, that of the largest z_i before all. The common choice ln cosh (models/mgn.h) adds up all its rows.
struct SoftMaximum {
  static Tensor value(const Tensor& z) { return logsumexp(with_zero(z), {-1}, true); }
  static Tensor gradient(const Tensor& z) { return slice(softmax(with_zero(z)), 1, 1, z.dim(1) + 1); }
  static Tensor hessian(const Tensor& weight, const Tensor& z) { return softmax_jacobian(weight, gradient(z)); }

 private:
  static Tensor with_zero(const Tensor& z) { return pad(z, {0, 1}, {0, 0}); }
};

// The rows of all modules become scale · (picture - mean), from the first pictures on, with biases -|row|²/2: then e^{z_i} is
// the likelihood ratio of noise about that row and noise about 0.
void start_at_pictures(ModularMgn<SoftMaximum>& model, const Tensor& pictures, const Tensor& mean, double scale);
// Moves the offset so that the image of these points has this mean.
template <HasParameters Model>
void center_image(Model& model, const Tensor& points, const Tensor& mean_of_image) {
  model.offset = model.offset + cast(mean_of_image, model.offset.dtype()) - mean(model(points), {0});
}

// x -> offset + matrix x for a positive semidefinite matrix, besides what else the network consists of.
template <HasParameters Model>
void start_as_affine(Model& model, const Tensor& matrix, const Tensor& offset) {
  const DType dtype = model.offset.dtype();
  model.linear.factor = cast(gram_factor(matrix, matrix.dim(0)), dtype);
  model.offset = cast(offset, dtype);
}

// gaussian_fit of points [n, d], float64, with the covariance computed on the CPU.
GaussianMoments fitted_gaussian(const Tensor& points);
// The optimal linear map between two such fits. Pixels that never change make covariances singular, so `ridge` is added to
// their diagonals. Computed on the CPU.
AffineMap ridge_bures_map(const GaussianMoments& source, const GaussianMoments& target, double ridge);

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
  const Tensor eigenvalues = on_cpu(smallest_eigenvalues, model.jacobian(first(jacobians)));
  return {{"min_eigenvalue", min(eigenvalues).item()},
          {"asymmetry", krylov.largest_asymmetry},
          {"monotonicity_violations", static_cast<std::int64_t>(sum(turned).item())}};
}

// The number of parameters, the certificate_row, and the seconds of training.
template <HasParameters Model>
Row evidence_row(const Model& trained, const Tensor& points, std::int64_t jacobians, double seconds) {
  Row row{{"parameters", count_parameters(trained)}};
  for (const Field& field : certificate_row(trained, points, jacobians)) row.set(field.key, field.value);
  row.set("seconds", seconds);
  return row;
}

}  // namespace brenier::experiments

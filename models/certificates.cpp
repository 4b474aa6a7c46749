// Numbers are taken to the host and looked at one by one; NaN anywhere is to be seen.
#include "models/certificates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"
#include "models/layers.h"
#include "solvers/lanczos.h"

namespace brenier {
namespace {

void require_square(const char* name, const Tensor& jacobians) {
  if (jacobians.rank() != 3 || jacobians.dim(1) != jacobians.dim(2))
    throw std::invalid_argument(str("[", name, "] needs square matrices [batch, d, d], got ", jacobians.shape()));
}

Tensor frobenius_norms(const Tensor& matrices) { return sqrt(sum(square(matrices), {1, 2})); }

// The smallest entry; NaN if any entry is NaN.
double smallest(const Tensor& values) {
  double result = std::numeric_limits<double>::infinity();
  for (double value : values.to_vector<double>()) {
    if (std::isnan(value)) return value;
    result = std::min(result, value);
  }
  return result;
}

double largest(const Tensor& values) { return -smallest(-values); }

double rounding_tolerance(DType dtype) {
  return 1000 *
         (dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon());
}

// Pairs of rows whose inner product is negative by more than a fraction `tolerance` of what it could be. NaN counts.
std::int64_t count_violations(const Tensor& steps, const Tensor& differences, double tolerance) {
  const auto inner = sum(steps * differences, {-1}).to_vector<double>();
  const auto bound = sqrt(sum(square(steps), {-1}) * sum(square(differences), {-1})).to_vector<double>();
  std::int64_t violations = 0;
  for (std::size_t i = 0; i < inner.size(); ++i) violations += !(inner[i] >= -tolerance * bound[i]);
  return violations;
}

void require_points(const Tensor& x, const Tensor& values) {
  if (x.rank() != 2 || x.dim(0) == 0 || x.shape() != values.shape())
    throw std::invalid_argument(str("[certify] needs a map [batch, d] -> [batch, d] and at least one point, got ",
                                    x.shape(), " -> ", values.shape()));
}

// Violations in a random pairing of the points.
std::int64_t violations_in_pairs(const Tensor& x, const Tensor& values, const RandomKey& pairing, double tolerance) {
  const Tensor partner = random_permutation(pairing, x.dim(0));
  const Tensor points = x.detached(), images = values.detached();
  return count_violations(points - gather(points, partner), images - gather(images, partner), tolerance);
}

std::string verdict_on(bool accepted, const char* number, double value, const auto& certificate) {
  return str(accepted ? "accepted" : "rejected", ": smallest ", number, " ", value, " and asymmetry ",
             certificate.largest_asymmetry, " over ", certificate.points, " points, ",
             certificate.monotonicity_violations, " monotonicity violations in ", certificate.pairs,
             " pairs (tolerance ", certificate.tolerance, ")");
}

}  // namespace

Tensor asymmetry(const Tensor& jacobians) {
  require_square("asymmetry", jacobians);
  const Tensor constant = jacobians.detached();
  const Tensor norms = frobenius_norms(constant);
  const Tensor positive = where(equal(norms, 0.0), 1.0, norms);
  return frobenius_norms(constant - transpose(constant)) / positive;
}

Tensor smallest_eigenvalues(const Tensor& jacobians) {
  require_square("smallest_eigenvalues", jacobians);
  if (jacobians.dim(1) == 0)
    throw std::invalid_argument("[smallest_eigenvalues] matrices of order 0 have no eigenvalue");
  return select(symmetric_eigen(cast(jacobians.detached(), DType::Float64)).values, -1, 0);
}

Certificate certificate_of(const Tensor& x, const Tensor& values, const Tensor& jacobians, const RandomKey& pairing) {
  require_points(x, values);
  Certificate result{.points = x.dim(0), .pairs = x.dim(0), .tolerance = rounding_tolerance(x.dtype())};
  result.smallest_eigenvalue = smallest(smallest_eigenvalues(jacobians));
  result.largest_norm = largest(frobenius_norms(jacobians.detached()));
  result.largest_asymmetry = largest(asymmetry(jacobians));
  result.monotonicity_violations = violations_in_pairs(x, values, pairing, result.tolerance);
  return result;
}

bool Certificate::accepts() const {
  return smallest_eigenvalue >= -tolerance * largest_norm && largest_asymmetry <= tolerance &&
         monotonicity_violations == 0;
}

std::string Certificate::message() const { return verdict_on(accepts(), "eigenvalue", smallest_eigenvalue, *this); }

KrylovCertificate krylov_certificate_of(const Tensor& x, const Tensor& values,
                                        const std::function<JacobianProducts(const Tensor& v)>& products,
                                        const KrylovOptions& options) {
  require_points(x, values);
  if (options.steps < 1 || options.probes < 1)
    throw std::invalid_argument(
        str("[certify] needs at least one step and one probe, got ", options.steps, " and ", options.probes));
  KrylovCertificate result{.points = x.dim(0), .steps = std::min(options.steps, x.dim(1)), .pairs = x.dim(0)};
  result.tolerance = rounding_tolerance(x.dtype());
  KeySequence keys(options.key);
  result.monotonicity_violations = violations_in_pairs(x, values, keys.next(), result.tolerance);
  const LinearOperator symmetric_part([&](const Tensor& v) {
    const JacobianProducts both = products(v);
    return 0.5 * (both.forward + both.transposed);
  });
  const RitzRange ritz =
      extreme_ritz_values(symmetric_part, random_normal(keys.next(), x.shape(), x.dtype()), options.steps);
  result.smallest_ritz_value = smallest(ritz.smallest);
  result.largest_ritz_size = std::max(largest(abs(ritz.smallest)), largest(abs(ritz.largest)));
  Tensor gap = zeros({x.dim(0)}), size = zeros({x.dim(0)});
  for (std::int64_t i = 0; i < options.probes; ++i) {
    const JacobianProducts both = products(random_normal(keys.next(), x.shape(), x.dtype()));
    gap = gap + cast(sum(square(both.forward - both.transposed), {-1}), DType::Float64);
    size = size + cast(sum(square(both.forward), {-1}), DType::Float64);
  }
  result.largest_asymmetry = largest(sqrt(gap / where(equal(size, 0.0), 1.0, size)));
  return result;
}

bool KrylovCertificate::accepts() const {
  return smallest_ritz_value >= -tolerance * largest_ritz_size && largest_asymmetry <= tolerance &&
         monotonicity_violations == 0;
}

std::string KrylovCertificate::message() const {
  return verdict_on(accepts(), "Ritz value", smallest_ritz_value, *this);
}

}  // namespace brenier

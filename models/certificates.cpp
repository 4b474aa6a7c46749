// Numbers are taken to the host and looked at one by one; NaN anywhere is to be seen.
#include "models/certificates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"

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
  if (x.rank() != 2 || x.dim(0) == 0 || x.shape() != values.shape())
    throw std::invalid_argument(str("[certify] needs a map [batch, d] -> [batch, d] and at least one point, got ",
                                    x.shape(), " -> ", values.shape()));
  Certificate result{.points = x.dim(0), .pairs = x.dim(0), .tolerance = rounding_tolerance(x.dtype())};
  result.smallest_eigenvalue = smallest(smallest_eigenvalues(jacobians));
  result.largest_norm = largest(frobenius_norms(jacobians.detached()));
  result.largest_asymmetry = largest(asymmetry(jacobians));
  const Tensor partner = random_permutation(pairing, x.dim(0));
  const Tensor points = x.detached(), images = values.detached();
  result.monotonicity_violations =
      count_violations(points - gather(points, partner), images - gather(images, partner), result.tolerance);
  return result;
}

bool Certificate::accepts() const {
  return smallest_eigenvalue >= -tolerance * largest_norm && largest_asymmetry <= tolerance &&
         monotonicity_violations == 0;
}

std::string Certificate::message() const {
  return str(accepts() ? "accepted" : "rejected", ": smallest eigenvalue ", smallest_eigenvalue, " and asymmetry ",
             largest_asymmetry, " over ", points, " points, ", monotonicity_violations, " monotonicity violations in ",
             pairs, " pairs (tolerance ", tolerance, ")");
}

}  // namespace brenier

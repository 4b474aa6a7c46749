// Evidence that a map N: [rows, d] -> [rows, d] is the gradient of a convex function, or that it is not.
//
// For a smooth N the claim is exactly: DN is symmetric and positive semi-definite everywhere. Here it is checked at
// given points, with monotonicity ⟨N(a) - N(b), a - b⟩ ≥ 0 for pairs of them, which needs no derivative. The checks ask
// for nothing but a callable that treats rows independently, and hence hold for any map. Reference: Rockafellar & Wets,
// Variational Analysis (1998), theorems 2.14 and 12.17.
#pragma once

#include <cstdint>
#include <string>

#include "engine/ops.h"
#include "models/gradient_map.h"

namespace brenier {

// DN at every row: [batch, d, d].
template <class Map>
Tensor map_jacobian(const Map& map, const Tensor& x) {
  return with_recorded_input(map, x, [&](const Tensor& input) { return batch_jacobian(map(input), input); });
}

// ‖J - Jᵀ‖ / ‖J‖ in the Frobenius norm, for each matrix of [batch, d, d]; 0 for J = 0. [batch], a constant.
Tensor asymmetry(const Tensor& jacobians);
// The smallest eigenvalue of the symmetric part (J + Jᵀ)/2 of each. [batch] float64, a constant.
Tensor smallest_eigenvalues(const Tensor& jacobians);

// ⟨N(a) - N(b), a - b⟩ for corresponding rows of a and b: [pairs].
template <class Map>
Tensor monotonicity(const Map& map, const Tensor& a, const Tensor& b) {
  return sum((map(a) - map(b)) * (a - b), {-1});
}

// (1 - t) u(a) + t u(b) - u((1 - t) a + t b): [pairs], non-negative for a convex potential u and 0 ≤ t ≤ 1.
template <class Potential>
Tensor convexity_gap(const Potential& potential, const Tensor& a, const Tensor& b, double t) {
  const Tensor chord = (1 - t) * potential(a) + t * potential(b);
  return reshape(chord - potential((1 - t) * a + t * b), {a.dim(0)});
}

struct Certificate {
  std::int64_t points = 0;
  double smallest_eigenvalue = 0;  // of the symmetric part, over all points
  double largest_norm = 0;         // ‖DN‖, over all points
  double largest_asymmetry = 0;    // ‖DN - DNᵀ‖ / ‖DN‖, over all points
  std::int64_t pairs = 0;
  std::int64_t monotonicity_violations = 0;  // pairs whose inner product is negative beyond rounding
  double tolerance = 0;                      // what counts as rounding: 1000 rounding errors of the map's dtype

  // Eigenvalues at least -tolerance · largest_norm, asymmetry at most tolerance, no violations. NaN is never accepted.
  bool accepts() const;
  std::string message() const;  // one sentence with the numbers
};

// From the Jacobians [batch, d, d] at the points x [batch, d], the values N(x), and a random pairing of the points.
// Throws std::invalid_argument if there are no points.
Certificate certificate_of(const Tensor& x, const Tensor& values, const Tensor& jacobians, const RandomKey& pairing);

template <class Map>
Certificate certify(const Map& map, const Tensor& x, const RandomKey& pairing = {0, 0}) {
  return certificate_of(x, map(x), map_jacobian(map, x), pairing);
}

}  // namespace brenier

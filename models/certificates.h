// Evidence that a map N: [rows, d] -> [rows, d] is the gradient of a convex function, or that it is not.
//
// For a smooth N the claim is exactly: DN is symmetric and positive semi-definite everywhere. Here it is checked at
// given points, with monotonicity ⟨N(a) - N(b), a - b⟩ ≥ 0 for pairs of them, which needs no derivative. The checks ask
// for nothing but a callable that treats rows independently, and hence hold for any map.
//
//   certify             forms DN: eigenvalues of all its symmetric parts. For d up to some hundred.
//   certify_by_krylov   knows DN v and DNᵀ v alone. For any d. It can reject; only certify can confirm.
//   loop_integral       the line integral of N round a closed polygon: 0 for every gradient, no derivative needed.
//
// Reference: Rockafellar & Wets, Variational Analysis (1998), theorems 2.14 and 12.17.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/ops.h"
#include "engine/program/program.h"
#include "models/gradient_map.h"
#include "solvers/quadrature.h"

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

// ∮ ⟨N(x), dx⟩ round the closed polygon with these vertices [n, d], n ≥ 2, each edge by the rule on [0, 1]: a scalar. The
// integral of a gradient over a closed curve vanishes.
template <class Map>
Tensor loop_integral(const Map& map, const Tensor& vertices, const QuadratureRule& rule) {
  const std::int64_t nodes = rule.nodes.size(), count = vertices.dim(0), dim = vertices.dim(1);
  const Tensor next = concat({slice(vertices, 0, 1, count), slice(vertices, 0, 0, 1)}, 0);
  const Tensor edges = next - vertices;
  const Tensor points = vertices + reshape(rule.nodes, {nodes, 1, 1}) * edges;
  const Tensor values = reshape(map(reshape(points, {nodes * count, dim})), {nodes, count, dim});
  return sum(reshape(rule.weights, {nodes, 1, 1}) * values * edges);
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

struct KrylovOptions {
  std::int64_t steps = 20;  // of Lanczos at every point
  std::int64_t probes = 4;  // random directions per point for the asymmetry
  RandomKey key{0, 0};      // draws this one and the next probes + 1
};

// What can be said from products DN v and DNᵀ v. The smallest Ritz value of the symmetric part lies above its smallest
// eigenvalue: where it is negative the map is not monotone, where it is not nothing is proved. The asymmetry is that of
// Certificate with ‖A‖² = E |A v|² for v ~ N(0, I), estimated from the probes.
struct KrylovCertificate {
  std::int64_t points = 0, steps = 0;
  double smallest_ritz_value = 0;  // over all points
  double largest_ritz_size = 0;    // the largest |Ritz value|
  double largest_asymmetry = 0;    // of any point
  std::int64_t pairs = 0;
  std::int64_t monotonicity_violations = 0;
  double tolerance = 0;  // as in Certificate

  // Not rejected: Ritz values at least -tolerance · largest_ritz_size, asymmetry at most tolerance, no violations.
  bool accepts() const;
  std::string message() const;  // one sentence with the numbers
};

struct JacobianProducts {
  Tensor forward, transposed;  // DN v and DNᵀ v at every point, [batch, d]
};

// Throws std::invalid_argument for shapes as certificate_of does, and for less than one step or probe.
KrylovCertificate krylov_certificate_of(const Tensor& x, const Tensor& values,
                                        const std::function<JacobianProducts(const Tensor& v)>& products,
                                        const KrylovOptions& options);

// The products are two sweeps through the map, recorded once.
template <class Map>
KrylovCertificate certify_by_krylov(const Map& map, const Tensor& x, const KrylovOptions& options = {}) {
  Program sweeps;
  const Tensor values = with_recorded_input(map, x, [&](const Tensor& input) {
    const Tensor result = map(input), probe = input.tape()->watch(zeros_like(input));
    if (result.shape() == x.shape()) sweeps = compile({probe}, {jvp(result, input, probe), vjp(result, input, probe)});
    return result;
  });
  return krylov_certificate_of(
      x, values,
      [&](const Tensor& v) {
        const std::vector<Tensor> both = sweeps(std::vector<Tensor>{v});
        return JacobianProducts{both[0], both[1]};
      },
      options);
}

}  // namespace brenier

// ln det of the Hessian H(x) = ∇²u(x) of a convex potential, row by row: exactly, or by one of three estimates.
//
//   ExactLogdet    H is assembled from d tangents in one sweep and factorised: the value, and its exact derivative
//   CgLogdet       d ln det H = tr(H⁻¹ dH) = E vᵀ H⁻¹ dH v for random signs v. With z ≈ H⁻¹ v by conjugate gradients,
//                  held constant, the derivative of zᵀ H v is an unbiased estimate of it. The value of zᵀ H v is not one
//                  of ln det H, it is about d whatever H is. Memory does not grow with the number of iterations
//   SlqLogdet      stochastic Lanczos quadrature: a value with its standard error, for monitoring. No derivative
//   LanczosLogdet  the same, differentiated through all Lanczos steps: memory grows with them, and the truncated
//                  estimate is biased upwards (solvers/slq.h). It is here to be compared with
//
// One interface for all:  LogdetTerm term = logdet_term(estimator, {potential, x, gradient}, key);
//
// Which one to train with: logdet_flops() counts what each needs; recommended_logdet() compares.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3.3 and algorithm 2.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <variant>

#include "engine/ops.h"
#include "solvers/lanczos.h"
#include "solvers/linear_operator.h"

namespace brenier {

// A potential of rows, and its gradient at x as recorded on the tape of x.
struct RecordedGradient {
  // [rows, d] -> [rows] or [rows, 1], with constants for parameters. Not called while a program is being recorded.
  std::function<Tensor(const Tensor& x)> potential;
  Tensor x;         // [rows, d]
  Tensor gradient;  // ∇u(x), [rows, d]
  Tensor value{};   // u(x) as recorded; with it ExactLogdet can assemble Hessians from first derivatives
};

struct LogdetTerm {
  // [rows], recorded. Only its derivative means something; undefined where there is none. It is never a likelihood.
  Tensor surrogate{};
  // [rows], ln det H or an estimate of it; undefined for CgLogdet.
  Tensor value{};
  // [rows]; undefined where nothing is random, or one probe cannot tell.
  Tensor standard_error{};
  // [probes, rows], of the linear systems: max |v - Hz|, and iterations made. Undefined where none is solved.
  Tensor residual{}, iterations{};
};

struct ExactLogdet {};

struct CgLogdet {
  double tolerance = 1e-3;  // a row has converged when max |v - Hz| is not larger; v has entries of size 1
  // Of every row; d unless given. While a program is being recorded all of them are recorded, with finished rows held by
  // masks; otherwise the iteration ends when all rows have.
  std::optional<std::int64_t> max_iterations{};
  std::int64_t probes = 1;  // v per row; the variance falls in proportion
  // M ≈ H⁻¹ from H on `shape` [rows, d], made anew for every batch. None unless given.
  std::function<LinearOperator(const LinearOperator& hessian, const Shape& shape)> preconditioner{};
};

struct SlqLogdet {
  std::int64_t steps = 10;  // at most d are made
  std::int64_t probes = 1;
};

struct LanczosLogdet {
  std::int64_t steps = 10;
  std::int64_t probes = 1;
};

// Draws with exactly `key`. Throws std::invalid_argument if x or the gradient is not recorded, or shapes do not fit.
LogdetTerm logdet_term(const ExactLogdet& estimator, const RecordedGradient& map, const RandomKey& key);
LogdetTerm logdet_term(const CgLogdet& estimator, const RecordedGradient& map, const RandomKey& key);
LogdetTerm logdet_term(const SlqLogdet& estimator, const RecordedGradient& map, const RandomKey& key);
LogdetTerm logdet_term(const LanczosLogdet& estimator, const RecordedGradient& map, const RandomKey& key);

// With probes [k, rows, d] of one's own.
LogdetTerm logdet_term(const CgLogdet& estimator, const RecordedGradient& map, const Tensor& probes);

// The one of these that is needed at run time.
using LogdetEstimator = std::variant<ExactLogdet, CgLogdet, SlqLogdet, LanczosLogdet>;
LogdetTerm logdet_term(const LogdetEstimator& estimator, const RecordedGradient& map, const RandomKey& key);

// The size of a deep input-augmented potential, for counting.
struct PotentialSize {
  std::int64_t dim, units, layers;
};
// Floating-point operations per row of the products in one training step of a block: gradient, log-determinant, and the
// reverse sweep through both. With M multiply-adds of a forward pass, a gradient or a product costs 2 M, and twice as
// much again in the reverse sweep. Conjugate gradients with k iterations: 2 (10 M + 2 k M), since the first product is
// the one that is differentiated. The assembled Hessian: 2 (6 M + 3 d M + 3 L h d²) + d³, tangents being pushed forward
// only (engine/hessian.cpp); 2 (6 M + 6 d M) + d³ in fewer than five dimensions, where gradients are differentiated.
double logdet_flops(const CgLogdet& estimator, const PotentialSize& size, double iterations);
double logdet_flops(const ExactLogdet& estimator, const PotentialSize& size);
// By the time of a step, counted and corrected by what was measured (models/README.md, section 6): an assembled Hessian
// runs at two thirds of the rate of conjugate gradients. Losses fall as fast per step with either, so that no variance is
// worth little; a loss that is a likelihood is worth a third more work. Exact for one and two dimensions, in short, and
// conjugate gradients above.
LogdetEstimator recommended_logdet(const PotentialSize& size, double expected_iterations);

}  // namespace brenier

// Inversion of gradient maps: x with ∇u(x) = y for a strongly convex potential u, for every row of y.
//
//   x = argmin u(x) - ⟨x, y⟩        ‖x - x*‖ ≤ ‖∇u(x) - y‖ / α  where u is α-strongly convex
//
// Each row is a problem of its own, with its own step sizes and its own end; the value tolerates the rounding of the two
// terms, which is more than that of their difference. L-BFGS is the default: on flows' potentials in 2, 43 and 784
// dimensions it takes a sixth to six tenths of the time of Newton–CG, whose products cost as much as gradients.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3.1, with one L-BFGS on the sum.
#pragma once

#include <cstdint>
#include <optional>

#include "solvers/batch_objective.h"

namespace brenier {

enum class InversionMethod { Lbfgs, NewtonCg };

struct InversionOptions {
  // max_i |∇u(x)_i - y_i| of every row; unless given 1e-10 in float64 and 1e-5 in float32.
  std::optional<double> gradient_tolerance{};
  std::int64_t max_iterations = 1000;
  int memory = 20;  // of L-BFGS
  InversionMethod method = InversionMethod::Lbfgs;
  Tensor start{};  // [rows, n]; undefined: y
};

// The inverse map of one potential, x [rows, n] -> [rows] or [rows, 1]. What the potential holds is constant, and the
// programs compiled for it are kept from call to call: make it once, call it often, not from two threads at a time.
class GradientInverse {
 public:
  explicit GradientInverse(BatchObjective::Potential potential, InversionOptions options = {});
  // `images` [rows, n], float32 or float64. Throws std::invalid_argument for other shapes.
  Minimum<Tensor> operator()(const Tensor& images) const;

 private:
  BatchObjective::Potential potential_;
  InversionOptions options_;
  BatchObjective objective_;
};

// Improves what was found by Newton steps x ← x - ∇²u(x)⁻¹ (∇u(x) - y) in float64, with the Hessians assembled and
// factorised: at most two, kept in rows where they make max |∇u(x) - y| smaller. `potential` takes float64; the solution
// has the dtype of the images. The report has the new residuals, in float64, and rows at or below the tolerance count as
// converged.
Minimum<Tensor> refine_preimage(const BatchObjective::Potential& potential, Minimum<Tensor> found, const Tensor& images,
                                double tolerance = 1e-10);

// GradientInverse for one call.
Minimum<Tensor> invert_gradient(BatchObjective::Potential potential, const Tensor& images,
                                const InversionOptions& options = {});

}  // namespace brenier

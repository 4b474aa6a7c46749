// One iteration of conjugate gradients for all rows, as tensor operations: scalars, masks and norms stay on the device.
//
// Rows do different things in one iteration. A stepping row multiplies A by its direction p and moves. A row whose
// residual is to be confirmed multiplies A by its iterate x and replaces its residual by b - Ax. A finished row
// multiplies by zero and keeps all it has: masks choose by where(), so that NaN in one row reaches no other.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/ops.h"
#include "engine/program/program.h"
#include "solvers/conjugate_gradient.h"

namespace brenier {

// How a row stands, stored as a number; the worst comes last.
enum class RowPhase { Active, Converged, Stagnated, IterationLimit, Indefinite, BadPreconditioner, NotFinite };

struct CgState {
  Tensor x, r, p;           // [..., rows, d]: iterate, residual, direction
  Tensor operand;           // what A is applied to next: p, or x, or zero
  Tensor b;                 // [..., rows, d]
  Tensor target;            // [..., rows, 1], like all that follow: ‖r‖ to be reached
  Tensor rho, norm;         // rᵀz and ‖r‖
  Tensor phase, steps;      // RowPhase; how often the row moved
  Tensor confirming;        // whether the operand is x
  Tensor confirmed;         // ‖b - Ax‖ when it was last looked at, or infinity
  Tensor moved, continued;  // in this iteration: p was used; only r was corrected, and p may be kept

  // Every tensor, in the order above.
  std::vector<Tensor*> parts();
};

// The state before the first direction, of the systems A x = b / scale, with scale [..., rows, 1].
CgState cg_start(const Tensor& b, const Tensor& scale, const ConjugateGradientOptions& options);

// Moves x and r by the product q = A operand, and decides what becomes of each row.
void update_iterate(CgState& state, const Tensor& q, const ConjugateGradientOptions& options);
// The next direction and operand, from z = M r.
void update_direction(CgState& state, const Tensor& z);

// Both with the preconditioner between, replayed as compiled programs where that pays.
class CgStepper {
 public:
  explicit CgStepper(const ConjugateGradientOptions& options) : options_(options) {}
  void operator()(CgState& state, const Tensor& q, const std::optional<LinearOperator>& preconditioner);

 private:
  using Update = std::function<void(CgState&, const Tensor&)>;
  struct Replay {
    Program program;
    std::int64_t calls = 0;
  };
  static Program record(const std::vector<Tensor>& inputs, const Update& update);
  void run(Replay& replay, CgState& state, const Tensor& operand, const Update& update);
  ConjugateGradientOptions options_;
  Shape shape_{};
  Replay iterate_{}, direction_{};
};

}  // namespace brenier

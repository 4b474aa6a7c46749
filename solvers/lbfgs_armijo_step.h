// One iteration of lbfgs_armijo() as a function of tensors: no number is read, so it can be recorded as a program.
#pragma once

#include <vector>

#include "solvers/batch_objective.h"
#include "solvers/lbfgs_armijo.h"

namespace brenier {

// How a row stands, as a number in its dtype.
struct ArmijoStatus {
  static constexpr double kActive = 0, kConverged = 1, kFailed = 2, kNotFinite = 3;
};

// All that an iteration of m rows depends on.
struct ArmijoState {
  Tensor x, gradient;          // [m, n]
  Tensor value, status;        // [m]
  Tensor iterations;           // [m]
  Tensor shrinkage;            // [m]: of the first trial, while no trial is good
  Tensor met_a_finite;         // [m]: whether a trial since the last step was finite
  Tensor scale;                // [m]: sᵀy / yᵀy of the newest pair
  Tensor weights;              // [memory, m]: 1/sᵀy; 0 where there is no pair
  std::vector<Tensor> s, y{};  // memory of [m, n], oldest first
};

// Rows that are not active stand still.
ArmijoState advanced(const ArmijoState& state, const BatchObjective::PotentialOfData& potential,
                     const std::vector<Tensor>& data, const LbfgsArmijoOptions& options);

}  // namespace brenier

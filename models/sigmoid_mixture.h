// One mixture of sigmoids, in double, and its inverse: the scalar problem behind models/sigmoidal_flow.h.
//
//   t(x) = ln P(x) - ln Q(x),  P = Σ w_k σ(u_k),  Q = Σ w_k σ(-u_k),  u_k = a_k x + b_k
//
// increases from -∞ to ∞ and lies between the least and the largest u_k. So t(x) = t has its root between the least and
// the largest (t - b_k)/a_k, and is as good as linear where one sigmoid or equal ones rule. The flow is
// z = ln((1-δ)P + δ/2) - ln((1-δ)Q + δ/2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "solvers/solve_report.h"

namespace brenier {

inline constexpr double kSigmoidFloor = 1e-7;  // δ, and what keeps slopes from 0

class SigmoidMixture {
 public:
  // raw slopes, shifts, raw weights: as many of each.
  explicit SigmoidMixture(std::span<const double> parameters);

  struct LogOdds {
    double value;  // t(x)
    double slope;  // t'(x)
  };
  LogOdds log_odds(double x) const;
  double image(double x) const;  // z(x)

  struct Root {
    double x;
    std::int64_t iterations;
    SolveStatus status;  // Converged, IterationLimit, Stagnated: z out of range, NotFinite
  };
  Root solve(double z, std::int64_t max_iterations) const;

 private:
  struct Mixed {
    double p, q, slope;  // P, Q, P'
  };
  Mixed mixed(double x) const;
  Root root_of(double t, std::int64_t max_iterations) const;

  std::vector<double> slopes_, shifts_, weights_;
};

}  // namespace brenier

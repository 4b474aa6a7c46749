// The source and the targets of the two couplings in the plane (experiments/mgn_coupling.cpp), as the code of the report
// on monotone gradient networks draws them:
//
//   source     N((-6, 4), I)
//   gaussian   N((2, -3), [[1, 1/2], [1/2, 1]])
//   banana     (X, Y + X² - 1/2) turned by π/5, X and Y standard normal
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "experiments/support/figure.h"
#include "solvers/gaussian_transport.h"

namespace brenier::experiments {

struct CouplingTarget {
  const char* name;
  std::int64_t units, depth;            // of the networks in the report; depth: layers or modules
  double paper_cascade, paper_modular;  // the scores it gives for C-MGN and M-MGN
  Interval window_x, window_y;          // where nearly all points lie
  bool is_gaussian;
  std::function<Tensor(const RandomKey& key, std::int64_t count)> draw;  // [count, 2], float64
};

CouplingTarget gaussian_target();
CouplingTarget banana_target();

Tensor coupling_source(const RandomKey& key, std::int64_t count);  // [count, 2], float64
Tensor coupling_source_mean();                                     // [2]
// The optimal map from the source to gaussian_target().
AffineMap optimal_gaussian_map();

}  // namespace brenier::experiments

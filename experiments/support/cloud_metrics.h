// How close a cloud of points is to another one that it should resemble, and whether it is a copy of what it learnt from.
//
// In many dimensions the Sinkhorn divergence of two samples is far from 0 even if they are from one distribution, and
// below that floor come clouds of averages: they lie nearer to everything. The energy of divergences takes this away,
//
//   D²(α, β) = 2 E S(x, y) - E S(x, x') - E S(y, y'),   x, x' ~ α and y, y' ~ β samples of equal size
//
// which is 0 on average for α = β (Salimans, Zhang, Radford & Metaxas, Improving GANs using optimal transport, 2018,
// equation 6). Here both clouds are halved, and the mean over the four pairs of halves stands for the first term.
#pragma once

#include "engine/ops.h"
#include "solvers/sinkhorn.h"

namespace brenier::experiments {

// D² of x [n, d] and y [m, d], n and m even; may be below 0 by chance. Differentiable like the divergence, and as
// good inside a program, if the options give the diameter.
Tensor sinkhorn_energy(const Tensor& x, const Tensor& y, const SinkhornOptions& options = {});

struct NearestRows {
  Tensor index;     // int64 [n]: the row of the reference that is nearest
  Tensor distance;  // [n], Euclidean
};
// For every row of points [n, d] the nearest of reference [m, d]; made in blocks of rows.
NearestRows nearest_rows(const Tensor& points, const Tensor& reference);

// What is said about samples in the programs on digits.
struct CloudScores {
  double sinkhorn = 0;           // at the published blur
  double wide = 0;               // at a blur where samples of one distribution score lower than averages do
  double energy = 0;             // D² at the published blur
  double sliced_w2 = 0;          // the root of the mean of W2² over directions
  double nearest_neighbour = 0;  // the mean distance to the training set
  Tensor distances = {};         // [n]: all of them
};
struct CloudJudge {
  Tensor held_out;  // [n, d]
  Tensor training;  // [m, d]
  double blur = 0.03, wide_blur = 8;
  std::int64_t directions = 512;

  // Of as many points as were held out: the divergence depends on the number. Throws std::invalid_argument for others.
  CloudScores operator()(const Tensor& points) const;
};

// V [rank, d] with VᵀV as near as possible to the positive semidefinite `matrix` [d, d]: what makes a GramLinear start as
// a given linear map.
Tensor gram_factor(const Tensor& matrix, std::int64_t rank);

}  // namespace brenier::experiments

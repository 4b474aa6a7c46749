// The smooth maximum of affine functions as a potential: u(x) = ln Σ_i exp(w_i·x + b_i), [batch, d] -> [batch, 1].
//
// Convex for every W and b. Its gradient Wᵀ softmax(Wx + b) lies in the convex hull of the rows of W, and its Hessian
// is the covariance of these rows under the softmax: bounded, and zero along directions in which the rows do not
// differ. A good known truth to fit others to. Reference: Boyd & Vandenberghe, Convex Optimization (2004), section
// 3.1.5; Huang et al., Convex potential flows (2021), published code, LseICNN.
#pragma once

#include "engine/ops.h"
#include "models/layers.h"

namespace brenier {

struct LogSumExp {
  Linear affine;  // W [units, d], b [units]

  // (d + 1) units parameters. Draws exactly this key.
  static LogSumExp random(const RandomKey& key, std::int64_t dim, std::int64_t units, DType dtype = DType::Float64) {
    return {Linear::random(key, dim, units, dtype)};
  }

  Tensor operator()(const Tensor& x) const { return logsumexp(affine(x), {-1}, true); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("affine", affine, visit);
  }
};

}  // namespace brenier

// A start for networks in the plane that knows the means and the spreads of what it is to carry where.
//
//   x -> N(x - c)
//
// For the networks of models/mgn.h and models/gradnet.h that is the same network with other biases and another offset,
// b - W c and a - VᵀV c, so nothing is added to the family. It starts in the middle of the source, and steps of the
// optimiser do not mix slopes with shifts.
#pragma once

#include <cmath>
#include <string>

#include "engine/ops.h"
#include "engine/parameters.h"

namespace brenier::experiments {

template <HasParameters Network>
struct Centred {
  Network network;
  Tensor centre;  // c [d], constant

  Tensor operator()(const Tensor& x) const { return network(x - centre); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    network.for_each_parameter(visit);
  }
};

// The root of the trace of the covariance.
inline double spread_of(const Tensor& points) { return std::sqrt(sum(variance(points, {0})).item()); }

template <HasParameters Map>
Map with_scaled_matrices(Map map, double factor) {
  map.for_each_parameter([&](const std::string&, Tensor& parameter) {
    if (parameter.rank() == 2) parameter = factor * parameter;
  });
  return map;
}

// A start that fits two batches: c is the mean of x, the matrices have one common factor and the offset is such that the
// images of x have the spread and the mean of y. The spread grows with the factor, which is found by bisection.
template <HasParameters Network>
Centred<Network> fitted_start(const Network& network, const Tensor& x, const Tensor& y) {
  const Centred<Network> drawn{network, mean(x, {0})};
  double low = -5, high = 5;  // of the logarithm of the factor
  for (int i = 0; i < 30; ++i) {
    const double middle = 0.5 * (low + high);
    (spread_of(with_scaled_matrices(drawn, std::exp(middle))(x)) < spread_of(y) ? low : high) = middle;
  }
  Centred<Network> start = with_scaled_matrices(drawn, std::exp(low));
  start.network.offset = start.network.offset + mean(y, {0}) - mean(start(x), {0});
  return start;
}

}  // namespace brenier::experiments

// Densities in the plane that toy flows are trained on, each with its exact logarithm and its entropy, which is the least
// mean of -ln p that a model of them can reach.
//
//   one moon          y ~ N(0, 1),  x = (n + y²)/2 - 2 with n ~ N(0, 1):   ln p = ln N(y) + ln N(2(x + 2) - y²) + ln 2
//   eight Gaussians   at 4/1.414 from the origin in directions kπ/4, with standard deviation 0.5/1.414
//   rings             circles of radius 0.75, 1.5, 2.25 and 3, each with a quarter of the mass, plus N(0, 0.08² I)
//
// With r = |x|, a circle of radius R and noise of variance s² have the density I₀(rR/s²) e^{-(r² + R²)/2s²} / 2πs²: the
// distribution of Rice (1945) in the plane.
//
// Reference: the generators of Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), figure 3. There a
// fixed number of points lies at even angles on each ring, which makes samples depend on each other. Here ring and angle
// of every point are drawn, so that all points are independent and standard errors mean what they say.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "experiments/support/figure.h"

namespace brenier::experiments {

struct ToyDensity {
  std::string name = {};
  // `n` independent points, [n, 2]; drawn with exactly this key.
  std::function<Tensor(const RandomKey& key, std::int64_t n, DType dtype)> sample = {};
  std::function<Tensor(const Tensor& x)> log_density = {};  // [n, 2] -> [n], in the dtype of x
  double optimum = 0;                                       // the entropy, in nats
};

ToyDensity one_moon();
ToyDensity eight_gaussians();
ToyDensity rings();
std::vector<ToyDensity> toy_densities();  // in this order

inline constexpr Interval kToyWindow{-4, 4};  // of x and y, for pictures of all of them

// ln(e^{-z} I₀(z)) for z >= 0, any shape. Below 25 the trapezoidal rule for I₀(z) = ∫ e^{z cos t} dt / 2π, whose error
// falls exponentially; above, the asymptotic series. Both are exact to 1e-11 of e^{-z} I₀(z). Abramowitz & Stegun (1964),
// 9.6.16 and 9.7.1.
Tensor log_scaled_bessel_i0(const Tensor& z);

}  // namespace brenier::experiments

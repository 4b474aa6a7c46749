#include <cmath>
#include <numbers>

#include "engine/autodiff.h"
#include "tests/support/more_garbow_hillstrom.h"

namespace brenier::testing {
namespace {

using Values = std::vector<double>;

// x_i, counted from 1 as in the publication, as a column that broadcasts along the residuals: [rows, 1].
Tensor var(const Tensor& x, std::int64_t i) { return slice(x, -1, i - 1, i); }
Tensor list(const Values& values) { return tensor(values, {static_cast<std::int64_t>(values.size())}); }
Tensor join(const std::vector<Tensor>& columns) { return concat(columns, -1); }
Tensor count_to(std::int64_t m) { return arange(m) + 1.0; }

// The angle of (x, y) in turns, from -1/4 to 3/4.
Tensor turns(const Tensor& x, const Tensor& y) {
  const auto value = [](const std::vector<Tensor>& in) {
    Values angles = in[0].to_vector<double>();
    const Values ys = in[1].to_vector<double>();
    for (std::size_t i = 0; i < angles.size(); ++i)
      angles[i] = std::atan(ys[i] / angles[i]) / (2 * std::numbers::pi) + (angles[i] < 0 ? 0.5 : 0.0);
    return tensor(angles, in[0].shape());
  };
  const auto jvp = [](const std::vector<Tensor>& in, const Tensor&, const std::vector<Tensor>& t) {
    return (in[0] * t[1] - in[1] * t[0]) / (2 * std::numbers::pi * (square(in[0]) + square(in[1])));
  };
  return apply_custom({.name = "turns", .value = value, .jvp = jvp}, {x, y});
}

Tensor freudenstein_roth(const Tensor& x) {
  const Tensor x1 = var(x, 1), x2 = var(x, 2);
  return join({x1 - 13.0 + ((5.0 - x2) * x2 - 2.0) * x2, x1 - 29.0 + ((x2 + 1.0) * x2 - 14.0) * x2});
}

Tensor beale(const Tensor& x) {
  const Tensor x1 = var(x, 1), x2 = var(x, 2);
  return join({1.5 - x1 * (1.0 - x2), 2.25 - x1 * (1.0 - square(x2)), 2.625 - x1 * (1.0 - x2 * square(x2))});
}

Tensor jennrich_sampson(const Tensor& x) {
  const Tensor i = count_to(10);
  return 2.0 + 2.0 * i - (exp(i * var(x, 1)) + exp(i * var(x, 2)));
}

Tensor helical_valley(const Tensor& x) {
  const Tensor x1 = var(x, 1), x2 = var(x, 2), x3 = var(x, 3);
  return join({10.0 * (x3 - 10.0 * turns(x1, x2)), 10.0 * (sqrt(square(x1) + square(x2)) - 1.0), x3});
}

Tensor bard(const Tensor& x) {
  const Tensor y = list({0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39});
  const Tensor u = count_to(15), v = 16.0 - u, w = minimum(u, v);
  return y - (var(x, 1) + u / (v * var(x, 2) + w * var(x, 3)));
}

Tensor gaussian(const Tensor& x) {
  const Tensor y = list({0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989, 0.3521, 0.2420, 0.1295, 0.0540,
                         0.0175, 0.0044, 0.0009});
  const Tensor t = 0.5 * (8.0 - count_to(15));
  return var(x, 1) * exp(-0.5 * var(x, 2) * square(t - var(x, 3))) - y;
}

Tensor meyer(const Tensor& x) {
  const Tensor y =
      list({34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872});
  return var(x, 1) * exp(var(x, 2) / (45.0 + 5.0 * count_to(16) + var(x, 3))) - y;
}

Tensor gulf(const Tensor& x) {
  const Tensor t = 0.01 * count_to(99), y = 25.0 + pow(-50.0 * log(t), 2.0 / 3.0);
  return exp(-pow(abs(y - var(x, 2)), var(x, 3)) / var(x, 1)) - t;
}

Tensor box(const Tensor& x) {
  const Tensor t = 0.1 * count_to(10);
  return exp(-t * var(x, 1)) - exp(-t * var(x, 2)) - var(x, 3) * (exp(-t) - exp(-10.0 * t));
}

Tensor powell_singular(const Tensor& x) {
  const Tensor x1 = var(x, 1), x2 = var(x, 2), x3 = var(x, 3), x4 = var(x, 4);
  return join({x1 + 10.0 * x2, std::sqrt(5.0) * (x3 - x4), square(x2 - 2.0 * x3), std::sqrt(10.0) * square(x1 - x4)});
}

Tensor wood(const Tensor& x) {
  const Tensor x1 = var(x, 1), x2 = var(x, 2), x3 = var(x, 3), x4 = var(x, 4);
  return join({10.0 * (x2 - square(x1)), 1.0 - x1, std::sqrt(90.0) * (x4 - square(x3)), 1.0 - x3,
               std::sqrt(10.0) * (x2 + x4 - 2.0), (x2 - x4) / std::sqrt(10.0)});
}

Tensor kowalik_osborne(const Tensor& x) {
  const Tensor y = list({0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246});
  const Tensor u = list({4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625});
  return y - var(x, 1) * (square(u) + u * var(x, 2)) / (square(u) + u * var(x, 3) + var(x, 4));
}

Tensor brown_dennis(const Tensor& x) {
  const Tensor t = 0.2 * count_to(20);
  return square(var(x, 1) + t * var(x, 2) - exp(t)) + square(var(x, 3) + sin(t) * var(x, 4) - cos(t));
}

Tensor osborne_1(const Tensor& x) {
  const Tensor y = list({0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
                         0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
                         0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406});
  const Tensor t = 10.0 * arange(33);
  return y - (var(x, 1) + var(x, 2) * exp(-t * var(x, 4)) + var(x, 3) * exp(-t * var(x, 5)));
}

Tensor biggs(const Tensor& x) {
  const Tensor t = 0.1 * count_to(13), y = exp(-t) - 5.0 * exp(-10.0 * t) + 3.0 * exp(-4.0 * t);
  return var(x, 3) * exp(-t * var(x, 1)) - var(x, 4) * exp(-t * var(x, 2)) + var(x, 6) * exp(-t * var(x, 5)) - y;
}

Tensor osborne_2(const Tensor& x) {
  const Tensor y = list({1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608,
                         0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661,
                         0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428,
                         0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559,
                         0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054});
  const Tensor t = 0.1 * arange(65);
  const auto bell = [&](std::int64_t height) {
    return var(x, height) * exp(-square(t - var(x, height + 7)) * var(x, height + 4));
  };
  return y - (var(x, 1) * exp(-t * var(x, 5)) + bell(2) + bell(3) + bell(4));
}

}  // namespace

std::vector<LeastSquares> small_more_garbow_hillstrom() {
  const auto rosenbrock = [](const Tensor& x) {
    return join({10.0 * (var(x, 2) - square(var(x, 1))), 1.0 - var(x, 1)});
  };
  const auto powell_scaled = [](const Tensor& x) {
    return join({1e4 * var(x, 1) * var(x, 2) - 1.0, exp(-var(x, 1)) + exp(-var(x, 2)) - 1.0001});
  };
  const auto brown_scaled = [](const Tensor& x) {
    return join({var(x, 1) - 1e6, var(x, 2) - 2e-6, var(x, 1) * var(x, 2) - 2.0});
  };
  return {{1, "Rosenbrock", {-1.2, 1}, rosenbrock, {0}},
          {2, "Freudenstein and Roth", {0.5, -2}, freudenstein_roth, {0, 48.9842}},
          {3, "Powell badly scaled", {0, 1}, powell_scaled, {0}},
          {4, "Brown badly scaled", {1, 1}, brown_scaled, {0}},
          {5, "Beale", {1, 1}, beale, {0}},
          {6, "Jennrich and Sampson", {0.3, 0.4}, jennrich_sampson, {124.362}},
          {7, "helical valley", {-1, 0, 0}, helical_valley, {0}},
          {8, "Bard", {1, 1, 1}, bard, {8.21487e-3, 17.4286}},
          {9, "Gaussian", {0.4, 1, 0}, gaussian, {1.12793e-8}},
          {10, "Meyer", {0.02, 4000, 250}, meyer, {87.9458}},
          {11, "Gulf", {5, 2.5, 0.15}, gulf, {0}},
          {12, "box three-dimensional", {0, 10, 20}, box, {0}},
          {13, "Powell singular", {3, -1, 0, 1}, powell_singular, {0}},
          {14, "Wood", {-3, -1, -3, -1}, wood, {0}},
          {15, "Kowalik and Osborne", {0.25, 0.39, 0.415, 0.39}, kowalik_osborne, {3.07505e-4, 1.02734e-3}},
          {16, "Brown and Dennis", {25, 5, -5, -1}, brown_dennis, {85822.2}},
          {17, "Osborne 1", {0.5, 1.5, -1, 0.01, 0.02}, osborne_1, {5.46489e-5}},
          {18, "Biggs EXP6", {1, 2, 1, 1, 1, 1}, biggs, {0, 5.65565e-3}},
          {19, "Osborne 2", {1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5}, osborne_2, {4.01377e-2}}};
}

}  // namespace brenier::testing

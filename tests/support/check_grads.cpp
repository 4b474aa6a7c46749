// See check_grads.h. A map that has been differentiated is a map again (tests/support/maps.h): that is the recursion.
#include "tests/support/check_grads.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/ops.h"
#include "engine/str.h"
#include "tests/support/compare.h"
#include "tests/support/difference_quotient.h"

namespace brenier::testing {

namespace {

// Shapes and dtypes of derivatives: those of `like` with the bundle's axes in front.
std::string wrong_type(const Tensors& got, const Shape& bundle, const Tensors& like) {
  for (std::size_t i = 0; i < like.size(); ++i) {
    const Shape expected = bundle + like[i].shape();
    if (got[i].shape() == expected && got[i].dtype() == like[i].dtype()) continue;
    return str("number ", i, " is ", got[i].dtype(), " ", got[i].shape(), ", expected ", like[i].dtype(), " ",
               expected);
  }
  return {};
}

// The jvp of the map along ts and the vjp along cts against the quotient along ts.
std::string compare_with_quotient(const Map& map, const Tensors& ts, const Tensors& cts) {
  const DifferenceQuotient quotient = difference_quotient(map, ts);
  if (!quotient.judges) return str("difference quotients of ", map.path, " are off by ", quotient.error);

  const std::vector<double> tangents = flattened(value_of(jvp_of(map, ts)));
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (std::abs(tangents[i] - quotient.values[i]) <= quotient.error) continue;
    return str("jvp of ", map.path, ": entry ", i, " is ", tangents[i], ", difference quotient ", quotient.values[i],
               " +- ", quotient.error);
  }
  const Tensors cotangents = value_of(vjp_of(map, cts));
  const std::vector<double> weights = flattened(cts);
  double expected = 0, size = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    expected += weights[i] * quotient.values[i];
    size += std::abs(weights[i]);
  }
  const double got = inner(cotangents, ts);
  const double tolerance =
      quotient.error * size + rounding_tolerance(map.precision, absolute_inner(cotangents, ts), total_size(ts));
  if (std::abs(got - expected) <= tolerance) return {};
  return str("vjp of ", map.path, ": <vjp, t> is ", got, ", difference quotient ", expected, " +- ", tolerance);
}

// One order, all active arguments moved together; when that fails, one after the other to say which it is.
std::string check_one_order(const Map& map, Sampler& sampler) {
  const Tensors ts = tangents_for(map, sampler), cts = cotangents_for(map, sampler);
  const std::string message = compare_with_quotient(map, ts, cts);
  if (message.empty()) return {};
  for (std::size_t k = 0; k < map.active.size(); ++k) {
    Map single = map;
    single.active = {map.active[k]};
    const std::string culprit = compare_with_quotient(single, {ts[k]}, cts);
    if (!culprit.empty()) return str(culprit, " (argument ", map.active[k], ", seed ", sampler.seed(), ")");
  }
  return str(message, " (only for all arguments together, seed ", sampler.seed(), ")");
}

// The difference of two derivatives that must agree to rounding.
std::string compare_lists(const Tensors& got, const Tensors& expected, double tolerance) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string difference = mismatch(got[i], expected[i], tolerance);
    if (!difference.empty()) return str("number ", i, ", ", difference);
  }
  return {};
}

using Derivative = Map (*)(const Map&, const Tensors&);

// Entry k of every tensor of a bundle.
Tensors entry(const Tensors& bundle, std::int64_t k) {
  Tensors result;
  for (const Tensor& t : bundle) result.push_back(select(t, 0, k));
  return result;
}

std::string check_bundle(const Map& map, Derivative derivative, const Tensors& bundle, const Tensors& like) {
  constexpr std::int64_t kWidth = 3;
  const Map bundled = derivative(map, bundle);
  const Tensors together = value_of(bundled);
  std::string wrong = wrong_type(together, {kWidth}, like);
  for (std::int64_t k = 0; k < kWidth && wrong.empty(); ++k) {
    const Tensors alone = value_of(derivative(map, entry(bundle, k)));
    wrong = wrong_type(alone, {}, like);
    const double scale = std::max(1.0, max_abs(alone));
    if (wrong.empty()) {
      wrong = compare_lists(entry(together, k), alone, rounding_tolerance(map.precision, scale, total_size(bundle)));
    }
  }
  return wrong.empty() ? "" : str("bundle in ", bundled.path, ": ", wrong);
}

Tensors converted(const Tensors& xs, DType dtype) {
  Tensors result;
  for (const Tensor& x : xs) result.push_back(x.is_floating() ? cast(x, dtype) : x);
  return result;
}

// How much the outputs move when every active argument moves relatively by one: the largest over a few sign patterns.
double conditioning(const Map& map, Sampler& sampler) {
  double largest = max_abs(value_of(map));
  for (int pattern = 0; pattern < 4; ++pattern) {
    Tensors ts;
    for (const Tensor& x : active_arguments(map)) ts.push_back(x * sign(sampler.direction(x.shape())));
    largest = std::max(largest, max_abs(value_of(jvp_of(map, ts))));
  }
  return largest;
}

std::string compare_dtypes(const Map& map, Sampler& sampler) {
  const Tensors wide = value_of(map), narrow = evaluate(map, converted(map.arguments, DType::Float32));
  const double tolerance =
      rounding_tolerance(DType::Float32, conditioning(map, sampler), total_size(active_arguments(map)));
  const std::string wrong = compare_lists(narrow, wide, tolerance);
  if (!wrong.empty()) return str("float32 and float64 differ in ", map.path, ": ", wrong);
  for (const Tensor& y : narrow) {
    if (y.dtype() != DType::Float32) return str(map.path, " of float32 is ", y.dtype());
  }
  return {};
}

// Random numbers that are the same in either dtype.
Tensors as_float32_numbers(const Tensors& xs) { return converted(converted(xs, DType::Float32), DType::Float64); }

}  // namespace

std::string check_adjoint(const Map& map, Sampler& sampler) {
  const Tensors ts = tangents_for(map, sampler), cts = cotangents_for(map, sampler);
  const Tensors tangents = value_of(jvp_of(map, ts)), cotangents = value_of(vjp_of(map, cts));
  std::string wrong = wrong_type(tangents, {}, cts);
  if (!wrong.empty()) return str("jvp of ", map.path, ": ", wrong);
  wrong = wrong_type(cotangents, {}, ts);
  if (!wrong.empty()) return str("vjp of ", map.path, ": ", wrong);
  const double forward = inner(cts, tangents), reverse = inner(cotangents, ts);
  const double scale = absolute_inner(cts, tangents) + absolute_inner(cotangents, ts);
  if (std::abs(forward - reverse) <= rounding_tolerance(map.precision, scale, total_size(ts) + total_size(cts)))
    return {};
  return str("modes of ", map.path, " are not adjoint: <ct, jvp(t)> = ", forward, ", <vjp(ct), t> = ", reverse,
             " (seed ", sampler.seed(), ")");
}

std::string check_gradients(const Map& map, int order, Sampler& sampler) {
  if (order < 1) return {};
  std::string wrong = check_one_order(map, sampler);
  if (!wrong.empty() || order == 1) return wrong;
  wrong = check_gradients(jvp_of(map, tangents_for(map, sampler)), order - 1, sampler);
  if (!wrong.empty()) return wrong;
  return check_gradients(vjp_of(map, cotangents_for(map, sampler)), order - 1, sampler);
}

std::string check_bundles(const Map& map, Sampler& sampler) {
  const std::string wrong = check_bundle(map, jvp_of, tangents_for(map, sampler, {3}), value_of(map));
  if (!wrong.empty()) return wrong;
  return check_bundle(map, vjp_of, cotangents_for(map, sampler, {3}), active_arguments(map));
}

std::string check_parity(const Map& map, Sampler& sampler) {
  std::string wrong = compare_dtypes(map, sampler);
  if (wrong.empty()) wrong = compare_dtypes(jvp_of(map, as_float32_numbers(tangents_for(map, sampler))), sampler);
  if (wrong.empty()) wrong = compare_dtypes(vjp_of(map, as_float32_numbers(cotangents_for(map, sampler))), sampler);
  return wrong;
}

}  // namespace brenier::testing

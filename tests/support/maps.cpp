// See maps.h. Each evaluation records on a tape of its own; a derivative inside a derivative records on the same one.
#include "tests/support/maps.h"

#include <utility>

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace brenier::testing {

namespace {

Tensors picked(const Tensors& all, const std::vector<std::size_t>& positions) {
  Tensors result;
  for (std::size_t i : positions) result.push_back(all[i]);
  return result;
}

// The first `count` tensors, and the others.
std::pair<Tensors, Tensors> split(const Tensors& all, std::size_t count) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(count);
  return {Tensors(all.begin(), middle), Tensors(middle, all.end())};
}

// Zeros shaped like y, with the leading axes by which t exceeds x.
Tensor zero_derivative(const Tensor& y, const Tensor& t, const Tensor& x) {
  return zeros(t.shape().part(0, t.rank() - x.rank()) + y.shape(), y.dtype());
}

Tensors push_forward(const Tensors& ys, const Tensors& xs, const Tensors& ts) {
  Tensors recorded, result;
  for (const Tensor& y : ys) {
    if (y.recorded()) recorded.push_back(y);
  }
  const Tensors tangents = recorded.empty() ? Tensors{} : jvp(recorded, xs, ts);
  std::size_t next = 0;
  for (const Tensor& y : ys) result.push_back(y.recorded() ? tangents[next++] : zero_derivative(y, ts[0], xs[0]));
  return result;
}

Tensors pull_back(const Tensors& ys, const Tensors& xs, const Tensors& cts) {
  Tensors recorded, cotangents, result;
  for (std::size_t i = 0; i < ys.size(); ++i) {
    if (!ys[i].recorded()) continue;
    recorded.push_back(ys[i]);
    cotangents.push_back(cts[i]);
  }
  if (!recorded.empty()) return vjp(recorded, xs, cotangents);
  for (const Tensor& x : xs) result.push_back(zero_derivative(x, cts[0], ys[0]));
  return result;
}

// The map with more arguments, all of them active, and another function.
Map extended(const Map& map, const char* what, const Tensors& more, VectorFunction function) {
  Map result{what + (" of " + map.path), std::move(function), map.arguments, map.active, map.precision};
  for (const Tensor& t : more) {
    result.active.push_back(result.arguments.size());
    result.arguments.push_back(t);
  }
  return result;
}

}  // namespace

Tensors evaluate(const Map& map, const Tensors& arguments) {
  Tape tape;
  Tensors watched, values;
  for (const Tensor& x : arguments) watched.push_back(tape.watch(x));
  for (const Tensor& y : map.function(watched)) values.push_back(y.detached());
  return values;
}

Tensors value_of(const Map& map) { return evaluate(map, map.arguments); }

Tensors active_arguments(const Map& map) { return picked(map.arguments, map.active); }

Tensors tangents_for(const Map& map, Sampler& sampler, const Shape& bundle) {
  Tensors result;
  for (const Tensor& x : active_arguments(map)) result.push_back(sampler.direction(bundle + x.shape(), x.dtype()));
  return result;
}

Tensors cotangents_for(const Map& map, Sampler& sampler, const Shape& bundle) {
  Tensors result;
  for (const Tensor& y : value_of(map)) result.push_back(sampler.direction(bundle + y.shape(), y.dtype()));
  return result;
}

Map jvp_of(const Map& map, const Tensors& tangents) {
  const std::size_t count = map.arguments.size();
  return extended(map, "jvp", tangents, [f = map.function, active = map.active, count](const Tensors& arguments) {
    const auto [primals, ts] = split(arguments, count);
    return push_forward(f(primals), picked(primals, active), ts);
  });
}

Map vjp_of(const Map& map, const Tensors& cotangents) {
  const std::size_t count = map.arguments.size();
  return extended(map, "vjp", cotangents, [f = map.function, active = map.active, count](const Tensors& arguments) {
    const auto [primals, cts] = split(arguments, count);
    return pull_back(f(primals), picked(primals, active), cts);
  });
}

}  // namespace brenier::testing

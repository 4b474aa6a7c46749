// What an input-convex potential u with parameters θ is asked for, float32:
//
//   forward          u(x)
//   grad_x           ∇u(x)
//   hvp              v -> ∇²u(x) v where ∇u(x) is recorded already: what conjugate gradients repeat
//   double_backward  L = mean |∇u(x) - t|² and dL/dθ
#include "bench/workloads/flow_potential.h"
#include "engine/str.h"
#include "models/gradient_map.h"

namespace brenier::bench {
namespace {

// Inputs: x and, for a training step, t; then the parameters.
template <class Potential>
Potential potential_of(const Potential& shape, const Tensors& inputs, std::ptrdiff_t data) {
  return with_parameters(shape, {inputs.begin() + data, inputs.end()});
}

template <class A>
std::pair<Formula, Tensors> forward(const Size& size) {
  const auto potential = formula_potential<A>(size);
  Tensors inputs = parameter_values(potential);
  inputs.insert(inputs.begin(), size.points());
  return {[=](const Tensors& in) { return Tensors{potential_of(potential, in, 1)(in[0])}; }, inputs};
}

template <class A>
std::pair<Formula, Tensors> gradient(const Size& size) {
  auto [value, inputs] = forward<A>(size);
  const auto potential = formula_potential<A>(size);
  return {[=](const Tensors& in) { return Tensors{gradient_map(potential_of(potential, in, 1), in[0])}; }, inputs};
}

template <class A>
std::pair<Formula, Tensors> double_backward(const Size& size) {
  const auto potential = formula_potential<A>(size);
  Tensors inputs = parameter_values(potential);
  inputs.insert(inputs.begin(), {size.points(), size.target()});
  const auto formula = [=](const Tensors& in) {
    const auto recorded_potential = potential_of(potential, in, 2);
    Tensors results{mean(square(gradient_map(recorded_potential, in[0]) - in[1]))};
    for (const Tensor& slope : grad(results[0], parameter_values(recorded_potential))) results.push_back(slope);
    return results;
  };
  return {formula, inputs};
}

template <class A>
Prepared hessian_product(const Size& size) {
  const auto potential = formula_potential<A>(size);
  Tape tape;
  const Tensor x = tape.watch(size.points());
  const Linearization hessian = linearize(grad(sum(potential(x)), x), x);
  return {.run = [hessian, v = size.direction()] { return Tensors{hessian(v)}; },
          .values = {},
          .arena_bytes = hessian.program().arena_bytes()};
}

template <class A>
void add_size(std::vector<Workload>& list, const char* activation, const Size& size) {
  const auto name = [&](const char* operation) { return str(size.name, "/", activation, "/", operation); };
  const auto work = [&](double passes) { return size.work(passes, is_gaussian<A>); };
  add_formula(list, name("forward"), work(1), evaluated, [=] { return forward<A>(size); });
  add_formula(list, name("grad_x"), work(2), evaluated, [=] { return gradient<A>(size); });
  list.push_back({.name = name("hvp"), .work = size.work(2, false), .eager = {}, .compiled = [=] {
                    return hessian_product<A>(size);
                  }});
  add_formula(list, name("double_backward"), work(6), recorded, [=] { return double_backward<A>(size); });
}

}  // namespace

void add_potentials(std::vector<Workload>& list) {
  for (const Size& size : {kB1, kB2, kB3, kB4}) {
    add_size<GaussianSoftplus>(list, "gaussian", size);
    add_size<Softplus>(list, "logistic", size);
  }
}

}  // namespace brenier::bench

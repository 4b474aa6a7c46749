// An input-augmented ICNN u with parameters θ, float32, as CP-Flow trains it: what one evaluation of each kind costs.
//
//   forward           u(x)
//   gradient          ∇u(x)
//   hessian_product   v -> ∇²u(x) v, linearized once: what conjugate gradients repeat
//   training_step     d/dθ of mean |∇u(x) - t|², a gradient through a gradient
//
// Work counts matrix products only, by M = d h + (L-1)(h²/2 + d h) + h + d multiply-adds per row: M for a forward pass,
// 2 M for a gradient and a Hessian product, 6 M for a training step.
#include "bench/icnn_workload.h"
#include "bench/measure.h"
#include "bench/register.h"
#include "engine/str.h"
#include "models/gradient_map.h"

namespace brenier::bench {
namespace {

template <class A>
void run_forward(benchmark::State& state, const Size& size) {
  const Inputs in(size);
  const auto icnn = make_icnn<A>(size, in.points);
  measure(state, size.work(1), [&] { return icnn(in.points); });
}

template <class A>
void run_gradient(benchmark::State& state, const Size& size) {
  const Inputs in(size);
  const auto icnn = make_icnn<A>(size, in.points);
  measure(state, size.work(2), [&] { return gradient_map(icnn, in.points); });
}

template <class A>
void run_hessian_product(benchmark::State& state, const Size& size) {
  const Inputs in(size);
  const auto icnn = make_icnn<A>(size, in.points);
  Tape tape;
  const Tensor x = tape.watch(in.points);
  const Linearization hessian = linearize(grad(sum(icnn(x)), x), x);
  measure(state, size.work(2), [&] { return hessian(in.target); });
}

template <class A>
void run_training_step(benchmark::State& state, const Size& size) {
  const Inputs in(size);
  const auto icnn = make_icnn<A>(size, in.points);
  measure(state, size.work(6), [&] {
    Tape tape;
    const auto recorded = tape.watch(icnn);
    const Tensor loss = mean(square(gradient_map(recorded, in.points) - in.target));
    return parameters_of(grad(loss, recorded));
  });
}

template <class A>
void register_activation(const char* activation, const Size& size) {
  const auto add = [&](const char* what, void (*run)(benchmark::State&, const Size&)) {
    benchmark::RegisterBenchmark(str("icnn/", size.name, "/", activation, "/", what).c_str(),
                                 [=](benchmark::State& state) { run(state, size); });
  };
  add("forward", run_forward<A>);
  add("gradient", run_gradient<A>);
  add("hessian_product", run_hessian_product<A>);
  add("training_step", run_training_step<A>);
}

}  // namespace

void register_icnn() {
  for (const Size& size : kSizes) {
    register_activation<GaussianSoftplus>("gaussian", size);
    register_activation<Softplus>("logistic", size);
  }
}

}  // namespace brenier::bench

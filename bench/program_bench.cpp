// The training step of icnn_bench.cpp as a program, beside the eager one: d/dθ of mean |∇u(x) - t|².
//
//   eager     records and differentiates every time
//   compiled  replays what was recorded once
//   compile   from the recorded tape to the program, without the recording
//
// `arena_MB` is the memory of all intermediate values of a program; eager's `peak_MB` is what a step holds at most.
#include "bench/icnn_workload.h"
#include "bench/register.h"
#include "engine/compile_gradient.h"
#include "engine/memory.h"
#include "engine/str.h"
#include "models/gradient_map.h"

namespace brenier::bench {
namespace {

constexpr double kPasses = 6;  // in forward passes, see icnn_bench.cpp
constexpr double kMega = 1e6;

template <class A>
struct Step {
  Inputs in;
  AugmentedIcnn<A> icnn;

  explicit Step(const Size& size) : in(size), icnn(make_icnn<A>(size, in.points)) {}
  static Tensor loss(const AugmentedIcnn<A>& model, const std::vector<Tensor>& data) {
    return mean(square(gradient_map(model, data[0]) - data[1]));
  }
  std::vector<Tensor> data() const { return {in.points, in.target}; }
};

template <class A>
void run_eager(benchmark::State& state, const Size& size) {
  const Step<A> step(size);
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  measure(state, size.work(kPasses), [&] {
    Tape tape;
    const auto recorded = tape.watch(step.icnn);
    return parameters_of(grad(Step<A>::loss(recorded, step.data()), recorded));
  });
  state.counters["peak_MB"] = static_cast<double>(memory_stats().peak_bytes - before) / kMega;
}

template <class A>
void run_compiled(benchmark::State& state, const Size& size) {
  const Step<A> step(size);
  const auto compiled = compile_gradient(step.icnn, step.data(), Step<A>::loss);
  measure(state, size.work(kPasses), [&] { return compiled(step.icnn, step.data()); });
  state.counters["arena_MB"] = static_cast<double>(compiled.program().arena_bytes()) / kMega;
}

template <class A>
void run_compile(benchmark::State& state, const Size& size) {
  const Step<A> step(size);
  Tape tape({.recording_program = true});
  std::vector<Tensor> inputs{tape.watch(step.in.points), tape.watch(step.in.target)}, outputs;
  const std::vector<Tensor> data = inputs;
  const auto recorded = tape.watch(step.icnn);
  for (const NamedParameter& parameter : parameters_of(recorded)) inputs.push_back(parameter.value);
  outputs.push_back(Step<A>::loss(recorded, data));
  for (const NamedParameter& slope : parameters_of(grad(outputs[0], recorded))) outputs.push_back(slope.value);
  measure(state, {}, [&] { return compile(inputs, outputs); });
}

template <class A>
void register_step(const char* activation, const Size& size) {
  const auto add = [&](const char* what, void (*run)(benchmark::State&, const Size&)) {
    benchmark::RegisterBenchmark(str("program/", size.name, "/", activation, "/training_step/", what).c_str(),
                                 [=](benchmark::State& state) { run(state, size); });
  };
  add("eager", run_eager<A>);
  add("compiled", run_compiled<A>);
  add("compile", run_compile<A>);
}

}  // namespace

void register_program() {
  for (const Size& size : kSizes) {
    register_step<GaussianSoftplus>("gaussian", size);
    register_step<Softplus>("logistic", size);
  }
}

}  // namespace brenier::bench

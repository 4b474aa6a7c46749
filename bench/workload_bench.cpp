// The workloads (bench/workloads/workload.h) under Google Benchmark, on one thread, side by side:
//
//   NAME/eager      operation after operation
//   NAME/compiled   the program; arena_MB is the memory of all its intermediate values
//   NAME/compile    making the data, recording, and compiling
//
// %bound is the least time by the roofline over the time measured; peak_MB is what a call holds at most, results
// included.
#include "bench/measure.h"
#include "bench/register.h"
#include "bench/workloads/workload.h"
#include "engine/memory.h"

namespace brenier::bench {
namespace {

constexpr double kMega = 1e6;

void run_form(benchmark::State& state, const Workload& workload, const std::function<Prepared()>& form) {
  const Prepared prepared = form();
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  const double start = seconds_used();
  measure(state, workload.work, prepared.run);
  const double seconds = (seconds_used() - start) / static_cast<double>(state.iterations() + 1);
  const double bound = on_cpu() ? bound_seconds(workload.work, 1) : 0;
  if (bound > 0) state.counters["%bound"] = 100.0 * bound / seconds;
  state.counters["peak_MB"] = static_cast<double>(memory_stats().peak_bytes - before) / kMega;
  if (prepared.arena_bytes > 0) state.counters["arena_MB"] = static_cast<double>(prepared.arena_bytes) / kMega;
}

void register_form(const Workload& workload, const char* form_name, const std::function<Prepared()>& form) {
  if (!form) return;
  benchmark::RegisterBenchmark((workload.name + "/" + form_name).c_str(),
                               [&workload, form](benchmark::State& state) { run_form(state, workload, form); });
}

}  // namespace

void register_workloads() {
  for (const Workload& workload : workloads()) {
    register_form(workload, "eager", workload.eager);
    register_form(workload, "compiled", workload.compiled);
    if (!workload.compiled) continue;
    benchmark::RegisterBenchmark((workload.name + "/compile").c_str(), [&workload](benchmark::State& state) {
      for (auto iteration : state) {
        static_cast<void>(iteration);
        benchmark::DoNotOptimize(workload.compiled());
      }
    })->Iterations(3);
  }
}

}  // namespace brenier::bench

// Rates are per CPU second: on a shared machine, waiting for a core is not the fault of the code. Google Benchmark's
// own rate counters would print a fraction as if it had a unit. On another device it is the clock that counts.
#include "bench/measure.h"

#include <chrono>
#include <ctime>

#include "bench/peaks.h"
#include "engine/memory.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::bench {

void report(benchmark::State& state, const Work& work, double seconds, std::uint64_t allocations) {
  const double iterations = static_cast<double>(state.iterations());
  const auto add_rate = [&](const char* unit, double amount, const char* fraction, auto peak) {
    const double rate = amount * iterations / seconds;
    state.counters[unit] = rate * 1e-9;
    if (on_cpu()) state.counters[fraction] = 100.0 * rate / peak();
  };
  if (work.flops > 0) add_rate("GFLOP/s", work.flops, "%fma", [&] { return fma_peak(work.dtype); });
  if (work.bytes > 0)
    add_rate("GB/s", work.bytes, "%triad", [&] { return stream_bandwidth(static_cast<std::size_t>(work.bytes)); });
  state.counters["allocations"] = static_cast<double>(allocations) / iterations;
}

double seconds_used() {
  if (on_cpu()) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::uint64_t allocation_count() { return memory_stats().requests; }

Tensor sample(const Shape& shape, DType dtype, std::uint64_t seed) {
  return 2.0 * random_uniform(RandomKey(seed, 0), shape, dtype) - 1.0;
}

const char* short_name(DType dtype) { return dtype == DType::Float32 ? "f32" : "f64"; }

std::string shape_name(const Shape& shape) {
  std::string name = shape.empty() ? "scalar" : str(shape[0]);
  for (int axis = 1; axis < shape.rank(); ++axis) name += str("x", shape[axis]);
  return name;
}

}  // namespace brenier::bench

// One timed loop for all benches: runs a function, and reports beside its time
//
//   GFLOP/s, %fma     floating-point operations, and their percentage of the measured peak
//   GB/s, %triad      bytes read and written at least, and their percentage of a triad over as many bytes
//   allocations       blocks asked from the allocator per iteration; those served from its cache count too
//
// Benches are named like paths, operation/what/dtype/shape, so that --benchmark_filter can select a branch.
#pragma once

#include <benchmark/benchmark.h>

#include <string>

#include "bench/workloads/bound.h"
#include "bench/workloads/device.h"
#include "engine/tensor.h"

namespace brenier::bench {

template <class Function>
void measure(benchmark::State& state, const Work& work, Function&& function);

// Uniform numbers in [-1, 1), always the same ones for the same seed.
Tensor sample(const Shape& shape, DType dtype, std::uint64_t seed = 1);

// "f32" or "f64", and "128x32": the parts of a bench's name.
const char* short_name(DType dtype);
std::string shape_name(const Shape& shape);

// For measure(): adds the counters.
void report(benchmark::State& state, const Work& work, double seconds, std::uint64_t allocations);
std::uint64_t allocation_count();
double seconds_used();  // by this process so far, of a core; of the clock where the work is done by another device

template <class Function>
void measure(benchmark::State& state, const Work& work, Function&& function) {
  benchmark::DoNotOptimize(function());  // fills the allocator's cache
  finish_device();
  const std::uint64_t before = allocation_count();
  const double start = seconds_used();
  for (auto iteration : state) {
    static_cast<void>(iteration);
    benchmark::DoNotOptimize(function());
    finish_device();
  }
  report(state, work, seconds_used() - start, allocation_count() - before);
}

}  // namespace brenier::bench

// Runs the benches; ./run bench -- --benchmark_filter=gemm selects some, --benchmark_format=json is for programs.
// The measured peaks are printed first, as part of Google Benchmark's context. --device NAME chooses another device than
// the CPU; times are then those of the clock, and there is no peak to compare with.
#include <benchmark/benchmark.h>

#include "bench/peaks.h"
#include "bench/register.h"
#include "bench/workloads/device.h"
#include "engine/str.h"

namespace {

void add_peaks() {
  using namespace brenier;
  const auto giga = [](double value) { return str(value * 1e-9); };
  benchmark::AddCustomContext("vectors", bench::vector_extension());
  benchmark::AddCustomContext("fma_peak_f32_gflops", giga(bench::fma_peak(DType::Float32)));
  benchmark::AddCustomContext("fma_peak_f64_gflops", giga(bench::fma_peak(DType::Float64)));
  benchmark::AddCustomContext("triad_512KiB_gbytes", giga(bench::stream_bandwidth(std::size_t{512} << 10)));
  benchmark::AddCustomContext("triad_256MiB_gbytes", giga(bench::stream_bandwidth(std::size_t{256} << 20)));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace brenier;
  bench::choose_device(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (bench::on_cpu()) add_peaks();
  bench::register_elementwise();
  bench::register_reduce();
  if (bench::on_cpu()) bench::register_vector_math();
  bench::register_workloads();
  benchmark::RunSpecifiedBenchmarks();
}

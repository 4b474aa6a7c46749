#include "bench/workloads/bound.h"

#include <algorithm>
#include <chrono>

#include "bench/peaks.h"
#include "bench/workloads/recording.h"
#include "engine/backend.h"

namespace brenier::bench {
namespace {

double measure_gaussian_softplus() {
  constexpr int kCalls = 100, kRuns = 15;
  constexpr std::int64_t kCount = 4096;
  const Tensor x = formula_tensor(1, {kCount}, 4.0);
  Tensor y = Tensor::uninitialized({kCount}, DType::Float32, cpu_backend());
  const Tensor* const inputs[] = {&x};
  const Attributes attributes;
  const Kernel kernel = cpu_backend().kernels[static_cast<std::size_t>(OpCode::GaussianSoftplus)];
  using Clock = std::chrono::steady_clock;
  double best = 1e300;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    for (int call = 0; call < kCalls; ++call) kernel({inputs, y, attributes});
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best / static_cast<double>(kCalls * kCount);
}

}  // namespace

double gaussian_softplus_seconds() {
  static const double seconds = measure_gaussian_softplus();
  return seconds;
}

double bound_seconds(const Work& work, int threads) {
  double seconds = 0;
  if (work.flops > 0) seconds += work.flops / fma_peak(work.dtype);
  if (work.gaussian_elements > 0) seconds += work.gaussian_elements * gaussian_softplus_seconds();
  if (work.bytes > 0) seconds = std::max(seconds, work.bytes / stream_bandwidth(static_cast<std::size_t>(work.bytes)));
  return seconds / threads;
}

}  // namespace brenier::bench

#include "bench/cuda/timing.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "engine/cuda/runtime.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

constexpr int kWarmUps = 5;
constexpr std::size_t kSamples = 21;

class Event {
 public:
  Event() { check_cuda(cudaEventCreate(&event_), "cudaEventCreate"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  void record() { check_cuda(cudaEventRecord(event_, stream()), "cudaEventRecord"); }
  double us_since(const Event& start) const {
    float milliseconds = 0;
    check_cuda(cudaEventSynchronize(event_), "cudaEventSynchronize");
    check_cuda(cudaEventElapsedTime(&milliseconds, start.event_, event_), "cudaEventElapsedTime");
    return 1e3 * milliseconds;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

// Overwrites twice as many bytes as the second-level cache holds, and at least 256 MiB.
void empty_cache() {
  static const std::size_t bytes = [] {
    int cache = 0;
    check_cuda(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, 0), "cudaDeviceGetAttribute");
    return std::max(std::size_t{256} << 20, 2 * static_cast<std::size_t>(cache));
  }();
  static void* const memory = device_memory(bytes);
  check_cuda(cudaMemsetAsync(memory, 0, bytes, stream()), "cudaMemsetAsync");
}

double sample_us(const std::function<void()>& run, int calls, Cache cache) {
  Event start, stop;
  if (cache == Cache::Emptied) empty_cache();
  start.record();
  for (int i = 0; i < calls; ++i) run();
  stop.record();
  return stop.us_since(start) / calls;
}

}  // namespace

void check_cuda(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw std::runtime_error(str("[cuda_bench] ", what, ": ", cudaGetErrorString(status)));
}

void check_cublas(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(str("[cuda_bench] ", what, ": ", cublasGetStatusString(status)));
}

cudaStream_t stream() { return static_cast<cudaStream_t>(cuda::stream_handle()); }

cublasHandle_t blas() {
  static const cublasHandle_t handle = [] {
    cublasHandle_t made = nullptr;
    check_cublas(cublasCreate(&made), "cublasCreate");
    check_cublas(cublasSetStream(made, stream()), "cublasSetStream");
    return made;
  }();
  return handle;
}

void* device_memory(std::size_t bytes) {
  void* memory = nullptr;
  check_cuda(cudaMalloc(&memory, bytes), "cudaMalloc");
  return memory;
}

GpuTime gpu_time(const std::function<void()>& run, int calls, Cache cache) {
  for (int i = 0; i < kWarmUps; ++i) run();
  std::array<double, kSamples> samples{};
  for (double& us : samples) us = sample_us(run, calls, cache);
  std::sort(samples.begin(), samples.end());
  const double median = samples[kSamples / 2];
  return {median, (samples[kSamples * 3 / 4] - samples[kSamples / 4]) / median};
}

double copy_bandwidth() {
  static const double bandwidth = [] {
    constexpr std::size_t kBytes = std::size_t{512} << 20;
    const void* const from = device_memory(kBytes);
    void* const to = device_memory(kBytes);
    const auto copy = [=] {
      check_cuda(cudaMemcpyAsync(to, from, kBytes, cudaMemcpyDeviceToDevice, stream()), "cudaMemcpyAsync");
    };
    return 2e-3 * static_cast<double>(kBytes) / gpu_time(copy).us;
  }();
  return bandwidth;
}

}  // namespace brenier::bench

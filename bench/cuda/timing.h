// How long the device takes: events before and after the work in the stream of the backend, with the cache emptied
// before each sample. Emptying it takes longer than the host needs to hand over a few launches, so that the device does
// not wait for the host between the two events.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <functional>

namespace brenier::bench {

void check_cuda(cudaError_t status, const char* what);
void check_cublas(cublasStatus_t status, const char* what);

cudaStream_t stream();                   // of the backend
cublasHandle_t blas();                   // works in that stream
void* device_memory(std::size_t bytes);  // kept to the end

struct GpuTime {
  double us;      // median of the samples, per call
  double spread;  // distance of the quartiles over the median
};
enum class Cache { Emptied, Kept };
// After 5 calls to warm up: 21 samples of `calls` calls.
GpuTime gpu_time(const std::function<void()>& run, int calls = 1, Cache cache = Cache::Emptied);

// Bytes read and written per second when 512 MiB are copied within the memory of the device, in GB/s. Measured once.
double copy_bandwidth();

}  // namespace brenier::bench

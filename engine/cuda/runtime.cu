// The runtime on the CUDA runtime: one device, one stream of our own, and every call checked.
//
// Copies to the device pass through a ring of pinned buffers, so that the caller may change its memory at once while
// the stream is still busy. The error word travels to the host behind every copy there, before the one wait.
#include "engine/cuda/runtime.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

#include "engine/str.h"

namespace brenier::cuda {

namespace {

void check(cudaError_t status, const char* op, const char* expression, int line) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // an error that is not fatal is forgotten, for the next call to work
  throw std::runtime_error(
      str("[", op, "] ", expression, " failed: ", cudaGetErrorString(status), " (", __FILE__, ":", line, ")"));
}
#define BRENIER_CUDA_CHECK(op, expression) check(expression, op, #expression, __LINE__)

constexpr std::size_t kStagingBytes = std::size_t{1} << 20;
constexpr std::size_t kPlainShared = 48 * 1024;  // a kernel must be told when it may use more

struct StagingBuffer {
  void* data = nullptr;
  cudaEvent_t free = nullptr;
};

// What the process holds of the device, made at the first use and kept to the end: at exit the driver may be gone first.
struct Device {
  Device();

  cudaStream_t stream = nullptr;
  std::array<StagingBuffer, 4> staging{};
  std::size_t next_staging = 0;
  unsigned* error_word = nullptr;       // on the device
  unsigned* error_word_copy = nullptr;  // pinned
  int multiprocessors = 0;
  bool has_warpgroups = false;
  std::string name;
  bool capturing = false;
  std::unordered_map<const void*, std::size_t> shared_limits{};  // by kernel, where it is more than the plain limit
};

Device::Device() {
  BRENIER_CUDA_CHECK("cuda", cudaSetDevice(0));
  BRENIER_CUDA_CHECK("cuda", cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  for (StagingBuffer& buffer : staging) {
    BRENIER_CUDA_CHECK("cuda", cudaMallocHost(&buffer.data, kStagingBytes));
    BRENIER_CUDA_CHECK("cuda", cudaEventCreateWithFlags(&buffer.free, cudaEventDisableTiming));
  }
  BRENIER_CUDA_CHECK("cuda", cudaMalloc(&error_word, sizeof(unsigned)));
  BRENIER_CUDA_CHECK("cuda", cudaMallocHost(&error_word_copy, sizeof(unsigned)));
  BRENIER_CUDA_CHECK("cuda", cudaMemsetAsync(error_word, 0, sizeof(unsigned), stream));
  cudaDeviceProp properties{};
  BRENIER_CUDA_CHECK("cuda", cudaGetDeviceProperties(&properties, 0));
  multiprocessors = properties.multiProcessorCount;
  has_warpgroups = properties.major == 9 && properties.minor == 0;
  name = properties.name;
}

using Lock = std::lock_guard<std::recursive_mutex>;
std::recursive_mutex& mutex() {
  static auto& only = *new std::recursive_mutex;
  return only;
}

Device& device() {
  static Device& only = *new Device;
  return only;
}

void refuse_in_capture(const char* what) {
  if (device().capturing) throw std::logic_error(str("[cuda] ", what, " during a capture"));
}

void wait_and_check_error_word(const char* op) {
  Device& d = device();
  BRENIER_CUDA_CHECK(
      op, cudaMemcpyAsync(d.error_word_copy, d.error_word, sizeof(unsigned), cudaMemcpyDeviceToHost, d.stream));
  BRENIER_CUDA_CHECK(op, cudaStreamSynchronize(d.stream));
  const unsigned bits = *d.error_word_copy;
  if (bits == 0) return;
  BRENIER_CUDA_CHECK(op, cudaMemsetAsync(d.error_word, 0, sizeof(unsigned), d.stream));
  throw std::invalid_argument(describe_error_word(bits));
}

// Kernels use more than 48 KiB of dynamic shared memory only after this, once for each.
void allow_shared_memory(const LaunchShape& shape, const void* kernel) {
  if (shape.dynamic_shared <= kPlainShared) return;
  std::size_t& limit = device().shared_limits[kernel];
  if (shape.dynamic_shared <= limit) return;
  BRENIER_CUDA_CHECK(shape.op, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                    static_cast<int>(shape.dynamic_shared)));
  limit = shape.dynamic_shared;
}

}  // namespace

bool available() {
  static const bool answer = [] {
    int count = 0;
    const bool any = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
    static_cast<void>(cudaGetLastError());
    return any;
  }();
  return answer;
}

std::string device_name() {
  const Lock lock(mutex());
  return available() ? device().name : "none";
}

int multiprocessors() {
  const Lock lock(mutex());
  return device().multiprocessors;
}

bool has_warpgroups() {
  const Lock lock(mutex());
  return device().has_warpgroups;
}

void* allocate(std::size_t bytes) {
  const Lock lock(mutex());
  device();
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, std::max<std::size_t>(bytes, 1));
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    std::size_t there = 0, all = 0;
    BRENIER_CUDA_CHECK("cuda", cudaMemGetInfo(&there, &all));
    throw OutOfMemory(
        str("[cuda] out of device memory: ", bytes, " bytes were asked for, ", there, " of ", all, " are free"));
  }
  check(status, "cuda", "cudaMalloc", __LINE__);
  return data;
}

void release(void* data, std::size_t /*bytes*/) {
  const Lock lock(mutex());
  BRENIER_CUDA_CHECK("cuda", cudaFree(data));
}

void copy_to_device(void* to, const void* from, std::size_t bytes) {
  const Lock lock(mutex());
  refuse_in_capture("copy_to_device");
  Device& d = device();
  for (std::size_t done = 0; done < bytes; done += kStagingBytes) {
    const StagingBuffer& buffer = d.staging[d.next_staging++ % d.staging.size()];
    const std::size_t part = std::min(kStagingBytes, bytes - done);
    BRENIER_CUDA_CHECK("copy_to_device", cudaEventSynchronize(buffer.free));
    std::memcpy(buffer.data, static_cast<const char*>(from) + done, part);
    BRENIER_CUDA_CHECK("copy_to_device", cudaMemcpyAsync(static_cast<char*>(to) + done, buffer.data, part,
                                                         cudaMemcpyHostToDevice, d.stream));
    BRENIER_CUDA_CHECK("copy_to_device", cudaEventRecord(buffer.free, d.stream));
  }
}

void copy_to_host(void* to, const void* from, std::size_t bytes) {
  const Lock lock(mutex());
  refuse_in_capture("copy_to_host");
  if (bytes > 0) {
    BRENIER_CUDA_CHECK("copy_to_host", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, device().stream));
  }
  wait_and_check_error_word("copy_to_host");
}

void copy_on_device(void* to, const void* from, std::size_t bytes) {
  const Lock lock(mutex());
  if (bytes == 0) return;
  BRENIER_CUDA_CHECK("copy_on_device", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, device().stream));
}

void synchronize() {
  const Lock lock(mutex());
  refuse_in_capture("synchronize");
  wait_and_check_error_word("synchronize");
}

unsigned* error_word() {
  const Lock lock(mutex());
  return device().error_word;
}

void* stream_handle() {
  const Lock lock(mutex());
  return device().stream;
}

void launch_kernel(const LaunchShape& shape, const void* kernel, void** arguments) {
  const Lock lock(mutex());
  allow_shared_memory(shape, kernel);
  const dim3 grid(shape.grid.x, shape.grid.y, shape.grid.z), block(shape.block.x, shape.block.y, shape.block.z);
  BRENIER_CUDA_CHECK(shape.op, cudaLaunchKernel(kernel, grid, block, arguments, shape.dynamic_shared, device().stream));
}

struct LaunchGraph::Recording {
  cudaGraphExec_t graph = nullptr;
  // Errors of a destructor have nowhere to go, and at exit the driver may be gone.
  ~Recording() {
    if (graph) static_cast<void>(cudaGraphExecDestroy(graph));
  }
};

LaunchGraph::LaunchGraph(std::unique_ptr<Recording> recording) : recording_(std::move(recording)) {}
LaunchGraph::LaunchGraph(LaunchGraph&&) noexcept = default;
LaunchGraph& LaunchGraph::operator=(LaunchGraph&&) noexcept = default;
LaunchGraph::~LaunchGraph() = default;

namespace {

// Ends the capture that is under way.
cudaGraph_t end_capture() {
  cudaGraph_t graph = nullptr;
  device().capturing = false;
  BRENIER_CUDA_CHECK("capture", cudaStreamEndCapture(device().stream, &graph));
  return graph;
}

}  // namespace

LaunchGraph capture(const std::function<void()>& body) {
  const Lock lock(mutex());
  refuse_in_capture("capture");
  // Relaxed: the body may allocate.
  BRENIER_CUDA_CHECK("capture", cudaStreamBeginCapture(device().stream, cudaStreamCaptureModeRelaxed));
  device().capturing = true;
  try {
    body();
  } catch (...) {
    cudaGraph_t graph = nullptr;
    device().capturing = false;
    // The body's own error is the one to report.
    if (cudaStreamEndCapture(device().stream, &graph) == cudaSuccess) static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  cudaGraph_t graph = end_capture();
  auto recording = std::make_unique<LaunchGraph::Recording>();
  const cudaError_t status = cudaGraphInstantiate(&recording->graph, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  check(status, "capture", "cudaGraphInstantiate", __LINE__);
  return LaunchGraph(std::move(recording));
}

void replay(const LaunchGraph& graph) {
  const Lock lock(mutex());
  refuse_in_capture("replay");
  BRENIER_CUDA_CHECK("replay", cudaGraphLaunch(graph.recording().graph, device().stream));
}

}  // namespace brenier::cuda

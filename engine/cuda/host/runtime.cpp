// The runtime without a GPU: a launch runs its threads before it returns, a recording is a list of closures.
#include "engine/cuda/runtime.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/cuda/host/memory.h"
#include "engine/cuda/host/scheduler.h"
#include "engine/str.h"

namespace brenier::cuda_on_host {

struct LaunchGraph::Recording {
  std::vector<std::function<void()>> steps{};
};

namespace {

using Lock = std::lock_guard<std::recursive_mutex>;

std::recursive_mutex& mutex() {
  static auto& only = *new std::recursive_mutex;
  return only;
}

LaunchGraph::Recording* recording = nullptr;  // of the capture that is under way

std::uint64_t next_launch() {
  const char* text = std::getenv("BRENIER_SHIM_SEED");
  static std::uint64_t launch = text ? std::strtoull(text, nullptr, 10) << 32 : 0;
  return launch++;
}

void refuse_in_capture(const char* what) {
  if (recording) throw std::logic_error(str("[cuda] ", what, " during a capture"));
}

void record_or_do(std::function<void()> step) {
  if (recording) {
    recording->steps.push_back(std::move(step));
  } else {
    step();
  }
}

void check_shape(const LaunchShape& shape) {
  const auto& [grid, block, dynamic_shared, op] = shape;
  const bool empty = grid.x * block.x == 0 || grid.y * block.y == 0 || grid.z * block.z == 0;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (empty || threads > 1024 || block.z > 64 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) {
    throw std::invalid_argument(str("[", op, "] no launch has a grid of ", grid.x, " x ", grid.y, " x ", grid.z,
                                    " blocks of ", block.x, " x ", block.y, " x ", block.z, " threads"));
  }
  if (dynamic_shared > 227 * 1024) {
    throw std::invalid_argument(str("[", op, "] ", dynamic_shared, " bytes of shared memory; there are 227 KiB"));
  }
}

void check_error_word() {
  unsigned* word = error_word();
  const DeviceMemory::Access access;
  const unsigned bits = std::exchange(*word, 0u);
  if (bits) throw std::invalid_argument(describe_error_word(bits));
}

}  // namespace

bool available() { return true; }
std::string device_name() { return "host"; }
int multiprocessors() { return 4; }
bool has_warpgroups() { return true; }

void* allocate(std::size_t bytes) {
  const Lock lock(mutex());
  return DeviceMemory::instance().allocate(bytes);
}

void release(void* data, std::size_t bytes) {
  const Lock lock(mutex());
  DeviceMemory::instance().release(data, bytes);
}

void copy_to_device(void* to, const void* from, std::size_t bytes) {
  const Lock lock(mutex());
  refuse_in_capture("copy_to_device");
  if (bytes == 0) return;
  DeviceMemory::instance().check(to, bytes, "copy_to_device");
  const DeviceMemory::Access access;
  std::memcpy(to, from, bytes);
}

void copy_to_host(void* to, const void* from, std::size_t bytes) {
  const Lock lock(mutex());
  refuse_in_capture("copy_to_host");
  check_error_word();
  if (bytes == 0) return;
  DeviceMemory::instance().check(from, bytes, "copy_to_host");
  const DeviceMemory::Access access;
  std::memcpy(to, from, bytes);
}

void copy_on_device(void* to, const void* from, std::size_t bytes) {
  const Lock lock(mutex());
  if (bytes == 0) return;
  record_or_do([=] {
    DeviceMemory::instance().check(to, bytes, "copy_on_device");
    DeviceMemory::instance().check(from, bytes, "copy_on_device");
    const DeviceMemory::Access access;
    std::memcpy(to, from, bytes);
  });
}

void synchronize() {
  const Lock lock(mutex());
  refuse_in_capture("synchronize");
  check_error_word();
  DeviceMemory::instance().close();
}

unsigned* error_word() {
  const Lock lock(mutex());
  static unsigned* word = [] {
    auto* data = static_cast<unsigned*>(allocate(sizeof(unsigned)));
    const DeviceMemory::Access access;
    *data = 0;
    return data;
  }();
  return word;
}

void launch_function(const LaunchShape& shape, std::function<void()> thread) {
  const Lock lock(mutex());
  check_shape(shape);
  record_or_do([shape, thread = std::move(thread)] {
    const DeviceMemory::Access access;
    shim::run_grid(shape, thread, next_launch());
  });
}

LaunchGraph::LaunchGraph(std::unique_ptr<Recording> recording) : recording_(std::move(recording)) {}
LaunchGraph::LaunchGraph(LaunchGraph&&) noexcept = default;
LaunchGraph& LaunchGraph::operator=(LaunchGraph&&) noexcept = default;
LaunchGraph::~LaunchGraph() = default;

LaunchGraph capture(const std::function<void()>& body) {
  const Lock lock(mutex());
  refuse_in_capture("capture");
  auto made = std::make_unique<LaunchGraph::Recording>();
  recording = made.get();
  try {
    body();
  } catch (...) {
    recording = nullptr;
    throw;
  }
  recording = nullptr;
  return LaunchGraph(std::move(made));
}

void replay(const LaunchGraph& graph) {
  const Lock lock(mutex());
  refuse_in_capture("replay");
  for (const auto& step : graph.recording().steps) step();
}

}  // namespace brenier::cuda_on_host

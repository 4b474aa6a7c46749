// What the host side of a kernel file may use: device memory, copies, launches, and recorded sequences of launches.
//
// All work of the process goes through one stream, in order. Nothing here waits for the device but copy_to_host and
// synchronize, and what a kernel did wrong shows there at the latest. Any thread may call; while one captures, the
// others wait. engine/cuda/runtime.cu implements this with the CUDA runtime, engine/cuda/host/runtime.cpp without.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "engine/cuda/namespace.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

// Is there a device? Nothing below but device_name may be called without one.
bool available();
std::string device_name();
int multiprocessors();
bool has_warpgroups();  // compute capability 9.0: the instructions of engine/cuda/wgmma.h

class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string what) : what_(std::make_shared<std::string>(std::move(what))) {}
  const char* what() const noexcept override { return what_->c_str(); }

 private:
  std::shared_ptr<const std::string> what_;  // shared: copying an exception must not throw
};

// Device memory, aligned to 256 bytes. Throws OutOfMemory, after which everything works as before.
void* allocate(std::size_t bytes);
// Work launched before may still be using it.
void release(void* data, std::size_t bytes);

// In the order of the stream; `from` may be changed when the call returns. Not during a capture.
void copy_to_device(void* to, const void* from, std::size_t bytes);
// After everything launched before; throws what went wrong there. Not during a capture.
void copy_to_host(void* to, const void* from, std::size_t bytes);
// In the order of the stream; can be captured. The two ranges do not overlap.
void copy_on_device(void* to, const void* from, std::size_t bytes);
// Waits for everything launched before; throws what went wrong there. Not during a capture.
void synchronize();

// A word of device memory. A kernel that finds bad input does atomicOr(word, bits) and goes on without it;
// the next copy_to_host or synchronize throws std::invalid_argument and clears the word.
enum ErrorBits : unsigned { kIndexOutOfRange = 1 };
unsigned* error_word();
inline std::string describe_error_word(unsigned bits) {
  if (bits == kIndexOutOfRange) return "[cuda] an index is out of range";
  return "[cuda] a kernel found bad input, error bits " + std::to_string(bits);
}

struct Extent {
  unsigned x = 1, y = 1, z = 1;
};
struct LaunchShape {
  Extent grid{}, block{};
  std::size_t dynamic_shared = 0;  // bytes
  const char* op = "";             // for messages; a string literal
};

#if BRENIER_CUDA_ON_HOST
void launch_function(const LaunchShape& shape, std::function<void()> thread);
#else
void launch_kernel(const LaunchShape& shape, const void* kernel, void** arguments);
// The stream, a cudaStream_t, for programs that record events in it or call other libraries in order with kernels.
void* stream_handle();
#endif

// kernel<<<…>>>(args…), with the arguments converted to the kernel's parameters now.
template <class... P, class... A>
void launch(const LaunchShape& shape, void (*kernel)(P...), A&&... args) {
  static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel has parameters");
  static_assert((std::is_trivially_copyable_v<P> && ...), "parameters of a kernel are copied as bytes");
  std::tuple<P...> values(static_cast<P>(std::forward<A>(args))...);
#if BRENIER_CUDA_ON_HOST
  launch_function(shape, [kernel, values] { std::apply(kernel, values); });
#else
  const auto pointers_and_launch = [&](auto&... value) {
    void* pointers[] = {&value..., nullptr};
    launch_kernel(shape, reinterpret_cast<const void*>(kernel), pointers);
  };
  std::apply(pointers_and_launch, values);
#endif
}

// A recorded sequence of launches and copies on the device, with their arguments.
class LaunchGraph {
 public:
  struct Recording;
  explicit LaunchGraph(std::unique_ptr<Recording> recording);
  LaunchGraph(LaunchGraph&&) noexcept;
  LaunchGraph& operator=(LaunchGraph&&) noexcept;
  ~LaunchGraph();
  const Recording& recording() const { return *recording_; }

 private:
  std::unique_ptr<Recording> recording_;
};
// What body launches is recorded and not run. Captures do not nest.
LaunchGraph capture(const std::function<void()>& body);
void replay(const LaunchGraph& graph);

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

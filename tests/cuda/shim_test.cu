// The host shim: what it promises beyond a GPU. A kernel that is wrong on some GPU on some day is wrong here and now.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/cuda/device.h"
#include "engine/cuda/host/sanitizers.h"
#include "engine/cuda/runtime.h"
#include "tests/cuda/array.h"

namespace brenier::cuda_on_host {

namespace {

struct Line {
  float values[64];
};

// Every thread reads its neighbour's number, with or without waiting for it.
template <bool kWithBarrier>
__global__ void from_neighbour(float* out) {
  Line& line = shared_memory<Line>();
  line.values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (kWithBarrier) __syncthreads();
  out[threadIdx.x] = line.values[(threadIdx.x + 1) % 64];
}

// Warps meet at a barrier only to read the buffer that the next round overwrites.
template <bool kWithSecondBarrier>
__global__ void rounds(float* out) {
  Line& line = shared_memory<Line>();
  float sum = 0;
  for (int round = 0; round < 4; ++round) {
    line.values[threadIdx.x] = static_cast<float>(round);
    __syncthreads();
    sum += line.values[63 - threadIdx.x];
    if (kWithSecondBarrier) __syncthreads();
  }
  out[threadIdx.x] = sum;
}

__global__ void half_waits() {
  if (threadIdx.x < 32) __syncthreads();
}
__global__ void two_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads_or(1);
  }
}
__global__ void lane_missing() {
  if (threadIdx.x != 3) __syncwarp();
}
__global__ void not_in_mask() { __syncwarp(0xfffffffeu); }

template <bool kWithWait>
__global__ void copy_without_wait(const float4* in, float4* out) {
  struct Quads {
    float4 quads[32];
  };
  auto& stage = shared_memory<Quads>();
  cp_async_16(&stage.quads[threadIdx.x], in + threadIdx.x, true);
  cp_async_commit();
  if (kWithWait) cp_async_wait<0>();
  __syncthreads();
  out[threadIdx.x] = stage.quads[31 - threadIdx.x];
}

__global__ void copy_misaligned(const float* in) {
  auto* target = dynamic_shared<float>();
  cp_async_16(target, in + 1, true);
}

__global__ void read_unwritten(float* out) { out[threadIdx.x] = shared_memory<Line>().values[threadIdx.x]; }

__global__ void order_of_threads(unsigned* counter, unsigned* out) {
  out[atomicAdd(counter, 1u)] = blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void throws() {
  __syncwarp();
  if (threadIdx.x == 5) throw std::runtime_error("from a kernel");
  __syncthreads();
}

struct Large {
  char bytes[40 * 1024];
};
struct AlsoLarge {
  char bytes[40 * 1024];
};
__global__ void too_much_shared() {
  shared_memory<Large>().bytes[0] = 0;
  shared_memory<AlsoLarge>().bytes[0] = 0;
}

#if BRENIER_ASAN
__global__ void beyond_the_end(const float* in, float* out) { out[0] = in[3]; }
#endif

template <class Kernel, class... Arguments>
std::string message_of(Kernel kernel, Arguments... arguments) {
  try {
    launch({.grid = {1}, .block = {64}, .dynamic_shared = 64, .op = "test"}, kernel, arguments...);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "no error";
}

#if !BRENIER_TSAN  // which cannot follow a fork
// Whether a child process that runs the body is killed or fails.
template <class Body>
bool dies(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    static_cast<void>(!freopen("/dev/null", "w", stderr));
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT}) std::signal(signal, SIG_DFL);  // doctest has its own
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
#endif

// How often a kernel gives anything but what it should, in 20 launches.
template <class Kernel>
int failures(Kernel kernel, float (*expected)(int)) {
  Array<float> out(64);
  int failed = 0;
  for (int repeat = 0; repeat < 20; ++repeat) {
    launch({.block = {64}, .op = "test"}, kernel, out.data());
    const std::vector<float> values = out.values();
    bool right = true;
    for (int i = 0; i < 64; ++i) right = right && values[static_cast<std::size_t>(i)] == expected(i);
    failed += !right;
  }
  return failed;
}

}  // namespace

TEST_CASE("a missing barrier shows, within a few launches") {
  const auto neighbour = [](int i) { return static_cast<float>((i + 1) % 64); };
  CHECK(failures(from_neighbour<true>, neighbour) == 0);
  CHECK(failures(from_neighbour<false>, neighbour) > 0);
  const auto sum = [](int) { return 6.0f; };
  CHECK(failures(rounds<true>, sum) == 0);
  CHECK(failures(rounds<false>, sum) > 0);
}

TEST_CASE("threads that wait for others in vain are named") {
  CHECK(message_of(half_waits) ==
        "[test] block (0, 0, 0): threads wait for others that do not come: 0-31 wait at __syncthreads, "
        "32-63 have returned");
  CHECK(message_of(lane_missing).find("3 have returned") != std::string::npos);
  CHECK(message_of(lane_missing).find("4-31 wait at __syncwarp with mask 0xffffffff") != std::string::npos);
  CHECK(message_of(two_barriers).find("another one at __syncthreads") != std::string::npos);
  CHECK(message_of(not_in_mask).find("lacks lane 0") != std::string::npos);
  // What stood still is forgotten: the next launch is as good as the first.
  CHECK(failures(from_neighbour<true>, [](int i) { return static_cast<float>((i + 1) % 64); }) == 0);
}

TEST_CASE("an asynchronous copy that nobody waits for leaves NaN") {
  Array<float4> in(std::vector<float4>(32, make_float4(1, 2, 3, 4))), out(32);
  launch({.block = {32}, .op = "copy"}, copy_without_wait<true>, in.data(), out.data());
  CHECK(out.values()[7].z == 3);
  launch({.block = {32}, .op = "copy"}, copy_without_wait<false>, in.data(), out.data());
  for (const float4& quad : out.values()) CHECK(std::isnan(quad.x + quad.y + quad.z + quad.w));
  CHECK(message_of(copy_misaligned, reinterpret_cast<const float*>(in.data())).find("not a multiple") !=
        std::string::npos);
}

TEST_CASE("memory holds NaN until it is written") {
  Array<float> out(64);
  for (const float value : out.values()) CHECK(std::isnan(value));
  for (int repeat = 0; repeat < 2; ++repeat) {
    launch({.block = {64}, .op = "write"}, from_neighbour<true>, out.data());
    launch({.block = {64}, .op = "read"}, read_unwritten, out.data());
    for (const float value : out.values()) CHECK(std::isnan(value));
  }
}

TEST_CASE("every launch has another order of threads and blocks") {
  std::set<std::vector<unsigned>> orders;
  for (int repeat = 0; repeat < 8; ++repeat) {
    Array<unsigned> counter(std::vector<unsigned>{0}), out(4 * 40);
    launch({.grid = {4}, .block = {40}, .op = "order"}, order_of_threads, counter.data(), out.data());
    const std::vector<unsigned> order = out.values();
    CHECK(std::set<unsigned>(order.begin(), order.end()).size() == 160);
    orders.insert(order);
  }
  CHECK(orders.size() == 8);
}

TEST_CASE("an exception of a kernel reaches the caller of launch") {
  for (int repeat = 0; repeat < 3; ++repeat) {
    CHECK_THROWS_WITH_AS(launch({.block = {64}, .op = "throws"}, throws), "from a kernel", std::runtime_error);
  }
}

TEST_CASE("a kernel has at most 48 KiB of static shared memory") {
  CHECK(message_of(too_much_shared).find("more than 48 KiB of static shared memory: 81920 bytes") != std::string::npos);
}

TEST_CASE("several threads of the host may launch") {
  std::vector<int> failed(4, -1);
  std::vector<std::thread> threads;
  for (int& count : failed) {
    threads.emplace_back(
        [&count] { count = failures(from_neighbour<true>, [](int i) { return static_cast<float>((i + 1) % 64); }); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == std::vector<int>(4, 0));
}

TEST_CASE("copies must lie within one allocation") {
  Array<float> in(4), out(4);
  float host[8] = {};
  CHECK_THROWS_AS(copy_to_device(in.data(), host, 17), std::logic_error);
  CHECK_THROWS_AS(copy_to_host(host, in.data() + 1, 16), std::logic_error);
  CHECK_THROWS_AS(copy_on_device(out.data(), host, 4), std::logic_error);
  CHECK_THROWS_AS(release(in.data() + 1, 12), std::logic_error);
}

#if !BRENIER_TSAN
TEST_CASE("host code that follows a device pointer dies") {
  Array<float> in(std::vector<float>(4, 1.0f));
  synchronize();
  CHECK(!dies([] {}));
  CHECK(dies([&] { static_cast<void>(*static_cast<volatile float*>(in.data())); }));
}
#endif

#if BRENIER_ASAN
TEST_CASE("AddressSanitizer sees a kernel that reads beyond its tensor") {
  Array<float> four(std::vector<float>(4, 1.0f)), three(std::vector<float>(3, 1.0f)), out(1);
  CHECK(!dies([&] { launch({.op = "read"}, beyond_the_end, four.data(), out.data()); }));
  CHECK(dies([&] { launch({.op = "read"}, beyond_the_end, three.data(), out.data()); }));
}
#endif

}  // namespace brenier::cuda_on_host

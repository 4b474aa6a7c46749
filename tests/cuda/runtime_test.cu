// The host side of the CUDA backend: launches, recorded sequences of them, memory and what is reported when something
// goes wrong. Compiled for the shim and for the GPU, like device_test.cu.
#include "engine/cuda/runtime.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "engine/cuda/device.h"
#include "tests/cuda/array.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

__global__ void add_index(int* out, int n, int offset) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = i + offset;
}

__global__ void reverse_in_dynamic_memory(const double* in, double* out) {
  auto* line = dynamic_shared<double>();
  line[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = line[blockDim.x - 1 - threadIdx.x];
}

__global__ void count(unsigned* counter, unsigned long long* sum, unsigned* largest, unsigned* bits) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(counter, 1u);
  atomicAdd(sum, 1ull << 33);
  atomicMax(largest, i);
  atomicOr(bits, 1u << i % 20);
}

__global__ void complain(unsigned* word) {
  if (threadIdx.x == 7) atomicOr(word, kIndexOutOfRange);
}

}  // namespace

TEST_CASE("a launch runs every thread of every block once") {
  if (!available()) return;
  Array<int> out(1000);
  launch({.grid = {4}, .block = {256}, .op = "add_index"}, add_index, out.data(), 1000, 5);
  const std::vector<int> values = out.values();
  for (int i = 0; i < 1000; ++i) CHECK(values[static_cast<std::size_t>(i)] == i + 5);
}

TEST_CASE("dynamic shared memory has the size of the launch, beyond 48 KiB too") {
  if (!available()) return;
  const std::vector<double> numbers = uniform<double>(1024, 2);
  Array<double> in(numbers), out(1024);
  for (const std::size_t bytes : {std::size_t{8192}, std::size_t{100} << 10, std::size_t{160} << 10}) {
    const LaunchShape shape{.block = {1024}, .dynamic_shared = bytes, .op = "reverse"};
    launch(shape, reverse_in_dynamic_memory, in.data(), out.data());
    const std::vector<double> values = out.values();
    for (std::size_t i = 0; i < 1024; ++i) CHECK(values[i] == numbers[1023 - i]);
  }
}

TEST_CASE("atomic operations lose nothing") {
  if (!available()) return;
  Array<unsigned> words(std::vector<unsigned>{0, 0, 0});
  Array<unsigned long long> sum(std::vector<unsigned long long>{5});
  launch({.grid = {10}, .block = {100}, .op = "count"}, count, words.data(), sum.data(), words.data() + 1,
         words.data() + 2);
  CHECK(words.values() == std::vector<unsigned>{1000, 999, (1u << 20) - 1});
  CHECK(sum.values()[0] == 5 + (1000ull << 33));
}

TEST_CASE("a captured sequence runs when it is replayed, and each time") {
  if (!available()) return;
  Array<unsigned> words(std::vector<unsigned>{0, 0, 0}), copy(3);
  Array<unsigned long long> sum(std::vector<unsigned long long>{0});
  copy_on_device(copy.data(), words.data(), 3 * sizeof(unsigned));
  LaunchGraph graph = capture([&] {
    unsigned* const data = words.data();
    launch({.block = {10}, .op = "count"}, count, data, sum.data(), data + 1, data + 2);
    copy_on_device(copy.data(), data, sizeof(unsigned));
  });
  CHECK(words.values()[0] == 0);
  replay(graph);
  const LaunchGraph moved = std::move(graph);
  replay(moved);
  CHECK(words.values()[0] == 20);
  CHECK(copy.values() == std::vector<unsigned>{20, 0, 0});
}

TEST_CASE("a capture refuses what cannot be recorded, and ends when its body throws") {
  if (!available()) return;
  Array<int> out(10);
  CHECK_THROWS_WITH_AS(static_cast<void>(capture([&] { static_cast<void>(out.values()); })),
                       "[cuda] copy_to_host during a capture", std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(capture([] { synchronize(); })), std::logic_error);
  launch({.block = {10}, .op = "add_index"}, add_index, out.data(), 10, 0);
  CHECK(out.values()[9] == 9);
}

TEST_CASE("out of memory is said with numbers, and the next allocation works") {
  if (!available()) return;
  const std::size_t absurd = std::size_t{1} << 50;
  std::string message;
  try {
    allocate(absurd);
  } catch (const std::bad_alloc& error) {
    message = error.what();
  }
  CHECK(message.find("1125899906842624 bytes were asked for") != std::string::npos);
  CHECK(message.find("are free") != std::string::npos);
  Array<int> out(10);
  launch({.block = {10}, .op = "add_index"}, add_index, out.data(), 10, 1);
  CHECK(out.values()[9] == 10);
}

TEST_CASE("bad input that a kernel found is reported once, by whoever waits next") {
  if (!available()) return;
  Array<int> out(10);
  launch({.block = {32}, .op = "complain"}, complain, error_word());
  CHECK_THROWS_WITH_AS(synchronize(), "[cuda] an index is out of range", std::invalid_argument);
  synchronize();
  launch({.block = {32}, .op = "complain"}, complain, error_word());
  CHECK_THROWS_AS(static_cast<void>(out.values()), std::invalid_argument);
  static_cast<void>(out.values());
}

TEST_CASE("a launch that no device can do is refused with the name of the operation") {
  if (!available()) return;
  Array<int> out(10);
  std::string message;
  try {
    launch({.block = {2048}, .op = "add_index"}, add_index, out.data(), 10, 1);
  } catch (const std::exception& error) {
    message = error.what();
  }
  CHECK(message.find("[add_index]") == 0);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

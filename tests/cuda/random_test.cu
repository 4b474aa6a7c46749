// Random numbers of the device are those of the CPU: uniform numbers, signs and permutations bit for bit, normal numbers
// up to the rounding of the elementary functions.
#include <doctest/doctest.h>

#include "tests/cuda/device_kernels.h"
#include "tests/support/kernel_call.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

using brenier::testing::run_kernel;

struct Stream {
  std::uint64_t seed;
  std::int64_t counter;
};
const Stream kStreams[] = {{0, 0}, {7, -1}, {~std::uint64_t{0}, std::int64_t{1} << 40}};

Tensor draw(bool on_the_device, OpCode code, std::int64_t n, Stream stream, DType dtype) {
  Attributes attributes;
  attributes.seed = stream.seed;
  const Tensor counter = index_tensor(std::vector<std::int64_t>{stream.counter}, {});
  if (!on_the_device) return run_kernel(code, {counter}, {n}, dtype, attributes);
  return run_on_device(code, {counter}, {n}, dtype, attributes);
}

}  // namespace

TEST_CASE("uniform numbers, signs and permutations are the CPU's bits") {
  if (!available()) return;
  for (const Stream& stream : kStreams) {
    for (std::int64_t n : {0, 1, 2, 127, 129, 1000, 3001}) {
      INFO("seed ", stream.seed, ", counter ", stream.counter, ", ", n, " numbers");
      for (DType dtype : {DType::Float32, DType::Float64})
        for (OpCode code : {OpCode::RandomUniform, OpCode::RandomRademacher})
          CHECK(same_numbers(draw(true, code, n, stream, dtype), draw(false, code, n, stream, dtype)));
      CHECK(same_numbers(draw(true, OpCode::RandomPermutation, n, stream, DType::Int64),
                         draw(false, OpCode::RandomPermutation, n, stream, DType::Int64)));
    }
  }
}

TEST_CASE("normal numbers are the CPU's up to rounding") {
  if (!available()) return;
  for (const Stream& stream : kStreams) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      for (std::int64_t n : {1, 2001}) {
        const Tensor got = draw(true, OpCode::RandomNormal, n, stream, dtype);
        // cos and sin near their zeros are right to the rounding of the angle.
        CHECK(mismatch(got, draw(false, OpCode::RandomNormal, n, stream, dtype), 60 * epsilon(dtype)) == "");
      }
    }
  }
}

TEST_CASE("a recorded draw reads the counter of its replay") {
  if (!available()) return;
  Attributes attributes;
  attributes.seed = 5;
  const std::int64_t next = 12;
  const Tensor counter = index_tensor(std::vector<std::int64_t>{11}, {}).to(backend());
  Tensor output = Tensor::uninitialized({2000}, DType::Int64, backend());
  const Tensor* const inputs[] = {&counter};
  const auto launches = backend().record([&] {
    backend().kernels.at(static_cast<std::size_t>(OpCode::RandomPermutation))({inputs, output, attributes});
  });
  copy_to_device(counter.address(), &next, sizeof next);
  launches->run();
  CHECK(same_numbers(output.to(cpu_backend()), draw(false, OpCode::RandomPermutation, 2000, {5, 12}, DType::Int64)));
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

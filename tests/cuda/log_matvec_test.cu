// log_matvec on the device against the CPU's: rows shared by a warp and by a block, lengths around both, every layout.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/cuda/device_kernels.h"
#include "tests/support/kernel_call.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

using brenier::testing::Layout;
using brenier::testing::layouts;
using brenier::testing::run_kernel;

}  // namespace

TEST_CASE("the device's product of logarithms is the CPU's, and reruns are equal bit for bit") {
  if (!available()) return;
  Sampler sampler(3);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (std::int64_t n : {1, 5, 32, 33, 300, 2048, 2049, 2500}) {
      const Tensor a = sampler.uniform({3, n}, -20, 20, dtype), v = sampler.uniform({n}, -20, 20, dtype);
      const Tensor scale = tensor(0.7, dtype), expected = run_kernel(OpCode::LogMatVec, {a, v, scale}, {3}, dtype);
      for (const Layout& layout : layouts()) {
        INFO(brenier::name_of(dtype), " ", n, " ", layout.name);
        const std::vector<Tensor> inputs{layout.of(a), layout.of(v), scale};
        const Tensor got = run_on_device(OpCode::LogMatVec, inputs, {3}, dtype);
        CHECK(mismatch(got, expected, 200 * epsilon(dtype)) == "");
        CHECK(same_numbers(got, run_on_device(OpCode::LogMatVec, inputs, {3}, dtype)));
      }
    }
  }
}

TEST_CASE("rows side by side in lanes on the device") {
  if (!available()) return;
  Sampler sampler(4);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (std::int64_t rows : {1, 31, 32, 33, 70}) {
      for (std::int64_t n : {1, 7, 8, 9, 100}) {
        INFO(brenier::name_of(dtype), " ", rows, " rows of ", n);
        const Tensor a = sampler.uniform({2, n, rows}, -20, 20, dtype).view({2, rows, n}, {n * rows, 1, rows}, 0);
        const Tensor v = sampler.uniform({2, n}, -20, 20, dtype), scale = tensor(-0.7, dtype);
        const Tensor expected = run_kernel(OpCode::LogMatVec, {a, v, scale}, {2, rows}, dtype);
        const Tensor got = run_on_device(OpCode::LogMatVec, {a, v, scale}, {2, rows}, dtype);
        CHECK(mismatch(got, expected, 200 * epsilon(dtype)) == "");
        CHECK(same_numbers(got, run_on_device(OpCode::LogMatVec, {a, v, scale}, {2, rows}, dtype)));
      }
    }
  }
}

TEST_CASE("infinite exponents on the device") {
  if (!available()) return;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Tensor one = tensor(1.0);
  for (std::int64_t n : {4, 2100}) {
    const auto with_first = [&](double first) {
      std::vector<double> values(static_cast<std::size_t>(n), 0.0);
      values.front() = first;
      return run_on_device(OpCode::LogMatVec, {tensor(values, {1, n}), zeros({n}), one}, {1}, DType::Float64).item();
    };
    CHECK(with_first(infinity) == infinity);
    CHECK(std::abs(with_first(-infinity) - std::log(static_cast<double>(n - 1))) < 1e-12);
    CHECK(std::isnan(with_first(std::numeric_limits<double>::quiet_NaN())));
    const Tensor none = full({n}, -infinity);
    CHECK(run_on_device(OpCode::LogMatVec, {zeros({1, n}), none, one}, {1}, DType::Float64).item() == -infinity);
  }
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing

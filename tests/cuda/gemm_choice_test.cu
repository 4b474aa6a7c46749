// Names of the kernels for matrix products, what they compute, and which one a shape gets.
#include <doctest/doctest.h>

#include <stdexcept>

#include "engine/cuda/gemm.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

TEST_CASE("rungs have names, and refuse what they do not compute") {
  for (Gemm rung : all_gemms()) CHECK(gemm_named(name_of(rung)) == rung);
  CHECK_THROWS_WITH_AS(gemm_named("fast"), doctest::Contains("must be naive, tiled"), std::invalid_argument);
  CHECK_FALSE(computes(Gemm::WarpTiled, DType::Float64));
  CHECK_FALSE(computes(Gemm::TensorF64, DType::Float32));
  CHECK_FALSE(computes(Gemm::Naive, DType::Int64));
  CHECK_FALSE(computes(Gemm::WgmmaTf32x3, DType::Float64));
  CHECK_THROWS_AS(gemm<float>({Gemm::TensorF64}, {}, nullptr), std::invalid_argument);
}

TEST_CASE("a rung for another GPU is refused in a sentence") {
  if (!available() || runs_here(Gemm::WgmmaTf32x3)) return;
  CHECK_THROWS_WITH_AS(gemm<float>({Gemm::WgmmaTf32x3}, {}, nullptr),
                       doctest::Contains("[matmul] wgmma-tf32x3 needs a GPU of compute capability 9.0, and "),
                       std::invalid_argument);
}

TEST_CASE("the choice of a rung follows the shape") {
  if (!available()) return;
  CHECK(best_gemm({8, 8, 8}, DType::Float32) == Gemm::Naive);
  CHECK(best_gemm({100000, 64, 2}, DType::Float32) == Gemm::Naive);
  CHECK(best_gemm({10000, 1, 300}, DType::Float64) == Gemm::Tiled);
  CHECK(best_gemm({1024, 256, 43}, DType::Float32) == Gemm::WarpTiled);
  CHECK(best_gemm({1024, 256, 43}, DType::Float64) == Gemm::TensorF64);
  CHECK(best_gemm({4096, 4096, 4096}, DType::Float32) == Gemm::Tf32x3);
  CHECK(plan_gemm(Gemm::WarpTiled, {100000, 512, 64}).large_tile);
  CHECK_FALSE(plan_gemm(Gemm::WarpTiled, {64, 64, 64}).large_tile);
  CHECK(plan_gemm(Gemm::WarpTiled, {64, 64, 64}).split_depth == 0);
  const GemmPlan weight_gradient = plan_gemm(Gemm::WarpTiled, {64, 64, 4096});
  CHECK(weight_gradient.split_depth >= 128);
  CHECK(weight_gradient.split_depth % kSplitStep == 0);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

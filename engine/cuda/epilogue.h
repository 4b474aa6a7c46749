// A fused group as the epilogue of a matrix product: a block that has written its tile of the product runs the group on
// it, while the tile is in a cache. The host side prepares it; the text for kernels is in gemm_epilogue.cuh.
#pragma once

#include <cstddef>
#include <optional>

#include "engine/cuda/fused_machine.h"
#include "engine/fused.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

// Each thread of the block has this many vectors of shared memory for values that are needed later.
constexpr std::size_t kMostEpilogueSlots = 4;

struct Epilogue {
  MachineProgram program;  // in vectors of 4 float32 numbers
  std::size_t slots;

  std::size_t shared_bytes(unsigned threads) const { return slots * threads * 4 * sizeof(float); }
};

// With the memory that the operands have now. Nothing if the group is none of float32, does not run in whole vectors, or
// has too many values that are needed later: then it is a launch of its own.
std::optional<Epilogue> as_epilogue(const FusedKernel& group);  // fused.cu

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

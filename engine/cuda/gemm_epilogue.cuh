// What a kernel for matrix products does after its tile of C: nothing, or a fused group on the tile.
#pragma once

#include "engine/cuda/epilogue.h"
#include "engine/cuda/gemm_tiles.cuh"

namespace brenier::BRENIER_CUDA_NAMESPACE {

struct NoEpilogue {};

// The parameters of a kernel that every driver takes end at 4096 bytes.
static_assert(sizeof(MachineProgram) + sizeof(GemmArguments<float>) + 16 <= 4096);

template <int Rows, int Cols>
__device__ __forceinline__ void run_epilogue(const NoEpilogue&, const GemmArguments<float>&, const Place<float>&) {}

// Values that are needed later take the place of tiles in dynamic shared memory.
template <int Rows, int Cols>
__device__ __forceinline__ void run_epilogue(const MachineProgram& program, const GemmArguments<float>& p,
                                             const Place<float>& place) {
  constexpr int kAcross = Cols / 4;
  __syncthreads();  // the tile has been written, and the tiles of the factors are not needed any more
  Machine<float, 4, false> machine(program, dynamic_shared<Pack<float, 4>>() + threadIdx.x);
  const std::int64_t first_row = (p.first_batch + blockIdx.z) * p.rows + place.a.side;
  for (int i = static_cast<int>(threadIdx.x); i < Rows * kAcross; i += static_cast<int>(blockDim.x)) {
    const int row = i / kAcross, col = place.b.side + i % kAcross * 4;
    if (place.a.side + row < p.rows && col < p.cols) machine.run(((first_row + row) * p.cols + col) / 4);
  }
}

template <class Follower, Along along>
inline constexpr bool kExists = std::is_same_v<Follower, NoEpilogue> || takes_epilogue(along);

// Calls launch_with(epilogue, bytes of shared memory), where the first is NoEpilogue or a program.
template <class Launch>
void with_epilogue(const Epilogue* epilogue, unsigned threads, const Launch& launch_with) {
  epilogue ? launch_with(epilogue->program, epilogue->shared_bytes(threads))
           : launch_with(NoEpilogue{}, std::size_t{0});
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

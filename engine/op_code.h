// One number per operation: the index into a backend's table of kernels.
#pragma once

#include "engine/ops/functors-inl.h"

namespace brenier {

enum class OpCode : int {
  // Leaves of a tape.
  Input,     // a watched value
  Constant,  // a value used by a recorded operation without being recorded itself
#define BRENIER_OP_CODE(name, code, text) code,
  BRENIER_UNARY_OPS(BRENIER_OP_CODE) BRENIER_BINARY_OPS(BRENIER_OP_CODE)
#undef BRENIER_OP_CODE
      Where,
  Cast,
  StopGradient,
  // Reductions and products.
  Sum,
  Max,
  ArgMax,
  MatMul,
  // Shape. The first four are views; Reshape copies where the strides demand it.
  Permute,
  Broadcast,
  Slice,
  Flip,
  Reshape,
  Pad,
  Concat,
  // Index.
  Gather,
  ScatterAdd,
  TakeAlong,
  ScatterAddAlong,
  ArgSort,
  // Random numbers.
  RandomUniform,
  RandomNormal,
  RandomRademacher,
  RandomPermutation,
  // A user's own rule.
  Custom,
  Count
};

inline constexpr int kOpCount = static_cast<int>(OpCode::Count);

}  // namespace brenier

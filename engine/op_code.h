// One number per operation: the index into a backend's table of kernels.
#pragma once

#include "engine/ops/functors-inl.h"

// The operations that are not elementwise over one or two arguments; those are listed in engine/ops/functors-inl.h.
//   Input, Constant      leaves of a tape: a watched value; one used by a recorded operation without being recorded
//   Permute … Reshape    views; Reshape copies where the strides demand it
//   Cholesky … LuSign    factorisations and what is computed from them
//   Custom               a user's own rule
// clang-format off
#define BRENIER_OTHER_OPS(X)                                                \
  X(Input) X(Constant)                                                      \
  X(Where) X(Cast) X(StopGradient)                                          \
  X(Sum) X(Max) X(ArgMax) X(MatMul) X(LogMatVec)                            \
  X(Permute) X(Broadcast) X(Slice) X(Flip) X(Reshape)                       \
  X(Pad) X(Concat)                                                          \
  X(Gather) X(ScatterAdd) X(TakeAlong) X(ScatterAddAlong) X(ArgSort)        \
  X(RandomUniform) X(RandomNormal) X(RandomRademacher) X(RandomPermutation) \
  X(Cholesky) X(TriangularSolve) X(SpdSolve) X(SpdInverse) X(SpdLogdet)     \
  X(LuFactor) X(LuSolve) X(LuInverse) X(LuLogdet) X(LuSign)                 \
  X(SymmetricEigen) X(TridiagonalEigen)                                     \
  X(Custom)
// clang-format on

namespace brenier {

#define BRENIER_OP_CODE(name, code, text) code,
#define BRENIER_OTHER_CODE(code) code,
enum class OpCode : int {
  BRENIER_UNARY_OPS(BRENIER_OP_CODE) BRENIER_BINARY_OPS(BRENIER_OP_CODE) BRENIER_OTHER_OPS(BRENIER_OTHER_CODE) Count
};
#undef BRENIER_OP_CODE
#undef BRENIER_OTHER_CODE

inline constexpr int kOpCount = static_cast<int>(OpCode::Count);

// "Softplus", "MatMul", …
constexpr const char* name_of(OpCode code) {
#define BRENIER_OP_NAME(name, code, text) #code,
#define BRENIER_OTHER_NAME(code) #code,
  constexpr const char* names[] = {
    BRENIER_UNARY_OPS(BRENIER_OP_NAME) BRENIER_BINARY_OPS(BRENIER_OP_NAME) BRENIER_OTHER_OPS(BRENIER_OTHER_NAME)
  };
#undef BRENIER_OP_NAME
#undef BRENIER_OTHER_NAME
  return names[static_cast<int>(code)];
}

}  // namespace brenier

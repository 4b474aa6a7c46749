// All kernel texts, in the order in which they use each other, and the tables of this target. What is missing from the
// first is either a view, which needs no kernel, or not supported here.

// clang-format off
#include "engine/ops/functors-inl.h"
#include "engine/cpu/walk-inl.h"
#include "engine/ops/dispatch-inl.h"
#include "engine/ops/convert-inl.h"
#include "engine/cpu/elementwise-inl.h"
#include "engine/cpu/chain-inl.h"
#include "engine/cpu/shape-inl.h"
#include "engine/cpu/reduce-inl.h"
#include "engine/cpu/gemm_micro-inl.h"
#include "engine/cpu/gemm_pack-inl.h"
#include "engine/cpu/gemm_product-inl.h"
#include "engine/cpu/gemm_narrow-inl.h"
#include "engine/cpu/gemm_symmetric-inl.h"
#include "engine/cpu/matmul-inl.h"
#include "engine/cpu/log_matvec-inl.h"
#include "engine/cpu/index-inl.h"
#include "engine/cpu/random-inl.h"
// clang-format on

inline KernelTable kernel_table() {
  KernelTable table = linear_algebra();
  const auto set = [&](OpCode code, Kernel kernel) { table[static_cast<std::size_t>(code)] = kernel; };
#define BRENIER_UNARY_ENTRY(name, code, text) set(OpCode::code, elementwise_kernel<code, 1>);
#define BRENIER_BINARY_ENTRY(name, code, text) set(OpCode::code, elementwise_kernel<code, 2>);
  BRENIER_UNARY_OPS(BRENIER_UNARY_ENTRY)
  BRENIER_BINARY_OPS(BRENIER_BINARY_ENTRY)
#undef BRENIER_UNARY_ENTRY
#undef BRENIER_BINARY_ENTRY
  set(OpCode::Where, elementwise_kernel<Where, 3>);
  set(OpCode::Cast, cast_kernel);
  set(OpCode::Sum, sum_kernel);
  set(OpCode::Max, max_kernel);
  set(OpCode::ArgMax, argmax_kernel);
  set(OpCode::MatMul, matmul_kernel);
  set(OpCode::LogMatVec, log_matvec_kernel);
  set(OpCode::Reshape, reshape_kernel);
  set(OpCode::Pad, pad_kernel);
  set(OpCode::Concat, concat_kernel);
  set(OpCode::Gather, gather_kernel);
  set(OpCode::ScatterAdd, scatter_add_kernel);
  set(OpCode::TakeAlong, take_along_kernel);
  set(OpCode::ScatterAddAlong, scatter_add_along_kernel);
  set(OpCode::ArgSort, argsort_kernel);
  set(OpCode::RandomUniform, random_uniform_kernel);
  set(OpCode::RandomNormal, random_normal_kernel);
  set(OpCode::RandomRademacher, random_rademacher_kernel);
  set(OpCode::RandomPermutation, random_permutation_kernel);
  return table;
}

inline TileTable tile_table() {
  TileTable table{};
  const auto set = [&](OpCode code, const std::array<TileFunction, 3>& functions) {
    table[static_cast<std::size_t>(code)] = functions;
  };
#define BRENIER_UNARY_ENTRY(name, code, text) set(OpCode::code, tile_functions<code, 1>());
#define BRENIER_BINARY_ENTRY(name, code, text) set(OpCode::code, tile_functions<code, 2>());
  BRENIER_UNARY_OPS(BRENIER_UNARY_ENTRY)
  BRENIER_BINARY_OPS(BRENIER_BINARY_ENTRY)
#undef BRENIER_UNARY_ENTRY
#undef BRENIER_BINARY_ENTRY
  set(OpCode::Where, tile_functions<Where, 3>());
  return table;
}

inline std::vector<OpFamily> families() {
  return {{{OpCode::Softplus, OpCode::Sigmoid, OpCode::Count}, family_functions<LogisticFamily>()},
          {{OpCode::LaplaceSoftplus, OpCode::LaplaceCdf, OpCode::Count}, family_functions<LaplaceFamily>()},
          {{OpCode::GaussianSoftplus, OpCode::NormalCdf, OpCode::NormalPdf}, family_functions<GaussianFamily>()}};
}

Tables tables() {
  return {.kernels = kernel_table(),
          .tiles = tile_table(),
          .factor_packing = {packed_factor_bytes, pack_factor},
          .families = families(),
          .chains = chain_table()};
}

// The kernel texts of linear algebra, in the order in which they use each other, and the table of this target.

// clang-format off
#include "engine/cpu/walk-inl.h"
#include "engine/ops/dispatch-inl.h"
#include "engine/ops/substitution-inl.h"
#include "engine/cpu/linalg/cholesky-inl.h"
#include "engine/cpu/linalg/lu-inl.h"
#include "engine/ops/determinant-inl.h"
#include "engine/ops/eigen-inl.h"
#include "engine/cpu/linalg/lanes-inl.h"
#include "engine/cpu/linalg/batched-inl.h"
#include "engine/cpu/linalg/columns-inl.h"
#include "engine/cpu/linalg/single-inl.h"
// clang-format on

// The choice of a way depends on the shape of one problem, never on how many there are.
template <class T>
void solve_system(System system, const Tensor& factor, const Tensor* right_sides, Tensor& output) {
  const std::int64_t n = output.shape()[-2], k = output.shape()[-1];
  const bool inverts = right_sides == nullptr;
  if (n > kLargestInLanes || (k >= kBatchLanes<T> && !inverts))
    return solve_in_columns<T>(system, factor, right_sides, output);
  with_block_rows(n, [&](auto rows) {
    constexpr int R = decltype(rows)::value;
    k == 1 ? solve_in_lanes<T, R, 1>(system, factor, right_sides, output)
           : solve_in_lanes<T, R, kBlockRows>(system, factor, right_sides, output);
  });
}

inline void cholesky_kernel(const KernelCall& call) {
  for_floating_inputs("cholesky", call, [&](auto type) {
    using T = typename decltype(type)::type;
    const std::int64_t n = call.output.shape()[-1];
    if (n > kLargestInLanes) return cholesky_one_by_one<T>(call);
    with_block_rows(n, [&](auto rows) { cholesky_in_lanes<T, decltype(rows)::value>(call); });
  });
}

inline void triangular_solve_kernel(const KernelCall& call) {
  for_floating_inputs("triangular_solve", call, [&](auto type) {
    const System system = call.attributes.count == 0 ? System::Lower : System::Upper;
    solve_system<typename decltype(type)::type>(system, *call.inputs[0], call.inputs[1], call.output);
  });
}

inline void spd_solve_kernel(const KernelCall& call) {
  for_floating_inputs("spd_solve", call, [&](auto type) {
    solve_system<typename decltype(type)::type>(System::Spd, *call.inputs[1], call.inputs[2], call.output);
  });
}

inline void spd_inverse_kernel(const KernelCall& call) {
  for_floating_inputs("spd_inverse", call, [&](auto type) {
    using T = typename decltype(type)::type;
    const std::int64_t n = call.output.shape()[-1];
    if (n > kLargestInLanes) return solve_in_columns<T>(System::Spd, *call.inputs[1], nullptr, call.output);
    with_block_rows(n, [&](auto rows) { spd_inverse_in_lanes<T, decltype(rows)::value>(call); });
  });
}

inline void lu_factor_kernel(const KernelCall& call) {
  for_floating_inputs("lu_factor", call, [&](auto type) {
    using T = typename decltype(type)::type;
    call.output.shape()[-1] > kLargestInLanes ? lu_one_by_one<T>(call) : lu_in_lanes<T>(call);
  });
}

inline void lu_solve_kernel(const KernelCall& call) {
  for_floating_inputs("solve", call, [&](auto type) {
    const System system = call.attributes.count == 0 ? System::Lu : System::LuTransposed;
    solve_system<typename decltype(type)::type>(system, *call.inputs[1], call.inputs[2], call.output);
  });
}

inline void lu_inverse_kernel(const KernelCall& call) {
  for_floating_inputs("inverse", call, [&](auto type) {
    solve_system<typename decltype(type)::type>(System::Lu, *call.inputs[1], nullptr, call.output);
  });
}

KernelTable linear_algebra() {
  KernelTable table{};
  const auto set = [&](OpCode code, Kernel kernel) { table[static_cast<std::size_t>(code)] = kernel; };
  set(OpCode::Cholesky, cholesky_kernel);
  set(OpCode::TriangularSolve, triangular_solve_kernel);
  set(OpCode::SpdSolve, spd_solve_kernel);
  set(OpCode::SpdInverse, spd_inverse_kernel);
  set(OpCode::SpdLogdet, spd_logdet_kernel);
  set(OpCode::LuFactor, lu_factor_kernel);
  set(OpCode::LuSolve, lu_solve_kernel);
  set(OpCode::LuInverse, lu_inverse_kernel);
  set(OpCode::LuLogdet, lu_logdet_kernel);
  set(OpCode::LuSign, lu_sign_kernel);
  set(OpCode::SymmetricEigen, symmetric_eigen_kernel);
  set(OpCode::TridiagonalEigen, tridiagonal_eigen_kernel);
  return table;
}

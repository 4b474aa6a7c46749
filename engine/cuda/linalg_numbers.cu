// Determinants from factors, and tridiagonal eigenvalues: one thread for each matrix, with the texts of engine/ops/.
//
// A thread of the eigenvalues has its three lists in shared memory, an odd number of entries after its neighbour's, so
// that a warp reads from different banks; or in global memory where they are longer than that.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/cuda/kernels.h"
#include "engine/cuda/matrix_team.h"
#include "engine/cuda/pack.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

// The words in which the other texts are written.
#include "engine/ops/scalar_vocabulary-inl.h"
//
#include "engine/ops/substitution-inl.h"
//
#include "engine/ops/determinant-inl.h"
#include "engine/ops/eigen-inl.h"

template <class T>
struct Factors {
  const T* data;
  std::int64_t row, col;
  Walk<1> batch;
  std::int64_t count, n;
};

enum class Determinant { SpdLog, LuLog, LuSign };

template <class T>
__global__ void determinant_kernel(Determinant what, Factors<T> factors, T* result) {
  for (std::int64_t i = thread_in_grid(); i < factors.count; i += threads_in_grid()) {
    const Strided<const T> f{factors.data + factors.batch.offsets(i).of[0], factors.row, factors.col};
    if (what == Determinant::LuSign)
      result[i] = sign_of_determinant(f, factors.n);
    else
      result[i] = static_cast<T>((what == Determinant::SpdLog ? 2 : 1) * log_of_diagonal(f, factors.n));
  }
}

void determinants(const char* op, Determinant what, const KernelCall& call, const Tensor& factor) {
  const std::int64_t count = call.output.size();
  if (count == 0) return;
  check_inputs(op, call, call.output.dtype());
  const unsigned block = block_for(count, 128);
  for_floating(op, call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const Shape& batch = call.output.shape();
    const Factors<T> factors{factor.data<T>(),
                             factor.strides()[-2],
                             factor.strides()[-1],
                             make_walk<1>(batch, {batch_strides(factor, batch.rank())}),
                             count,
                             factor.shape()[-1]};
    launch({.grid = {grid_for(count, block)}, .block = {block}, .op = op}, determinant_kernel<T>, what, factors,
           call.output.mutable_data<T>());
  });
}

constexpr int kTridiagonalBlock = 64;

template <class T>
struct TridiagonalCall {
  const T* diagonal;
  const T* off;
  std::int64_t diagonal_step, off_step;
  Walk<2> batch;
  std::int64_t count, m;
  T* space;   // null: shared memory
  T* result;  // [batches, 2, m]
};

// Numbers of a thread.
__host__ __device__ inline std::int64_t tridiagonal_space(std::int64_t m) { return 3 * m % 2 ? 3 * m : 3 * m + 1; }

template <class T>
__global__ void __launch_bounds__(kTridiagonalBlock) tridiagonal_kernel(const __grid_constant__ TridiagonalCall<T> p) {
  const std::int64_t m = p.m, each = tridiagonal_space(m);
  T* const diagonal = p.space ? p.space + thread_in_grid() * each : dynamic_shared<T>() + threadIdx.x * each;
  T *const off = diagonal + m, *const components = off + m;
  for (std::int64_t i = thread_in_grid(); i < p.count; i += threads_in_grid()) {
    const auto from = p.batch.offsets(i);
    for (std::int64_t k = 0; k < m; ++k) diagonal[k] = p.diagonal[from.of[0] + k * p.diagonal_step];
    for (std::int64_t k = 0; k + 1 < m; ++k) off[k] = p.off[from.of[1] + k * p.off_step];
    tridiagonal_eigen(EigenWork<T>{nullptr, components, diagonal, off, nullptr, m, 1}, p.result + 2 * i * m);
  }
}

// Strides of the leading axes of a list of vectors.
Strides lead_strides(const Tensor& x) {
  Strides strides;
  for (int axis = 0; axis < x.rank() - 1; ++axis) strides.push_back(x.strides()[axis]);
  return strides;
}

}  // namespace

void spd_logdet_kernel(const KernelCall& call) {
  determinants("spd_logdet", Determinant::SpdLog, call, *call.inputs[1]);
}
void lu_logdet_kernel(const KernelCall& call) { determinants("slogdet", Determinant::LuLog, call, *call.inputs[1]); }
void lu_sign_kernel(const KernelCall& call) { determinants("slogdet", Determinant::LuSign, call, *call.inputs[0]); }

void tridiagonal_eigen_kernel(const KernelCall& call) {
  const Tensor &diagonal = *call.inputs[0], &off = *call.inputs[1];
  if (call.output.size() == 0) return;
  check_inputs("tridiagonal_eigen", call, call.output.dtype());
  const Shape batch = diagonal.shape().part(0, diagonal.rank() - 1);
  for_floating("tridiagonal_eigen", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const std::int64_t count = element_count(batch), m = diagonal.shape()[-1];
    const std::size_t bytes = static_cast<std::size_t>(tridiagonal_space(m) * kTridiagonalBlock) * sizeof(T);
    const bool fits = bytes <= kMostShared;
    const std::int64_t blocks = std::min(ceil_div(count, kTridiagonalBlock), std::int64_t{multiprocessors()} * 2);
    const Scratch scratch(fits ? 0 : bytes * static_cast<std::size_t>(blocks));
    const TridiagonalCall<T> arguments{.diagonal = diagonal.data<T>(),
                                       .off = off.data<T>(),
                                       .diagonal_step = diagonal.strides()[-1],
                                       .off_step = off.strides()[-1],
                                       .batch = make_walk<2>(batch, {lead_strides(diagonal), lead_strides(off)}),
                                       .count = count,
                                       .m = m,
                                       .space = fits ? nullptr : scratch.data<T>(),
                                       .result = call.output.mutable_data<T>()};
    launch({.grid = {static_cast<unsigned>(blocks)},
            .block = {kTridiagonalBlock},
            .dynamic_shared = fits ? bytes : 0,
            .op = "tridiagonal_eigen"},
           tridiagonal_kernel<T>, arguments);
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

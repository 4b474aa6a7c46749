// Determinants from factors, and tridiagonal eigenvalues: one thread for each matrix.
//
// A thread of the eigenvalues keeps its three rows in a column of shared memory, or of global memory where they are
// longer than that.
#include <algorithm>

#include "engine/cuda/kernels.h"
#include "engine/cuda/matrix_algorithms.h"
#include "engine/cuda/pack.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

template <class T>
struct Factors {
  const T* data;
  std::int64_t row, col;
  Walk<1> batch;
  std::int64_t batches;
  int n;
};

// What a thread makes of the diagonal of a factor, and of the pivots below it.
struct SpdLogdet {
  template <class T>
  __device__ static T of(const Entries<const T>& l, int n) {
    T sum = 0;
    for (int i = 0; i < n; ++i) sum += std::log(l(i, i));
    return 2 * sum;
  }
};
struct LuLogdet {
  template <class T>
  __device__ static T of(const Entries<const T>& f, int n) {
    T sum = 0;
    for (int i = 0; i < n; ++i) sum += std::log(std::fabs(f(i, i)));
    return sum;
  }
};
struct LuSign {
  template <class T>
  __device__ static T of(const Entries<const T>& f, int n) {
    T sign = 1;
    for (int i = 0; i < n; ++i) {
      const T u = f(i, i);
      sign *= u > 0 ? T(1) : u < 0 ? T(-1) : u;  // 0 or NaN
      if (static_cast<int>(f(n, i)) != i) sign = -sign;
    }
    return sign;
  }
};

template <class Number, class T>
__global__ void number_of_factors(Factors<T> factors, T* result) {
  for (std::int64_t i = thread_in_grid(); i < factors.batches; i += threads_in_grid()) {
    const T* const data = factors.data + factors.batch.offsets(i).of[0];
    result[i] =
        Number::of(Entries<const T>{data, static_cast<int>(factors.row), static_cast<int>(factors.col)}, factors.n);
  }
}

template <class Number>
void for_each_factor(const char* op, const KernelCall& call, const Tensor& factor) {
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
                             static_cast<int>(factor.shape()[-1])};
    launch({.grid = {grid_for(count, block)}, .block = {block}, .op = op}, number_of_factors<Number, T>, factors,
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
  std::int64_t batches;
  int m;
  T* space;   // null: shared memory
  T* result;  // [batches, 2, m]
};

template <class T>
__global__ void __launch_bounds__(kTridiagonalBlock) tridiagonal_kernel(const __grid_constant__ TridiagonalCall<T> p) {
  const int block = static_cast<int>(blockDim.x), m = p.m;
  T* const space = p.space ? p.space + std::int64_t{blockIdx.x} * 3 * m * block : dynamic_shared<T>();
  const Entries<T> t{space + threadIdx.x, m * block, block};
  for (std::int64_t i = thread_in_grid(); i < p.batches; i += threads_in_grid()) {
    const auto from = p.batch.offsets(i);
    for (int k = 0; k < m; ++k) {
      t(0, k) = p.diagonal[from.of[0] + k * p.diagonal_step];
      if (k < m - 1) t(1, k) = p.off[from.of[1] + k * p.off_step];
    }
    tridiagonal_eigen(t, m);
    for (int k = 0; k < m; ++k) {
      p.result[2 * i * m + k] = t(0, k);
      p.result[(2 * i + 1) * m + k] = t(2, k);
    }
  }
}

// Strides of the leading axes of a list of vectors.
Strides lead_strides(const Tensor& x) {
  Strides strides;
  for (int axis = 0; axis < x.rank() - 1; ++axis) strides.push_back(x.strides()[axis]);
  return strides;
}

}  // namespace

void spd_logdet_kernel(const KernelCall& call) { for_each_factor<SpdLogdet>("spd_logdet", call, *call.inputs[1]); }
void lu_logdet_kernel(const KernelCall& call) { for_each_factor<LuLogdet>("slogdet", call, *call.inputs[1]); }
void lu_sign_kernel(const KernelCall& call) { for_each_factor<LuSign>("slogdet", call, *call.inputs[0]); }

void tridiagonal_eigen_kernel(const KernelCall& call) {
  const Tensor &diagonal = *call.inputs[0], &off = *call.inputs[1];
  if (call.output.size() == 0) return;
  check_inputs("tridiagonal_eigen", call, call.output.dtype());
  const Shape batch = diagonal.shape().part(0, diagonal.rank() - 1);
  for_floating("tridiagonal_eigen", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const std::int64_t batches = element_count(batch), m = diagonal.shape()[-1];
    const std::size_t bytes = static_cast<std::size_t>(3 * m * kTridiagonalBlock) * sizeof(T);
    const bool fits = bytes <= kMostShared;
    const std::int64_t blocks = std::min(ceil_div(batches, kTridiagonalBlock), std::int64_t{multiprocessors()} * 2);
    const Scratch scratch(fits ? 0 : bytes * static_cast<std::size_t>(blocks));
    const TridiagonalCall<T> arguments{.diagonal = diagonal.data<T>(),
                                       .off = off.data<T>(),
                                       .diagonal_step = diagonal.strides()[-1],
                                       .off_step = off.strides()[-1],
                                       .batch = make_walk<2>(batch, {lead_strides(diagonal), lead_strides(off)}),
                                       .batches = batches,
                                       .m = static_cast<int>(m),
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

// What the kernel files of this folder share: from dtypes to types, from tensors to what a kernel takes by value, and
// the list of all kernels. Host side, but for Walk.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include "engine/backend.h"
#include "engine/cuda/device.h"
#include "engine/cuda/runtime.h"
#include "engine/memory.h"
#include "engine/str.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

#include "engine/ops/dispatch-inl.h"

// Device memory for one kernel call. In a recorded sequence it belongs to the sequence; otherwise whoever gets it next
// comes later in the stream.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  template <class T>
  T* data() const {
    return static_cast<T*>(storage_->data);
  }
  Tensor tensor(const Shape& shape, DType dtype) const {  // row-major
    return Tensor::over(storage_, shape, contiguous_strides(shape), 0, dtype);
  }

 private:
  StoragePtr storage_;
};

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Enough blocks for `threads`, but no more than fill the device some times over: kernels step by the grid.
inline unsigned grid_for(std::int64_t threads, unsigned block) {
  const std::int64_t most = std::int64_t{multiprocessors()} * 32;
  return static_cast<unsigned>(std::clamp<std::int64_t>(ceil_div(threads, block), 1, most));
}

// N tensors walked together in row-major order of one shape, without axes that all of them step over evenly. Strides in
// elements, 0 along axes that do not move a tensor.
template <int N>
struct Walk {
  int rank = 0;  // at least 1
  std::int64_t length[kMaxRank]{};
  std::int64_t stride[N][kMaxRank]{};

  struct Offsets {
    std::int64_t of[N];
  };
  // Where position `index` of the walk lies in each tensor.
  __device__ Offsets offsets(std::int64_t index) const {
    Offsets result{};
#pragma unroll 1  // a division takes a hundred instructions
    for (int axis = rank - 1; axis > 0; --axis) {
      const std::int64_t i = index % length[axis];
      index /= length[axis];
      for (int k = 0; k < N; ++k) result.of[k] += i * stride[k][axis];
    }
    for (int k = 0; k < N; ++k) result.of[k] += index * stride[k][0];
    return result;
  }
};

template <int N>
Walk<N> make_walk(const Shape& shape, const std::array<Strides, N>& strides) {
  Walk<N> walk;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    bool merges = walk.rank > 0;
    for (int k = 0; k < N && merges; ++k) {
      const auto index = static_cast<std::size_t>(k);
      merges = walk.stride[k][walk.rank - 1] == strides[index][axis] * shape[axis];
    }
    const int to = merges ? walk.rank - 1 : walk.rank++;
    walk.length[to] = merges ? walk.length[to] * shape[axis] : shape[axis];
    for (int k = 0; k < N; ++k) walk.stride[k][to] = strides[static_cast<std::size_t>(k)][axis];
  }
  if (walk.rank == 0) walk.length[walk.rank++] = 1;
  return walk;
}

// Strides of x broadcast to a shape: 0 where it repeats.
inline Strides broadcast_strides(const Tensor& x, const Shape& shape) {
  Strides strides = Dims::filled(shape.rank(), 0);
  for (int d = 1; d <= x.rank(); ++d)
    if (x.shape()[-d] != 1) strides[-d] = x.strides()[-d];
  return strides;
}

// Of matrices: strides of the leading axes, `rank` of them in the result.
inline Strides batch_strides(const Tensor& x, int rank) {
  Strides strides = Dims::filled(rank, 0);
  for (int d = 1; d <= x.rank() - 2; ++d)
    if (x.shape()[-d - 2] != 1) strides[-d] = x.strides()[-d - 2];
  return strides;
}

const Backend& backend();  // backend.cu

// Elementwise operations and groups of them: fused.cu.
bool fusible(const Backend& backend, OpCode code, DType dtype);
std::unique_ptr<FusedKernel> prepare_fused(const FusedGroup& group, const Backend& backend);
FusedLimits fused_limits();
std::array<Kernel, kOpCount> elementwise_kernels();  // null for all others

// to = from, element for element, in row-major order of each: the shapes may differ, the number of elements may not.
void copy_elements(const Tensor& from, Tensor& to);  // movement.cu
void cast_kernel(const KernelCall& call);
void reshape_kernel(const KernelCall& call);
void pad_kernel(const KernelCall& call);
void concat_kernel(const KernelCall& call);

void sum_kernel(const KernelCall& call);  // reduce.cu
void max_kernel(const KernelCall& call);
void argmax_kernel(const KernelCall& call);

void matmul_kernel(const KernelCall& call);  // matmul.cu

void cholesky_kernel(const KernelCall& call);  // linalg.cu
void triangular_solve_kernel(const KernelCall& call);
void spd_solve_kernel(const KernelCall& call);
void spd_inverse_kernel(const KernelCall& call);
void lu_factor_kernel(const KernelCall& call);
void lu_solve_kernel(const KernelCall& call);
void lu_inverse_kernel(const KernelCall& call);
void symmetric_eigen_kernel(const KernelCall& call);
void spd_logdet_kernel(const KernelCall& call);  // linalg_numbers.cu
void lu_logdet_kernel(const KernelCall& call);
void lu_sign_kernel(const KernelCall& call);
void tridiagonal_eigen_kernel(const KernelCall& call);
void log_matvec_kernel(const KernelCall& call);  // log_matvec.cu

void gather_kernel(const KernelCall& call);  // index.cu
void scatter_add_kernel(const KernelCall& call);
void take_along_kernel(const KernelCall& call);
void scatter_add_along_kernel(const KernelCall& call);

void argsort_kernel(const KernelCall& call);  // sort.cu

void random_uniform_kernel(const KernelCall& call);  // random.cu
void random_normal_kernel(const KernelCall& call);
void random_rademacher_kernel(const KernelCall& call);
void random_permutation_kernel(const KernelCall& call);

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

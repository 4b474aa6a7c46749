// What kernels of linear algebra share: matrices of a batch as a thread finds them, scratch memory for threads, and
// launches of one thread for each task. The algorithms are the texts of engine/ops/*-inl.h.
#pragma once

#include <cmath>
#include <limits>

#include "engine/cuda/kernels.h"
#include "engine/cuda/pack.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace linalg {

// The words in which the other texts are written.
#include "engine/ops/scalar_vocabulary-inl.h"
//
#include "engine/ops/substitution-inl.h"
//
#include "engine/ops/cholesky-inl.h"
#include "engine/ops/determinant-inl.h"
#include "engine/ops/eigen-inl.h"
#include "engine/ops/lu-inl.h"

inline constexpr unsigned kBlock = 64;
inline constexpr std::int64_t kMostThreads = 1 << 14;

inline Shape batch_shape(const Tensor& x) { return x.shape().part(0, x.rank() - 2); }

// The matrices of an input as they repeat for those of a result.
template <class T>
struct Matrices {
  const T* data;
  std::int64_t row, col;
  Walk<1> walk;
  __device__ Strided<const T> at(std::int64_t index) const { return {data + walk.offsets(index).of[0], row, col}; }
};

template <class T>
Matrices<T> matrices_of(const Tensor& x, const Shape& batch) {
  const Tensor first = x.view(batch_shape(x), x.strides().part(0, x.rank() - 2), x.offset());
  return {x.data<T>(), x.strides()[-2], x.strides()[-1], make_walk<1>(batch, {broadcast_strides(first, batch)})};
}

// Scratch memory of the threads of a launch.
template <class T>
struct Work {
  T* data;
  std::int64_t each;
  __device__ T* mine() const { return data + thread_in_grid() * each; }
};

// Launches a kernel whose last parameters are the number of tasks and `each` numbers of scratch memory per thread.
template <class T, class... P, class... A>
void launch_tasks(const char* op, std::int64_t tasks, std::int64_t each, void (*kernel)(P...), A&&... args) {
  if (tasks == 0) return;
  const unsigned block = block_for(tasks, kBlock);
  const std::int64_t most = std::min(ceil_div(tasks, block), kMostThreads / block);
  const Scratch scratch(sizeof(T) * static_cast<std::size_t>(std::max<std::int64_t>(1, most * block * each)));
  launch({.grid = {static_cast<unsigned>(most)}, .block = {block}, .op = op}, kernel, std::forward<A>(args)..., tasks,
         Work<T>{scratch.data<T>(), each});
}

template <class Body>
void for_output(const char* op, const KernelCall& call, const Body& body) {
  if (call.output.size() > 0) for_floating(op, call.output.dtype(), body);
}

// [..., m] as [..., 1, m].
inline Tensor as_rows(const Tensor& x) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.insert(x.rank() - 1, 1);
  strides.insert(x.rank() - 1, 0);
  return x.view(shape, strides, x.offset());
}

}  // namespace linalg
}  // namespace brenier::BRENIER_CUDA_NAMESPACE

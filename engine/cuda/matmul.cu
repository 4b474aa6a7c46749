// The matrix product as an operation: [..., m, k] times [..., k, n] with broadcast leading axes and any strides,
// brought into the form that the kernels of gemm.h take.
#include <limits>

#include "engine/cuda/gemm.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

// Neighbours in memory along one of the two axes of a matrix, or a single line. Single rows of a batch may yet become
// the rows of one matrix, so for them only the other axis counts.
bool runs_along_an_axis(const Tensor& x) {
  if (x.strides()[-1] == 1 || x.shape()[-1] == 1) return true;
  return x.shape()[-2] == 1 ? x.rank() == 2 : x.strides()[-2] == 1;
}

Tensor row_major_copy(const Tensor& x) {
  // What is repeated along a batch axis is copied once.
  Shape shape = x.shape();
  for (int axis = 0; axis < shape.rank() - 2; ++axis)
    if (x.strides()[axis] == 0) shape[axis] = 1;
  const Scratch scratch(static_cast<std::size_t>(element_count(shape)) * size_of(x.dtype()));
  Tensor copy = scratch.tensor(shape, x.dtype());
  copy_elements(x.view(shape, x.strides(), x.offset()), copy);
  return copy;
}

struct Matrix {
  std::int64_t side_stride, depth_stride;
};

// A batch of products with one B is one product with more rows, if the rows of A are evenly spaced.
void merge_batch_into_rows(Walk<2>& batch, GemmShape& shape, Matrix& a) {
  const int last = batch.rank - 1;
  const std::int64_t length = batch.length[last], a_step = batch.stride[0][last];
  const bool fits = shape.rows * length <= std::numeric_limits<int>::max() / 2;
  if (length == 1 || batch.stride[1][last] != 0 || !fits) return;
  if (shape.rows != 1 && a_step != shape.rows * a.side_stride) return;
  if (shape.rows == 1) a.side_stride = a_step;
  shape.rows *= length;
  shape.batches /= length;
  batch.length[last] = 1;
  batch.stride[0][last] = 0;
  if (batch.rank > 1) --batch.rank;
}

template <class T>
Factor<T> factor(const T* data, const Matrix& x, std::int64_t side, std::int64_t depth, const Walk<2>& batch,
                 int which) {
  const bool along_depth = x.depth_stride == 1 || (x.side_stride != 1 && side != 1);
  const std::int64_t lines = along_depth ? side : depth, stride = along_depth ? x.side_stride : x.depth_stride;
  const auto whole = [](std::int64_t elements) { return elements * static_cast<std::int64_t>(sizeof(T)) % 16 == 0; };
  bool aligned = reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && (lines == 1 || whole(stride));
  for (int axis = 0; axis < batch.rank; ++axis) aligned = aligned && whole(batch.stride[which][axis]);
  return {data, stride, along_depth ? Along::Depth : Along::Side, aligned};
}

int checked_length(const char* axis, std::int64_t length) {
  if (length > std::numeric_limits<int>::max() / 2)
    throw std::invalid_argument(str("[matmul] has ", length, " ", axis, ", more than the kernels count"));
  return static_cast<int>(length);
}

template <class T>
void multiply(GemmShape shape, const Tensor& a, const Tensor& b, const KernelCall& call) {
  const Shape batch_shape = call.output.shape().part(0, call.output.rank() - 2);
  const int rank = batch_shape.rank();
  Walk<2> batch = make_walk<2>(batch_shape, {batch_strides(a, rank), batch_strides(b, rank)});
  Matrix rows{a.strides()[-2], a.strides()[-1]};
  const Matrix cols{b.strides()[-1], b.strides()[-2]};
  merge_batch_into_rows(batch, shape, rows);
  GemmArguments<T> arguments{.rows = checked_length("rows", shape.rows),
                             .cols = checked_length("columns", shape.cols),
                             .depth = checked_length("terms", shape.depth),
                             .a = factor(a.data<T>(), rows, shape.rows, shape.depth, batch, 0),
                             .b = factor(b.data<T>(), cols, shape.cols, shape.depth, batch, 1),
                             .c = call.output.mutable_data<T>(),
                             .accumulate = call.accumulate,
                             .batch = batch,
                             .batches = shape.batches};
  const GemmPlan plan = plan_gemm(best_gemm(shape, dtype_of<T>()), shape);
  const std::size_t bytes = scratch_bytes(plan, shape, dtype_of<T>());
  if (bytes == 0) return gemm<T>(plan, arguments, nullptr, call.epilogue);
  const Scratch scratch(bytes);
  gemm(plan, arguments, scratch.data<T>(), call.epilogue);
}

}  // namespace

void matmul_kernel(const KernelCall& call) {
  check_inputs("matmul", call, call.output.dtype());
  for_floating("matmul", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const Shape& c = call.output.shape();
    if (call.output.size() == 0) return;
    GemmShape shape{c[-2], c[-1], call.inputs[0]->shape()[-1]};
    shape.batches = call.output.size() / (shape.rows * shape.cols);
    const auto regular = [](const Tensor& x) { return x.size() == 0 || runs_along_an_axis(x) ? x : row_major_copy(x); };
    multiply<T>(shape, regular(*call.inputs[0]), regular(*call.inputs[1]), call);
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

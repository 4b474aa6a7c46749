// Gather, ScatterAdd, TakeAlong, ScatterAddAlong. What they compute is said in engine/cpu/index-inl.h.
//
// The takes are one thread per position. The scatters add to one entry in ascending order of the index position, as the
// CPU does and without atomics: a thread owns an entry of the result and adds what belongs there. For few indices it
// looks at all of them; for many they are sorted, with their positions, and the entry's stretch is found by bisection.
// An index out of range leaves a bit in the error word and a zero in the result, or is left out of the sum.
#include "engine/cuda/sort.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

constexpr unsigned kBlock = 256;

void check_index_type(const char* op, const Tensor& indices) {
  if (indices.dtype() != DType::Int64)
    throw std::invalid_argument(str("[", op, "] indices must be int64, got ", indices.dtype()));
}

__device__ __forceinline__ bool in_range(std::int64_t index, std::int64_t count, unsigned* error) {
  if (index >= 0 && index < count) return true;
  atomicOr(error, kIndexOutOfRange);
  return false;
}

// -- takes --

struct TakeWalk {
  Walk<2> walk;             // indices, x; over the positions of the result
  std::int64_t count = 0;   // of entries along the axis
  std::int64_t stride = 0;  // of x along it
};

template <class T>
__global__ void take_elements(T* out, const T* x, const std::int64_t* indices, TakeWalk take, std::int64_t positions,
                              unsigned* error) {
  for (std::int64_t i = thread_in_grid(); i < positions; i += threads_in_grid()) {
    const auto at = take.walk.offsets(i);
    const std::int64_t index = indices[at.of[0]];
    out[i] = in_range(index, take.count, error) ? x[at.of[1] + index * take.stride] : T(0);
  }
}

void take(const char* op, const KernelCall& call, const TakeWalk& walk) {
  const std::int64_t positions = call.output.size();
  if (positions == 0) return;
  const unsigned block = block_for(positions, kBlock);
  for_any(op, call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    launch({.grid = {grid_for(positions, block)}, .block = {block}, .op = op}, take_elements<T>,
           call.output.mutable_data<T>(), call.inputs[0]->data<T>(), call.inputs[1]->data<std::int64_t>(), walk,
           positions, error_word());
  });
}

// -- scatters --

// Lines of indices: one for ScatterAdd, one for each place beside the axis for ScatterAddAlong.
struct IndexLines {
  const std::int64_t* indices;
  unsigned* error;
  Walk<1> line{};                                 // where a line of indices starts
  Walk<2> entry{};                                // positions of a line: in the indices, in x
  std::int64_t lines = 1, length = 0, count = 0;  // of the axis of the result
  // The index at a position; `count` if it is out of range.
  __device__ std::int64_t operator()(std::int64_t number, std::int64_t position) const {
    const std::int64_t index = indices[line.offsets(number).of[0] + entry.offsets(position).of[0]];
    return in_range(index, count, error) ? index : count;
  }
};
struct IndexSource {
  IndexLines lines;
  __device__ std::uint64_t operator()(std::int64_t line, std::int64_t position) const {
    return static_cast<std::uint64_t>(lines(line, position));
  }
};

// The elements of the result: where their summands start in x, in which line their indices are, and their own index.
using ResultWalk = Walk<3>;

template <class T>
__global__ void scatter_few(T* out, const T* x, IndexLines lines, ResultWalk walk, std::int64_t results) {
  for (std::int64_t i = thread_in_grid(); i < results; i += threads_in_grid()) {
    const auto at = walk.offsets(i);
    T sum = T(0);
    for (std::int64_t j = 0; j < lines.length; ++j)
      if (lines(at.of[1], j) == at.of[2]) sum += x[at.of[0] + lines.entry.offsets(j).of[1]];
    out[i] = sum;
  }
}

// The first of `length` sorted items whose key is not below the given one.
__device__ __forceinline__ std::int64_t lower_bound(const SortItem* items, std::int64_t length, std::uint64_t key) {
  std::int64_t low = 0;
  while (length > 0) {
    const std::int64_t half = length / 2;
    if (items[low + half].key < key)
      low += half + 1, length -= half + 1;
    else
      length = half;
  }
  return low;
}

template <class T>
__global__ void scatter_sorted(T* out, const T* x, const SortItem* sorted, IndexLines lines, ResultWalk walk,
                               std::int64_t results) {
  for (std::int64_t i = thread_in_grid(); i < results; i += threads_in_grid()) {
    const auto at = walk.offsets(i);
    const SortItem* items = sorted + at.of[1] * lines.length;
    const auto key = static_cast<std::uint64_t>(at.of[2]);
    T sum = T(0);
    for (std::int64_t j = lower_bound(items, lines.length, key); j < lines.length && items[j].key == key; ++j)
      sum += x[at.of[0] + lines.entry.offsets(items[j].position).of[1]];
    out[i] = sum;
  }
}

__global__ void check_indices(IndexLines lines) {
  for (std::int64_t i = thread_in_grid(); i < lines.lines * lines.length; i += threads_in_grid())
    lines(i / lines.length, i % lines.length);
}

template <class T>
void launch_scatter(const char* op, const KernelCall& call, const IndexLines& lines, const ResultWalk& walk) {
  const std::int64_t results = call.output.size();
  const unsigned block = block_for(results, kBlock);
  const LaunchShape shape{.grid = {grid_for(results, block)}, .block = {block}, .op = op};
  T* out = call.output.mutable_data<T>();
  const T* x = call.inputs[0]->data<T>();
  constexpr std::int64_t few = 64;
  if (lines.length <= few) return launch(shape, scatter_few<T>, out, x, lines, walk, results);
  const Scratch scratch(static_cast<std::size_t>(lines.lines * lines.length) * sizeof(SortItem));
  SortItem* sorted = scratch.data<SortItem>();
  sort_lines(op, {.lines = lines.lines, .length = lines.length}, IndexSource{lines}, ItemSink{sorted, lines.length});
  launch(shape, scatter_sorted<T>, out, x, sorted, lines, walk, results);
}

void scatter(const char* op, const KernelCall& call, const IndexLines& lines, const ResultWalk& walk) {
  if (call.output.size() > 0) {
    for_any(op, call.output.dtype(),
            [&](auto type) { launch_scatter<typename decltype(type)::type>(op, call, lines, walk); });
  } else if (call.inputs[0]->size() > 0) {  // into an axis of length 0 nothing can be scattered
    const unsigned block = block_for(lines.lines * lines.length, kBlock);
    launch({.grid = {grid_for(lines.lines * lines.length, block)}, .block = {block}, .op = op}, check_indices, lines);
  }
}

IndexLines lines_of(const KernelCall& call, int axis) {
  return {.indices = call.inputs[1]->data<std::int64_t>(), .error = error_word(), .count = call.output.shape()[-axis]};
}

}  // namespace

// L + [n] + R and I give L + I + R.
void gather_kernel(const KernelCall& call) {
  const Tensor &x = *call.inputs[0], &indices = *call.inputs[1];
  check_index_type("gather", indices);
  const int axis = static_cast<int>(call.attributes.axes[0]), rest = axis - 1, leading = x.rank() - axis;
  const Strides index_strides = Dims::filled(leading, 0) + indices.strides() + Dims::filled(rest, 0);
  const Strides entry_strides =
      x.strides().part(0, leading) + Dims::filled(indices.rank(), 0) + x.strides().part(leading + 1, x.rank());
  take("gather", call,
       {make_walk<2>(call.output.shape(), {index_strides, entry_strides}), x.shape()[-axis], x.strides()[-axis]});
}

void take_along_kernel(const KernelCall& call) {
  const Tensor &x = *call.inputs[0], &indices = *call.inputs[1];
  check_index_type("take_along_axis", indices);
  const int axis = static_cast<int>(call.attributes.axes[0]);
  Strides entry_strides = x.strides();
  entry_strides[-axis] = 0;
  const Strides index_strides = broadcast_strides(indices, call.output.shape());
  take("take_along_axis", call,
       {make_walk<2>(call.output.shape(), {index_strides, entry_strides}), x.shape()[-axis], x.strides()[-axis]});
}

// L + I + R and I give L + [n] + R.
void scatter_add_kernel(const KernelCall& call) {
  const Tensor &x = *call.inputs[0], &indices = *call.inputs[1];
  check_index_type("scatter_add", indices);
  const int axis = static_cast<int>(call.attributes.axes[0]);
  const int leading = call.output.rank() - axis, rank = call.output.rank();
  IndexLines lines = lines_of(call, axis);
  lines.line = make_walk<1>({}, {Strides()});
  lines.entry = make_walk<2>(indices.shape(), {indices.strides(), x.strides().part(leading, leading + indices.rank())});
  lines.length = indices.size();
  const Strides x_strides =
      x.strides().part(0, leading) + Dims{0} + x.strides().part(leading + indices.rank(), x.rank());
  Strides own = Dims::filled(rank, 0);
  own[-axis] = 1;
  scatter("scatter_add", call, lines, make_walk<3>(call.output.shape(), {x_strides, Dims::filled(rank, 0), own}));
}

// batch + S' and S' give batch + S.
void scatter_add_along_kernel(const KernelCall& call) {
  const Tensor &x = *call.inputs[0], &indices = *call.inputs[1];
  check_index_type("scatter_add_along_axis", indices);
  const int axis = static_cast<int>(call.attributes.axes[0]), rank = call.output.rank();
  Shape beside = indices.shape();
  beside[-axis] = 1;
  IndexLines lines = lines_of(call, axis);
  lines.line = make_walk<1>(beside, {indices.strides()});
  lines.entry =
      make_walk<2>(Shape{indices.shape()[-axis]}, {Strides{indices.strides()[-axis]}, Strides{x.strides()[-axis]}});
  lines.lines = element_count(beside);
  lines.length = indices.shape()[-axis];
  Strides x_strides = x.strides(), line_strides = contiguous_strides(beside), own = Dims::filled(rank, 0);
  x_strides[-axis] = line_strides[-axis] = 0;
  own[-axis] = 1;
  line_strides = Dims::filled(rank - beside.rank(), 0) + line_strides;
  scatter("scatter_add_along_axis", call, lines, make_walk<3>(call.output.shape(), {x_strides, line_strides, own}));
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

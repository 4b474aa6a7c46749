// Copies: Cast, Reshape where strides forbid a view, Pad and Concat. All but Pad are one strided copy.
//
// A copy between two walks takes one of three ways. Where both sides are one contiguous row, threads move 16 bytes at a
// time. Where the target is contiguous along one axis and the source along another, tiles of 32 x 32 elements go through
// shared memory, so that both sides are read and written along their own contiguous axis. Otherwise a thread moves an
// element and neighbouring threads have neighbouring targets. Elements are moved as bits of 4 or 8 bytes.
#include <limits>
#include <optional>

#include "engine/cuda/kernels.h"
#include "engine/cuda/pack.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

constexpr unsigned kBlock = 256;

template <class T, int W>
__global__ void copy_packs(T* to, const T* from, std::int64_t count) {
  const std::int64_t packs = count / W, step = threads_in_grid();
  std::int64_t i = thread_in_grid();
  for (std::int64_t rest = packs * W + i; rest < count; rest += step) to[rest] = from[rest];
#pragma unroll 4
  for (; i < packs; i += step) store_pack<T, W>(to + i * W, load_pack<T, W>(from + i * W));
}

template <class T>
__global__ void copy_elementwise(T* to, const T* from, Walk<2> walk, std::int64_t count) {
#pragma unroll 4
  for (std::int64_t i = thread_in_grid(); i < count; i += threads_in_grid()) {
    const auto at = walk.offsets(i);
    to[at.of[0]] = from[at.of[1]];
  }
}

// -- tiles --

constexpr int kTile = 32, kTileRows = 8;  // a thread moves kTile / kTileRows elements

// rows x cols elements: the target has stride 1 along cols, the source along rows. `others` are the remaining axes.
struct Transposition {
  std::int64_t rows = 0, cols = 0;
  std::int64_t to_row_stride = 0, from_col_stride = 0;
  Walk<2> others{};
  std::int64_t count = 1;  // of the others
  std::int64_t row_tiles() const { return ceil_div(rows, kTile); }
  std::int64_t col_tiles() const { return ceil_div(cols, kTile); }
};

template <class T>
struct TileMemory {
  T element[kTile][kTile + 1];  // one more, so that a column lies in different banks
};

template <class T>
__global__ void copy_transposed(T* to, const T* from, Transposition t, std::int64_t row_tiles, std::int64_t col_tiles) {
  auto& tile = shared_memory<TileMemory<T>>().element;
  const std::int64_t block = blockIdx.x;
  const std::int64_t row = block / col_tiles % row_tiles * kTile, col = block % col_tiles * kTile;
  const auto base = t.others.offsets(block / col_tiles / row_tiles);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  for (int j = y; j < kTile; j += kTileRows)
    if (row + x < t.rows && col + j < t.cols) tile[x][j] = from[base.of[1] + row + x + (col + j) * t.from_col_stride];
  __syncthreads();
  for (int j = y; j < kTile; j += kTileRows)
    if (row + j < t.rows && col + x < t.cols) to[base.of[0] + (row + j) * t.to_row_stride + col + x] = tile[j][x];
}

// A walk that runs across the source along its last axis, and has the source contiguous along another one. Short axes
// would leave most of a tile empty.
std::optional<Transposition> find_transposition(const Walk<2>& walk) {
  const int last = walk.rank - 1;
  constexpr int kShort = 8;
  if (walk.stride[0][last] != 1 || walk.stride[1][last] == 1 || walk.length[last] < kShort) return std::nullopt;
  int along = last - 1;
  while (along >= 0 && (walk.stride[1][along] != 1 || walk.length[along] < kShort)) --along;
  if (along < 0) return std::nullopt;
  Transposition t{.rows = walk.length[along],
                  .cols = walk.length[last],
                  .to_row_stride = walk.stride[0][along],
                  .from_col_stride = walk.stride[1][last]};
  Walk<2>& others = t.others;
  for (int axis = 0; axis < last; ++axis) {
    if (axis == along) continue;
    t.count *= others.length[others.rank] = walk.length[axis];
    for (int k = 0; k < 2; ++k) others.stride[k][others.rank] = walk.stride[k][axis];
    ++others.rank;
  }
  if (others.rank == 0) others.length[others.rank++] = 1;
  return t;
}

template <class T>
void launch_transposition(const char* op, T* to, const T* from, const Transposition& t) {
  const std::int64_t row_tiles = t.row_tiles(), col_tiles = t.col_tiles();
  const auto blocks = static_cast<unsigned>(row_tiles * col_tiles * t.count);
  launch({.grid = {blocks}, .block = {kTile, kTileRows}, .op = op}, copy_transposed<T>, to, from, t, row_tiles,
         col_tiles);
}

// -- choosing --

template <class T>
void copy_contiguous(const char* op, T* to, const T* from, std::int64_t count) {
  constexpr int width = kPackWidth<T>;
  if (holds_packs<T, width>(to) && holds_packs<T, width>(from)) {
    const std::int64_t threads = ceil_div(count, width);
    const unsigned block = block_for(threads, kBlock);
    launch({.grid = {grid_for(threads, block)}, .block = {block}, .op = op}, copy_packs<T, width>, to, from, count);
  } else {
    const unsigned block = block_for(count, kBlock);
    launch({.grid = {grid_for(count, block)}, .block = {block}, .op = op}, copy_packs<T, 1>, to, from, count);
  }
}

template <class T>
void copy_strided(const char* op, T* to, const Strides& to_strides, const T* from, const Strides& from_strides,
                  const Shape& shape) {
  const std::int64_t count = element_count(shape);
  if (count == 0) return;
  const Walk<2> walk = make_walk<2>(shape, {to_strides, from_strides});
  if (walk.rank == 1 && walk.stride[0][0] == 1 && walk.stride[1][0] == 1) return copy_contiguous(op, to, from, count);
  if (const auto transposition = find_transposition(walk)) return launch_transposition(op, to, from, *transposition);
  const unsigned block = block_for(count, kBlock);
  launch({.grid = {grid_for(count, block)}, .block = {block}, .op = op}, copy_elementwise<T>, to, from, walk, count);
}

// To the type whose bits are moved.
template <class Body>
void for_bits(DType dtype, Body&& body) {
  if (size_of(dtype) == 4) return body(std::type_identity<std::uint32_t>());
  body(std::type_identity<std::uint64_t>());
}

// -- pad --

// Along each axis: low zeros, the elements with step - 1 zeros between neighbours, and zeros up to the length.
struct PadWalk {
  int rank = 0;
  std::int64_t length[kMaxRank]{}, low[kMaxRank]{}, step[kMaxRank]{}, elements[kMaxRank]{}, stride[kMaxRank]{};
};

template <class T>
__global__ void pad_elements(T* to, const T* from, PadWalk walk, std::int64_t count) {
  for (std::int64_t i = thread_in_grid(); i < count; i += threads_in_grid()) {
    std::int64_t rest = i, offset = 0;
    bool padding = false;
    for (int axis = walk.rank - 1; axis >= 0; --axis) {
      const std::int64_t position = rest % walk.length[axis] - walk.low[axis], element = position / walk.step[axis];
      rest /= walk.length[axis];
      padding |= position < 0 || element >= walk.elements[axis] || element * walk.step[axis] != position;
      offset += element * walk.stride[axis];
    }
    to[i] = padding ? T(0) : from[offset];
  }
}

// The last axis of a walk and a new one become one where the new one has no padding and the source continues evenly.
PadWalk make_pad_walk(const Tensor& x, const KernelCall& call) {
  const Attributes& a = call.attributes;
  PadWalk walk;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int distance = x.rank() - axis;
    const bool named = distance <= a.low.rank();
    const std::int64_t low = named ? a.low[-distance] : 0, step = named ? a.step[-distance] : 1;
    const std::int64_t elements = x.shape()[axis], length = call.output.shape()[axis], stride = x.strides()[axis];
    const int last = walk.rank - 1;
    if (last >= 0 && length == elements && walk.step[last] == 1 && walk.stride[last] == stride * elements) {
      walk.length[last] *= length, walk.low[last] *= length, walk.elements[last] *= length;
      walk.stride[last] = stride;
      continue;
    }
    walk.length[walk.rank] = length, walk.low[walk.rank] = low, walk.step[walk.rank] = step;
    walk.elements[walk.rank] = elements, walk.stride[walk.rank++] = stride;
  }
  return walk;
}

// -- cast --

#include "engine/ops/convert-inl.h"

template <class To, class From>
__global__ void convert_elements(To* to, const From* from, Walk<1> walk, std::int64_t count) {
#pragma unroll 4
  for (std::int64_t i = thread_in_grid(); i < count; i += threads_in_grid())
    to[i] = Convert<To>()(from[walk.offsets(i).of[0]]);
}

}  // namespace

void copy_elements(const Tensor& from, Tensor& to) {
  if (from.dtype() != to.dtype() || from.size() != to.size())
    throw std::invalid_argument(
        str("[copy] from ", from.dtype(), " ", from.shape(), " to ", to.dtype(), " ", to.shape()));
  const bool by_source = to.contiguous() || from.shape() == to.shape();
  if (!by_source && !from.contiguous())
    throw std::invalid_argument(str("[copy] strides fit neither ", from.shape(), " nor ", to.shape()));
  const Shape& shape = by_source ? from.shape() : to.shape();
  const Strides to_strides = to.contiguous() ? contiguous_strides(shape) : to.strides();
  const Strides from_strides = by_source ? from.strides() : contiguous_strides(shape);
  for_bits(from.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    copy_strided("copy", to.mutable_data<T>(), to_strides, from.data<T>(), from_strides, shape);
  });
}

void reshape_kernel(const KernelCall& call) { copy_elements(*call.inputs[0], call.output); }

void cast_kernel(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  const std::int64_t count = call.output.size();
  if (count == 0) return;
  const Walk<1> walk = make_walk<1>(call.output.shape(), {broadcast_strides(x, call.output.shape())});
  for_any("cast", call.output.dtype(), [&](auto to) {
    for_any("cast", x.dtype(), [&](auto from) {
      using To = typename decltype(to)::type;
      using From = typename decltype(from)::type;
      const unsigned block = block_for(count, kBlock);
      launch({.grid = {grid_for(count, block)}, .block = {block}, .op = "cast"}, convert_elements<To, From>,
             call.output.mutable_data<To>(), x.data<From>(), walk, count);
    });
  });
}

// Attributes low, high, step belong to the last axes; the axes before them are batch axes.
void pad_kernel(const KernelCall& call) {
  const std::int64_t count = call.output.size();
  if (count == 0) return;
  const Tensor& x = *call.inputs[0];
  check_inputs("pad", call, call.output.dtype());
  for_bits(x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const unsigned block = block_for(count, kBlock);
    launch({.grid = {grid_for(count, block)}, .block = {block}, .op = "pad"}, pad_elements<T>,
           call.output.mutable_data<T>(), x.data<T>(), make_pad_walk(x, call), count);
  });
}

// Attribute axes[0]: the axis, counted from the end.
void concat_kernel(const KernelCall& call) {
  const int axis = static_cast<int>(call.attributes.axes[0]);
  check_inputs("concat", call, call.output.dtype());
  const Strides strides = contiguous_strides(call.output.shape());
  for_bits(call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    T* out = call.output.mutable_data<T>();
    for (const Tensor* part : call.inputs) {
      Shape shape = call.output.shape();
      shape[-axis] = part->shape()[-axis];
      copy_strided("concat", out, strides, part->data<T>(), broadcast_strides(*part, shape), shape);
      out += shape[-axis] * strides[-axis];
    }
  });
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

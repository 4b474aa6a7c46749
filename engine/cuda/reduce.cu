// Sum, Max and ArgMax over any axes of a strided tensor.
//
// A reduction is a tree whose form depends on shape and strides alone, not on the device and not on who comes first, so
// results repeat bit for bit. A thread combines at most a few hundred elements in four chains; chains, lanes and warps
// meet in pairs. What is longer is cut into chunks, one block each, and another launch reduces the results of chunks.
// The error of a sum thus grows with the length of a chain, at most 64 elements, plus the depth of the tree.
//
// Two ways through memory, after which axis is the closer one. Rows: the elements of one result are neighbours, and
// neighbouring threads, up to a block of them, share a result. Columns: results are neighbours, and so are the threads
// that compute them; several rows of threads share the reduced axes. To reduce everything is the first with one result.
#include <cstdlib>

#include "engine/cuda/reduce_kernels.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

std::int64_t power_of_two_from(std::int64_t n) {
  std::int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

// Whether packs can be read along the last axis of one walk, wherever both walks stand.
bool keeps_packs(const Walk<1>& along, const Walk<1>& other, std::int64_t width) {
  const int last = along.rank - 1;
  bool even = along.stride[0][last] == 1;
  for (int axis = 0; axis < last; ++axis) even = even && along.stride[0][axis] % width == 0;
  for (int axis = 0; axis < other.rank; ++axis)
    even = even && (other.length[axis] == 1 || other.stride[0][axis] % width == 0);
  return even && (last == 0 || along.length[last] % width == 0);
}

// The next stage reduces partial results; `step` apart are those of one result.
Stage partial_stage(const Stage& stage, std::int64_t next, std::int64_t step) {
  Stage result{.outputs = stage.outputs, .n = stage.chunks};
  result.kept.rank = result.reduced.rank = 1;
  result.kept.length[0] = stage.outputs, result.kept.stride[0][0] = next;
  result.reduced.length[0] = stage.chunks, result.reduced.stride[0][0] = step;
  return result;
}

template <class R>
void reduce_stages(const char* op, Stage stage, const typename R::In* x, typename R::Out* out);

// Runs launch(to) with the results as target, or, if there are chunks, with memory for theirs, which are then reduced.
template <class R, class Launch>
void with_target(const char* op, const Stage& stage, const Stage& next, typename R::Out* out, Launch launch_to) {
  if (stage.chunks == 1) return launch_to(out);
  using Acc = typename R::Acc;
  const Scratch partial(static_cast<std::size_t>(stage.outputs * stage.chunks) * sizeof(Acc));
  launch_to(partial.data<Acc>());
  reduce_stages<typename R::Next>(op, next, partial.data<Acc>(), out);
}

// Chunks where one block per result would be few or slow: at least 512 blocks of 4096 … 32768 elements.
template <class R, int W>
void run_rows(const char* op, Stage stage, const typename R::In* x, typename R::Out* out) {
  constexpr std::int64_t one_block = 8192, most = 32768, least_chunk = 4096, blocks = 512;
  const bool by_block = stage.n > 1024 || (stage.n > 256 && stage.outputs < 64);
  const auto lanes = by_block ? int{kReduceBlock}
                              : static_cast<int>(std::min<std::int64_t>(32, power_of_two_from(ceil_div(stage.n, 4))));
  stage.chunk = stage.n;
  if (by_block && stage.n > one_block)
    stage.chunk = std::clamp(ceil_div(stage.outputs * stage.n, blocks * 1024) * 1024, least_chunk, most);
  stage.chunks = ceil_div(stage.n, stage.chunk);
  const std::int64_t threads = stage.outputs * stage.chunks * lanes;
  const unsigned block = by_block ? kReduceBlock : block_for(threads, 128);
  const auto grid = static_cast<unsigned>(ceil_div(threads, block));
  with_target<R>(op, stage, partial_stage(stage, stage.chunks, 1), out, [&]<class To>(To* to) {
    launch({.grid = {grid}, .block = {block}, .op = op}, reduce_rows<R, To, W>, to, x, stage, lanes);
  });
}

// Many results: a thread each. Few: rows of threads, and chunks that give each thread 16 … 256 elements.
template <class R, int W>
void run_columns(const char* op, Stage stage, const typename R::In* x, typename R::Out* out) {
  const std::int64_t packs = stage.outputs / W;
  const bool many = packs >= 1 << 15;
  const std::int64_t width = many ? 128 : std::min<std::int64_t>(32, power_of_two_from(packs));
  const std::int64_t rows = many ? 1 : std::min(kReduceBlock / width, power_of_two_from(ceil_div(stage.n, kFlight)));
  const std::int64_t serial = many ? 256 : std::clamp<std::int64_t>(stage.n * packs >> 16, 16, 256);
  stage.chunks = ceil_div(stage.n, rows * serial);
  stage.chunk = ceil_div(stage.n, stage.chunks);
  const std::int64_t column_blocks = ceil_div(packs, width);
  const LaunchShape shape{.grid = {static_cast<unsigned>(column_blocks * stage.chunks)},
                          .block = {static_cast<unsigned>(width), static_cast<unsigned>(rows)},
                          .dynamic_shared = static_cast<std::size_t>(width * rows * W) * sizeof(typename R::Acc),
                          .op = op};
  with_target<R>(op, stage, partial_stage(stage, 1, stage.outputs), out,
                 [&]<class To>(To* to) { launch(shape, reduce_columns<R, To, W>, to, x, stage, column_blocks); });
}

template <class R>
void reduce_stages(const char* op, Stage stage, const typename R::In* x, typename R::Out* out) {
  const Walk<1>&kept = stage.kept, &reduced = stage.reduced;
  const auto inner_stride = [](const Walk<1>& walk) { return std::abs(walk.stride[0][walk.rank - 1]); };
  const bool columns = stage.outputs > 1 && inner_stride(kept) < inner_stride(reduced);
  // Packs for floating-point numbers alone, and rows for the pairs of argmax's later stages, of which there are few, however
  // they lie: kernels that are not there need not be compiled.
  if constexpr (std::is_same_v<typename R::In, typename R::Out> && std::is_floating_point_v<typename R::In>) {
    constexpr int width = kPackWidth<typename R::In>;
    const bool aligned = holds_packs<typename R::In, width>(x) && holds_packs<typename R::In, width>(out);
    if (columns && aligned && stage.outputs % width == 0 && keeps_packs(kept, reduced, width))
      return run_columns<R, width>(op, stage, x, out);
    if (!columns && aligned && stage.n >= width && keeps_packs(reduced, kept, width))
      return run_rows<R, width>(op, stage, x, out);
  }
  if constexpr (std::is_arithmetic_v<typename R::In>)
    if (columns) return run_columns<R, 1>(op, stage, x, out);
  run_rows<R, 1>(op, stage, x, out);
}

Stage make_stage(const Tensor& x, const Axes& axes) {
  Dims shape[2], strides[2];  // of the kept and of the reduced axes
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int reduced = axes.contains(x.rank() - axis);
    shape[reduced].push_back(x.shape()[axis]);
    strides[reduced].push_back(x.strides()[axis]);
  }
  return {.kept = make_walk<1>(shape[0], {strides[0]}),
          .reduced = make_walk<1>(shape[1], {strides[1]}),
          .outputs = element_count(shape[0]),
          .n = element_count(shape[1])};
}

template <class Out>
__global__ void fill_zero(Out* out, std::int64_t count) {
  for (std::int64_t i = thread_in_grid(); i < count; i += threads_in_grid()) out[i] = Out(0);
}

template <template <class> class R>
void reduce(const char* op, const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  const Stage stage = make_stage(x, call.attributes.axes);
  if (stage.outputs == 0) return;
  for_any(op, x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    using Out = typename R<T>::Out;
    Out* out = call.output.mutable_data<Out>();
    if (stage.n > 0) return reduce_stages<R<T>>(op, stage, x.data<T>(), out);
    const unsigned block = block_for(stage.outputs, kReduceBlock);
    launch({.grid = {grid_for(stage.outputs, block)}, .block = {block}, .op = op}, fill_zero<Out>, out, stage.outputs);
  });
}

}  // namespace

void sum_kernel(const KernelCall& call) { reduce<Summation>("sum", call); }
void max_kernel(const KernelCall& call) { reduce<Largest>("max", call); }
void argmax_kernel(const KernelCall& call) { reduce<FirstPositionOfLargest>("argmax", call); }

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// Sorting lines of keys on the device: sort.cu says how, ArgSort, RandomPermutation and the scatters use it.
//
// Keys are unsigned 64-bit numbers. Equal keys are ordered by position, so items never tie, the order is unique, and
// whatever sorts is stable. A source is a function of (line, position) that gives a key; a sink takes (line, rank,
// item).
#pragma once

#include <bit>
#include <cstdint>
#include <utility>

#include "engine/cuda/kernels.h"
#include "engine/cuda/pack.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

struct alignas(16) SortItem {
  std::uint64_t key;
  std::int64_t position;
};
__device__ __forceinline__ bool before(const SortItem& a, const SortItem& b) {
  return a.key < b.key || (a.key == b.key && a.position < b.position);
}

// Items of a tile, which a block sorts or merges in shared memory.
inline constexpr int kSortTile = 1024;

// Of several lines, `length` keys each, a power of two of which are in a tile.
struct SortShape {
  std::int64_t lines = 0, length = 0;
  std::int64_t tiles() const { return ceil_div(length, kSortTile); }  // of a line; 1: several lines share a tile
};

// Bitonic sort (Batcher 1968) of every aligned piece of `piece` items among `count`, both powers of two: pairs at
// shrinking distances are put in order, up or down as bit `size` of their place says, until pieces are ascending.
__device__ __forceinline__ void sort_pieces(SortItem* items, int piece, int count) {
  for (int size = 2; size <= piece; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (int pair = static_cast<int>(threadIdx.x); pair < count / 2; pair += static_cast<int>(blockDim.x)) {
        const int low = pair / distance * 2 * distance + pair % distance;
        SortItem &a = items[low], &b = items[low + distance];
        const bool descending = size < piece && (low & size) != 0;
        if (before(b, a) == descending) continue;
        const SortItem kept = a;
        a = b, b = kept;
      }
    }
  }
  __syncthreads();
}

// A block sorts one tile of a line, or, where lines are short, `count / piece` lines. Missing items come last.
template <class Source, class Sink>
__global__ void sort_tiles(Source source, Sink sink, SortShape shape, std::int64_t tiles, int piece, int count) {
  auto* items = dynamic_shared<SortItem>();
  const auto line_of = [=](int i) {
    return tiles > 1 ? blockIdx.x / tiles : std::int64_t{blockIdx.x} * (count / piece) + i / piece;
  };
  const std::int64_t start = tiles > 1 ? blockIdx.x % tiles * kSortTile : 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const std::int64_t line = line_of(i), position = start + i % piece;
    const bool exists = line < shape.lines && position < shape.length;
    items[i] = exists ? SortItem{source(line, position), position} : SortItem{~std::uint64_t{0}, INT64_MAX};
  }
  sort_pieces(items, piece, count);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const std::int64_t line = line_of(i), rank = start + i % piece;
    if (line < shape.lines && rank < shape.length) sink(line, rank, items[i]);
  }
}

// How many of the first `taken` items of two sorted runs, merged, come from the first one.
__device__ __forceinline__ std::int64_t merge_split(const SortItem* a, std::int64_t a_length, const SortItem* b,
                                                    std::int64_t b_length, std::int64_t taken) {
  std::int64_t low = taken > b_length ? taken - b_length : 0, high = taken < a_length ? taken : a_length;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (before(a[middle], b[taken - 1 - middle]))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// How many of `length` sorted items come before the given one.
__device__ __forceinline__ int count_before(const SortItem* items, int length, const SortItem& item) {
  int low = 0;
  while (length > 0) {
    const int half = length / 2;
    if (before(items[low + half], item))
      low += half + 1, length -= half + 1;
    else
      length = half;
  }
  return low;
}

struct MergeMemory {
  std::int64_t split[2];
  SortItem item[kSortTile];
};

// Two neighbouring runs of `run` items become one; a block makes one tile of it. Its part of either run goes to shared
// memory, where an item's rank is its own place plus the items of the other run before it (merge path, Green,
// McColl & Bader 2012).
template <class Sink>
__global__ void merge_tiles(const SortItem* from, Sink sink, SortShape shape, std::int64_t tiles, std::int64_t run) {
  auto& memory = shared_memory<MergeMemory>();
  const std::int64_t line = blockIdx.x / tiles, first = blockIdx.x % tiles * kSortTile;
  const std::int64_t start = first / (2 * run) * (2 * run);  // of the two runs
  const auto upto = [&](std::int64_t end) { return end < shape.length ? end : shape.length; };
  const SortItem *a = from + line * shape.length + start, *b = a + run;
  const std::int64_t a_length = upto(start + run) - start, b_length = upto(start + 2 * run) - start - a_length;
  const std::int64_t begin = first - start, end = upto(first + kSortTile) - start;
  if (threadIdx.x < 2) memory.split[threadIdx.x] = merge_split(a, a_length, b, b_length, threadIdx.x ? end : begin);
  __syncthreads();
  const std::int64_t a_begin = memory.split[0], b_begin = begin - a_begin;
  const int a_count = static_cast<int>(memory.split[1] - a_begin), count = static_cast<int>(end - begin);
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x))
    memory.item[i] = i < a_count ? a[a_begin + i] : b[b_begin + i - a_count];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
    const SortItem item = memory.item[i];
    const bool of_a = i < a_count;
    const int others =
        of_a ? count_before(memory.item + a_count, count - a_count, item) : count_before(memory.item, a_count, item);
    sink(line, first + (of_a ? i : i - a_count) + others, item);
  }
}

struct ItemSink {
  SortItem* items;
  std::int64_t length;
  __device__ void operator()(std::int64_t line, std::int64_t rank, const SortItem& item) const {
    items[line * length + rank] = item;
  }
};

template <class Source, class Sink>
void launch_sort_tiles(const char* op, const SortShape& shape, const Source& source, const Sink& sink) {
  const std::int64_t tiles = shape.tiles();
  const auto upper = [](std::int64_t n) { return static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(n))); };
  const int piece = tiles > 1 ? kSortTile : upper(shape.length);
  const int pieces = tiles > 1 ? 1 : std::min(kSortTile / piece, upper(shape.lines));
  const int count = piece * pieces;
  const auto grid = static_cast<unsigned>(tiles > 1 ? shape.lines * tiles : ceil_div(shape.lines, pieces));
  const auto block = static_cast<unsigned>(std::max(1, count / 2));
  launch({.grid = {grid},
          .block = {block},
          .dynamic_shared = static_cast<std::size_t>(count) * sizeof(SortItem),
          .op = op},
         sort_tiles<Source, Sink>, source, sink, shape, tiles, piece, count);
}

// Sorts every line; the sink gets each item once.
template <class Source, class Sink>
void sort_lines(const char* op, const SortShape& shape, const Source& source, const Sink& sink) {
  if (shape.lines == 0 || shape.length == 0) return;
  const std::int64_t tiles = shape.tiles();
  if (tiles == 1) return launch_sort_tiles(op, shape, source, sink);
  const auto bytes = static_cast<std::size_t>(shape.lines * shape.length) * sizeof(SortItem);
  const Scratch first(bytes), second(bytes);
  SortItem *from = first.data<SortItem>(), *to = second.data<SortItem>();
  launch_sort_tiles(op, shape, source, ItemSink{from, shape.length});
  const LaunchShape merge{.grid = {static_cast<unsigned>(shape.lines * tiles)}, .block = {256}, .op = op};
  std::int64_t run = kSortTile;
  for (; 2 * run < shape.length; run *= 2, std::swap(from, to))
    launch(merge, merge_tiles<ItemSink>, from, ItemSink{to, shape.length}, shape, tiles, run);
  launch(merge, merge_tiles<Sink>, from, sink, shape, tiles, run);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// Running fused groups. See engine/cpu/tile_group.h.
//
// A range of elements is cut into rectangles: the rest of a row that it begins in, whole rows of a plane, the beginning
// of a row that it ends in. A rectangle is walked tile by tile.
#include <algorithm>
#include <new>

#include "engine/cpu/gather.h"
#include "engine/cpu/threads.h"
#include "engine/cpu/tile_group.h"

namespace brenier::cpu {

namespace {

// Operations on elements worth a turn of a thread: 3 to 15 microseconds, where joining the pool takes one while its
// threads are awake.
constexpr std::int64_t kPieceWork = 1 << 15;

}  // namespace

void TileGroup::run_range(std::int64_t begin, std::int64_t end) const {
  const std::int64_t work = (end - begin) * work_per_element_;
  if (work < 2 * kPieceWork) return run_tiles(begin, end);
  const std::int64_t tile = tile_rows_ * tile_cols_, tiles = (end - begin + tile - 1) / tile;
  const std::int64_t pieces = work / kPieceWork;
  parallel_for(tiles, (tiles + pieces - 1) / pieces, [&](std::int64_t first, std::int64_t last) {
    run_tiles(begin + first * tile, std::min(begin + last * tile, end));
  });
}

TileGroup::State TileGroup::make_state() const {
  const std::size_t registers = registers_.size() * kRegisterBytes;
  const std::size_t pointers = place_count_ * sizeof(char*), cursors = operands_.size() * sizeof(Cursor);
  char* const memory =
      static_cast<char*>(scratch(Scratch::Group, registers + pointers + cursors + links_.size() * sizeof(ChainLink)));
  char* next = memory + registers;
  State state{};
  state.pointers = new (next) char*[place_count_];
  state.cursors = new (next += pointers) Cursor[operands_.size()];
  state.links = new (next += cursors) ChainLink[links_.size()];
  state.pointers[kNowhere] = nullptr;
  for (std::size_t i = 0; i < registers_.size(); ++i) state.pointers[registers_[i]] = memory + i * kRegisterBytes;
  for (std::size_t i = 0; i < operands_.size(); ++i) state.cursors[i] = {operands_[i].tensor->address(), nullptr, 0};
  std::copy(links_.begin(), links_.end(), state.links);
  return state;
}

// Elements begin … end - 1, in this thread.
void TileGroup::run_tiles(std::int64_t begin, std::int64_t end) const {
  const State state = make_state();
  for (std::int64_t entered = 0; begin < end;) {
    const std::int64_t row = begin / cols(), plane = rank_ > 2 ? row / rows() : 0;
    if (plane != entered) enter_plane(plane, state);
    entered = plane;
    const std::int64_t col = begin - row * cols();
    Rectangle part{row - plane * rows(), col, 1, std::min(cols() - col, end - begin)};
    if (part.col_count == cols()) part.row_count = std::min(rows() - part.row, (end - begin) / cols());
    run_rectangle(part, state);
    begin += part.row_count * part.col_count;
  }
}

void TileGroup::enter_plane(std::int64_t plane, const State& state) const {
  for (std::size_t i = 0; i < operands_.size(); ++i) state.cursors[i].start = operands_[i].tensor->address();
  for (int axis = rank_ - 3; axis >= 0; --axis) {
    const std::int64_t index = plane % length_[at(axis)];
    plane /= length_[at(axis)];
    for (std::size_t i = 0; i < operands_.size(); ++i) state.cursors[i].start += index * operands_[i].stride[at(axis)];
  }
}

void TileGroup::run_rectangle(const Rectangle& all, const State& state) const {
  for (std::int64_t i = 0; i < all.row_count; i += tile_rows_)
    for (std::int64_t j = 0; j < all.col_count; j += tile_cols_) {
      const Rectangle tile{all.row + i, all.col + j, std::min(tile_rows_, all.row_count - i),
                           std::min(tile_cols_, all.col_count - j)};
      for (std::size_t x = 0; x < operands_.size(); ++x) load(x, tile, state);
      for (const Operation& operation : operations_) run_operation(operation, tile.row_count * tile.col_count, state);
    }
}

void TileGroup::load(std::size_t operand, const Rectangle& tile, const State& state) const {
  const Operand& x = operands_[operand];
  Cursor& cursor = state.cursors[operand];
  char* const from = cursor.start + tile.row * row_stride(x) + tile.col * col_stride(x);
  if (x.access != Access::Gathered) {
    state.pointers[x.place] = from;
    return;
  }
  const std::int64_t count = tile.row_count * tile.col_count;
  if (row_stride(x) == 0 && cursor.gathered == from && count <= cursor.gathered_count) return;
  cursor.gathered = from;
  cursor.gathered_count = count;
  const auto copy = element_bytes_ == 4 ? gather<4> : gather<8>;
  copy(state.pointers[x.place], from, tile.row_count, tile.col_count, row_stride(x), col_stride(x));
}

void TileGroup::run_operation(const Operation& operation, std::int64_t count, const State& state) const {
  if (!operation.operands.empty()) {
    const std::span links(state.links + operation.first_link, operation.operands.size());
    for (std::size_t i = 0; i < links.size(); ++i) {
      links[i].operand = state.pointers[operation.operands[i]];
      links[i].result = state.pointers[operation.results[i]];
    }
    return chain_({state.pointers[operation.inputs[0]], operation.strides[0]}, links, count);
  }
  const void* inputs[3];
  void* outputs[3];
  for (std::size_t i = 0; i < 3; ++i) {
    inputs[i] = state.pointers[operation.inputs[i]];
    outputs[i] = state.pointers[operation.outputs[i]];
  }
  operation.function(inputs, operation.strides.data(), outputs, count);
}

}  // namespace brenier::cpu

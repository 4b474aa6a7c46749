// Preparing and running fused groups. See engine/program/tiles.h.
#include "engine/program/tiles.h"

#include <algorithm>
#include <cstring>

#include "engine/backend.h"

namespace brenier {

char* address_of(const Tensor& x) {
  // data() counts in elements of the type it is asked for.
  const char* storage = x.data<char>() - x.offset();
  return const_cast<char*>(storage) + x.offset() * static_cast<std::int64_t>(size_of(x.dtype()));
}

namespace {

constexpr std::int64_t kShortRow = 256;  // bytes; a call of memcpy for each row costs more than the copy

// A short row of at least one chunk, in chunks that may overlap at its end.
void copy_short_row(char* to, const char* from, std::int64_t bytes) {
  struct Chunk {
    char bytes[16];
  };
  constexpr auto size = static_cast<std::int64_t>(sizeof(Chunk));
  for (std::int64_t i = 0; i < bytes; i += size) {
    const std::int64_t start = std::min(i, bytes - size);
    std::memcpy(to + start, from + start, sizeof(Chunk));
  }
}

// The first `row` bytes again and again: `total` bytes in all, by doubling what there is.
void repeat_row(char* to, std::int64_t row, std::int64_t total) {
  for (std::int64_t done = row; done < total; done *= 2)
    std::memcpy(to + done, to, static_cast<std::size_t>(std::min(done, total - done)));
}

// row_count x col_count elements of `Bytes` bytes, strides in bytes, to consecutive ones.
template <std::size_t Bytes>
void gather(char* to, const char* from, std::int64_t row_count, std::int64_t col_count, std::int64_t row_stride,
            std::int64_t col_stride) {
  const std::int64_t row_bytes = col_count * static_cast<std::int64_t>(Bytes), total = row_count * row_bytes;
  if (row_stride == 0) row_count = 1;
  const bool dense = col_stride == static_cast<std::int64_t>(Bytes);
  const bool short_rows = dense && row_bytes >= 16 && row_bytes <= kShortRow;
  char* row = to;
  for (std::int64_t i = 0; i < row_count; ++i, from += row_stride, row += row_bytes) {
    if (short_rows) {
      copy_short_row(row, from, row_bytes);
    } else if (dense) {
      std::memcpy(row, from, static_cast<std::size_t>(row_bytes));
    } else {
      for (std::int64_t col = 0; col < col_count; ++col)
        std::memcpy(row + col * static_cast<std::int64_t>(Bytes), from + col * col_stride, Bytes);
    }
  }
  if (row_stride == 0) repeat_row(to, row_bytes, total);
}

std::size_t index_in(std::span<const NodeId> members, NodeId id) {
  return static_cast<std::size_t>(std::find(members.begin(), members.end(), id) - members.begin());
}

// The arguments of member i that no later member reads, each once.
std::vector<NodeId> last_reads(const Graph& graph, std::span<const NodeId> members, std::size_t i) {
  std::vector<NodeId> result;
  for (NodeId input : graph[members[i]].inputs) {
    const auto reads = [&](NodeId member) {
      const std::vector<NodeId>& inputs = graph[member].inputs;
      return std::find(inputs.begin(), inputs.end(), input) != inputs.end();
    };
    const bool read_again = std::any_of(members.begin() + static_cast<std::ptrdiff_t>(i) + 1, members.end(), reads);
    if (!read_again && std::find(result.begin(), result.end(), input) == result.end()) result.push_back(input);
  }
  return result;
}

}  // namespace

TileGroup::TileGroup(const Graph& graph, std::span<const NodeId> members, const Plan& plan,
                     const std::vector<Tensor>& tensors, const Backend& backend)
    : shape_(graph[members[0]].shape), element_bytes_(static_cast<std::int64_t>(size_of(graph[members[0]].dtype))) {
  for (NodeId member : members) {
    for (NodeId input : graph[member].inputs)
      if (std::find(members.begin(), members.end(), input) == members.end()) add_operand(graph, input, plan, tensors);
    if (plan.home_of(member) != Home::Tile) add_operand(graph, member, plan, tensors);
  }
  merge_axes();
  choose_tile();
  add_operations(graph, members, backend);
}

const TileGroup::Operand* TileGroup::find(NodeId node) const {
  const auto found = std::find_if(operands_.begin(), operands_.end(), [&](const Operand& x) { return x.node == node; });
  return found == operands_.end() ? nullptr : &*found;
}

void TileGroup::add_operand(const Graph& graph, NodeId node, const Plan& plan, const std::vector<Tensor>& tensors) {
  if (find(node)) return;
  Operand operand{.node = node, .tensor = &tensors[at(node)], .place = pointers_.size()};
  pointers_.push_back(nullptr);
  const Shape& own = graph[node].shape;
  for (int d = 1; d <= own.rank(); ++d)
    if (own[-d] != 1) operand.stride[at(shape_.rank() - d)] = plan.place(node).strides[-d] * element_bytes_;
  operands_.push_back(operand);
}

// An axis continues the one before it if every operand steps from the end of the inner one to the next entry of the
// outer one.
void TileGroup::merge_axes() {
  for (int axis = 0; axis < shape_.rank(); ++axis) {
    if (shape_[axis] == 1) continue;
    const auto continues = [&](const Operand& x) {
      return x.stride[at(rank_ - 1)] == x.stride[at(axis)] * shape_[axis];
    };
    const bool merges = rank_ > 0 && std::all_of(operands_.begin(), operands_.end(), continues);
    const int to = merges ? rank_ - 1 : rank_++;
    length_[at(to)] = merges ? length_[at(to)] * shape_[axis] : shape_[axis];
    for (Operand& operand : operands_) operand.stride[at(to)] = operand.stride[at(axis)];
  }
  if (rank_ > 0) return;
  length_[at(rank_++)] = 1;
  for (Operand& operand : operands_) operand.stride[0] = 0;
}

void TileGroup::choose_tile() {
  const std::int64_t elements = static_cast<std::int64_t>(kRegisterBytes) / element_bytes_;
  tile_cols_ = std::min(cols(), elements);
  tile_rows_ = std::min(rows(), elements / tile_cols_);
  const bool one_row = tile_rows_ == 1;
  for (Operand& x : operands_) {
    const bool dense = col_stride(x) == element_bytes_ || cols() == 1;
    if (dense && (one_row || row_stride(x) == cols() * element_bytes_)) continue;
    const bool repeated = col_stride(x) == 0 && (one_row || row_stride(x) == 0);
    x.access = repeated ? Access::Repeated : Access::Gathered;
    if (repeated) continue;
    registers_.push_back(x.place);
    gathers_ = true;
  }
}

void TileGroup::add_operations(const Graph& graph, std::span<const NodeId> members, const Backend& backend) {
  std::vector<Place> place_of(members.size()), free_registers;
  const auto place = [&](NodeId id) {
    const Operand* const operand = find(id);
    return operand ? operand->place : place_of[index_in(members, id)];
  };
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Graph::Node& node = graph[members[i]];
    if (!find(members[i])) {
      if (free_registers.empty()) {
        free_registers.push_back(pointers_.size());
        registers_.push_back(pointers_.size());
        pointers_.push_back(nullptr);
      }
      place_of[i] = free_registers.back();
      free_registers.pop_back();
    }
    Operation operation{.count = node.inputs.size(), .inputs = {}, .strides = {1, 1, 1}, .output = place(members[i])};
    operation.function = backend.tiles[static_cast<std::size_t>(node.op->code)][static_cast<std::size_t>(node.dtype)];
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const Operand* const operand = find(node.inputs[k]);
      operation.inputs[k] = place(node.inputs[k]);
      if (operand && operand->access == Access::Repeated) operation.strides[k] = 0;
    }
    operations_.push_back(operation);
    for (NodeId input : last_reads(graph, members, i))
      if (!find(input)) free_registers.push_back(place(input));
  }
}

void TileGroup::run(char* scratch) {
  for (std::size_t i = 0; i < registers_.size(); ++i) pointers_[registers_[i]] = scratch + i * kRegisterBytes;
  for (Operand& x : operands_) {
    x.start = address_of(*x.tensor);
    x.gathered = nullptr;
  }
  ByAxis index{};
  do {
    run_plane();
  } while (next_plane(index));
}

bool TileGroup::next_plane(ByAxis& index) {
  for (int axis = rank_ - 3; axis >= 0; --axis) {
    const bool wraps = ++index[at(axis)] == length_[at(axis)];
    const std::int64_t steps = wraps ? 1 - length_[at(axis)] : 1;
    for (Operand& x : operands_) x.start += steps * x.stride[at(axis)];
    if (!wraps) return true;
    index[at(axis)] = 0;
  }
  return false;
}

void TileGroup::run_plane() {
  for (std::int64_t row = 0; row < rows(); row += tile_rows_)
    for (std::int64_t col = 0; col < cols(); col += tile_cols_) {
      const std::int64_t row_count = std::min(tile_rows_, rows() - row);
      const std::int64_t col_count = std::min(tile_cols_, cols() - col);
      for (Operand& x : operands_) load(x, row, col, row_count, col_count);
      for (const Operation& operation : operations_) {
        const void* inputs[3];
        for (std::size_t i = 0; i < operation.count; ++i) inputs[i] = pointers_[operation.inputs[i]];
        operation.function(inputs, operation.strides.data(), pointers_[operation.output], row_count * col_count);
      }
    }
}

void TileGroup::load(Operand& x, std::int64_t row, std::int64_t col, std::int64_t row_count, std::int64_t col_count) {
  char* const from = x.start + row * row_stride(x) + col * col_stride(x);
  if (x.access != Access::Gathered) {
    pointers_[x.place] = from;
    return;
  }
  const std::int64_t count = row_count * col_count;
  if (row_stride(x) == 0 && x.gathered == from && count <= x.gathered_count) return;
  x.gathered = from;
  x.gathered_count = count;
  const auto copy = element_bytes_ == 4 ? gather<4> : gather<8>;
  copy(pointers_[x.place], from, row_count, col_count, row_stride(x), col_stride(x));
}

}  // namespace brenier

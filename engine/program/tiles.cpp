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

// row_count x col_count elements of `Bytes` bytes, strides in bytes, to consecutive ones.
template <std::size_t Bytes>
void gather(char* to, const char* from, std::int64_t row_count, std::int64_t col_count, std::int64_t row_stride,
            std::int64_t col_stride) {
  for (std::int64_t row = 0; row < row_count; ++row, from += row_stride) {
    if (col_stride == static_cast<std::int64_t>(Bytes)) {
      std::memcpy(to, from, static_cast<std::size_t>(col_count) * Bytes);
      to += col_count * static_cast<std::int64_t>(Bytes);
    } else {
      for (std::int64_t col = 0; col < col_count; ++col, to += Bytes) std::memcpy(to, from + col * col_stride, Bytes);
    }
  }
}

}  // namespace

TileGroup::TileGroup(const Graph& graph, std::span<const NodeId> members, const Plan& plan,
                     std::vector<Tensor>& tensors, const Backend& backend)
    : element_bytes_(static_cast<std::int64_t>(size_of(graph[members[0]].dtype))) {
  add_operands(graph, members, plan, tensors);
  merge_axes(graph[members[0]].shape);
  choose_tile();
  add_operations(graph, members, plan, tensors, backend);
}

std::size_t TileGroup::new_place() {
  pointers_.push_back(nullptr);
  return pointers_.size() - 1;
}

void TileGroup::add_operands(const Graph& graph, std::span<const NodeId> members, const Plan& plan,
                             std::vector<Tensor>& tensors) {
  const Shape& shape = graph[members[0]].shape;
  for (NodeId member : members)
    for (NodeId input : graph[member].inputs) {
      const bool inside = std::find(members.begin(), members.end(), input) != members.end();
      const bool known = std::find(operand_nodes_.begin(), operand_nodes_.end(), input) != operand_nodes_.end();
      if (inside || known) continue;
      operand_nodes_.push_back(input);
      Operand operand{.tensor = &tensors[static_cast<std::size_t>(input)], .place = new_place()};
      const Shape& own = graph[input].shape;
      for (int d = 1; d <= own.rank(); ++d)
        if (own[-d] != 1)
          operand.stride[static_cast<std::size_t>(shape.rank() - d)] = plan.place(input).strides[-d] * element_bytes_;
      operands_.push_back(operand);
    }
}

// An axis continues the one before it if every operand steps from the end of the inner one to the next entry of the
// outer one. Results are row-major and always do.
void TileGroup::merge_axes(const Shape& shape) {
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    const auto from = static_cast<std::size_t>(axis);
    const auto continues = [&](const Operand& x) {
      return x.stride[static_cast<std::size_t>(rank_ - 1)] == x.stride[from] * shape[axis];
    };
    const bool merges = rank_ > 0 && std::all_of(operands_.begin(), operands_.end(), continues);
    const auto to = static_cast<std::size_t>(merges ? rank_ - 1 : rank_++);
    length_[to] = merges ? length_[to] * shape[axis] : shape[axis];
    for (Operand& operand : operands_) operand.stride[to] = operand.stride[from];
  }
  if (rank_ > 0) return;
  length_[static_cast<std::size_t>(rank_++)] = 1;
  for (Operand& operand : operands_) operand.stride[0] = 0;
}

void TileGroup::choose_tile() {
  const std::int64_t elements = static_cast<std::int64_t>(kRegisterBytes) / element_bytes_;
  tile_cols_ = std::min(cols(), elements);
  tile_rows_ = std::min(rows(), elements / tile_cols_);
  for (Operand& operand : operands_) {
    const bool one_row = tile_rows_ == 1;
    const bool dense = col_stride(operand) == element_bytes_ || cols() == 1;
    if (dense && (one_row || row_stride(operand) == cols() * element_bytes_)) {
      operand.access = Access::Direct;
    } else if (col_stride(operand) == 0 && (one_row || row_stride(operand) == 0)) {
      operand.access = Access::Repeated;
    } else {
      operand.access = Access::Gathered;
      register_places_.push_back(operand.place);
    }
  }
}

void TileGroup::add_operations(const Graph& graph, std::span<const NodeId> members, const Plan& plan,
                               std::vector<Tensor>& tensors, const Backend& backend) {
  std::vector<std::size_t> place_of(members.size());
  std::vector<std::size_t> last_use(members.size());
  const auto position = [&](NodeId id) {
    return static_cast<std::size_t>(std::find(members.begin(), members.end(), id) - members.begin());
  };
  for (std::size_t i = 0; i < members.size(); ++i)
    for (NodeId input : graph[members[i]].inputs)
      if (position(input) < members.size()) last_use[position(input)] = i;

  std::vector<std::size_t> free_places;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Graph::Node& node = graph[members[i]];
    Operation operation{};
    operation.function = backend.tiles[static_cast<std::size_t>(node.op->code)][static_cast<std::size_t>(node.dtype)];
    operation.count = node.inputs.size();
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const std::size_t source = position(node.inputs[k]);
      operation.strides[k] = 1;
      if (source < members.size()) {
        operation.inputs[k] = place_of[source];
        continue;
      }
      const auto found = std::find(operand_nodes_.begin(), operand_nodes_.end(), node.inputs[k]);
      const Operand& operand = operands_[static_cast<std::size_t>(found - operand_nodes_.begin())];
      operation.inputs[k] = operand.place;
      if (operand.access == Access::Repeated) operation.strides[k] = 0;
    }
    const bool inside = plan.home_of(members[i]) == Home::Tile;
    if (!inside) {
      place_of[i] = new_place();
      results_.push_back({&tensors[static_cast<std::size_t>(members[i])], place_of[i]});
    } else if (!free_places.empty()) {
      place_of[i] = free_places.back();
      free_places.pop_back();
    } else {
      place_of[i] = new_place();
      register_places_.push_back(place_of[i]);
    }
    operation.output = place_of[i];
    operations_.push_back(operation);
    for (std::size_t earlier = 0; earlier < i; ++earlier)
      if (last_use[earlier] == i && plan.home_of(members[earlier]) == Home::Tile)
        free_places.push_back(place_of[earlier]);
  }
}

bool TileGroup::gathers() const {
  return std::any_of(operands_.begin(), operands_.end(), [](const Operand& x) { return x.access == Access::Gathered; });
}

void TileGroup::start(char* scratch) {
  for (std::size_t i = 0; i < register_places_.size(); ++i)
    pointers_[register_places_[i]] = scratch + i * kRegisterBytes;
  for (Operand& operand : operands_) {
    operand.start = address_of(*operand.tensor);
    operand.gathered = nullptr;
  }
  for (Result& result : results_) result.start = address_of(*result.tensor);
}

void TileGroup::run(char* scratch) {
  start(scratch);
  ByAxis index{};
  do {
    run_plane();
  } while (next_plane(index));
}

bool TileGroup::next_plane(ByAxis& index) {
  for (Result& result : results_) result.start += rows() * cols() * element_bytes_;
  for (int a = rank_ - 3; a >= 0; --a) {
    const auto axis = static_cast<std::size_t>(a);
    const bool wraps = ++index[axis] == length_[axis];
    const std::int64_t steps = wraps ? 1 - length_[axis] : 1;
    for (Operand& operand : operands_) operand.start += steps * operand.stride[axis];
    if (!wraps) return true;
    index[axis] = 0;
  }
  return false;
}

void TileGroup::run_plane() {
  for (std::int64_t row = 0; row < rows(); row += tile_rows_)
    for (std::int64_t col = 0; col < cols(); col += tile_cols_) {
      const std::int64_t row_count = std::min(tile_rows_, rows() - row);
      const std::int64_t col_count = std::min(tile_cols_, cols() - col);
      for (Operand& operand : operands_) load(operand, row, col, row_count, col_count);
      for (Result& result : results_) pointers_[result.place] = result.start + (row * cols() + col) * element_bytes_;
      for (const Operation& operation : operations_) {
        const void* inputs[3];
        for (std::size_t i = 0; i < operation.count; ++i) inputs[i] = pointers_[operation.inputs[i]];
        operation.function(inputs, operation.strides.data(), pointers_[operation.output], row_count * col_count);
      }
    }
}

void TileGroup::load(Operand& operand, std::int64_t row, std::int64_t col, std::int64_t row_count,
                     std::int64_t col_count) {
  const char* from = operand.start + row * row_stride(operand) + col * col_stride(operand);
  if (operand.access != Access::Gathered) {
    pointers_[operand.place] = const_cast<char*>(from);  // tile functions only read their inputs
    return;
  }
  const std::int64_t count = row_count * col_count;
  if (row_stride(operand) == 0 && operand.gathered == from && count <= operand.gathered_count) return;
  operand.gathered = from;
  operand.gathered_count = count;
  const auto copy = element_bytes_ == 4 ? gather<4> : gather<8>;
  copy(pointers_[operand.place], from, row_count, col_count, row_stride(operand), col_stride(operand));
}

}  // namespace brenier

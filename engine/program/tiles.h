// A fused group at work: for each tile of some hundred elements, every operation of the group in turn.
//
// The values of a tile that stay inside the group lie in a few registers of scratch memory, small enough for the L1
// cache. Each operation on a tile is one call of a backend's tile function (engine/backend.h). An operand that does not
// lie in memory in the order of the result (a bias repeated for every row, a column, a transpose) is gathered into a
// register first; one that repeats from tile to tile is gathered once.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "engine/program/plan.h"

namespace brenier {

// The first element of a tensor in memory.
char* address_of(const Tensor& x);

class TileGroup {
 public:
  // `members`: the nodes of one group, in order. `tensors`: one per node of the graph, over the memory where the
  // program will find it; they are referred to, not copied.
  TileGroup(const Graph& graph, std::span<const NodeId> members, const Plan& plan, std::vector<Tensor>& tensors,
            const Backend& backend);

  std::size_t scratch_bytes() const { return register_places_.size() * kRegisterBytes; }
  bool gathers() const;
  // The tensors must have memory behind them. `scratch` is aligned to 64 bytes.
  void run(char* scratch);

 private:
  static constexpr std::size_t kRegisterBytes = 4096;  // eight of them fill a 32 KiB L1 cache
  using ByAxis = std::array<std::int64_t, kMaxRank>;

  enum class Access { Direct, Repeated, Gathered };
  struct Operand {
    const Tensor* tensor;
    std::size_t place;  // into pointers_
    ByAxis stride{};    // in bytes
    Access access = Access::Direct;
    const char* start = nullptr;     // of the current outer index
    const char* gathered = nullptr;  // what the register holds, and how much of it
    std::int64_t gathered_count = 0;
  };
  struct Result {
    Tensor* tensor;
    std::size_t place;
    char* start = nullptr;
  };
  struct Operation {
    TileFunction function;
    std::size_t count;                  // of inputs
    std::array<std::size_t, 3> inputs;  // into pointers_
    std::array<std::int64_t, 3> strides;
    std::size_t output;
  };

  void add_operands(const Graph& graph, std::span<const NodeId> members, const Plan& plan,
                    std::vector<Tensor>& tensors);
  void merge_axes(const Shape& shape);
  void choose_tile();
  void add_operations(const Graph& graph, std::span<const NodeId> members, const Plan& plan,
                      std::vector<Tensor>& tensors, const Backend& backend);
  std::size_t new_place();
  std::int64_t rows() const { return rank_ > 1 ? length_[static_cast<std::size_t>(rank_ - 2)] : 1; }
  std::int64_t cols() const { return length_[static_cast<std::size_t>(rank_ - 1)]; }
  std::int64_t row_stride(const Operand& x) const {
    return rank_ > 1 ? x.stride[static_cast<std::size_t>(rank_ - 2)] : 0;
  }
  std::int64_t col_stride(const Operand& x) const { return x.stride[static_cast<std::size_t>(rank_ - 1)]; }
  void start(char* scratch);
  void run_plane();
  void load(Operand& operand, std::int64_t row, std::int64_t col, std::int64_t row_count, std::int64_t col_count);
  bool next_plane(ByAxis& index);

  // The iteration shape with axes merged where all operands allow it. The last two axes form a plane, cut into tiles.
  int rank_ = 0;
  ByAxis length_{};
  std::int64_t tile_rows_ = 1, tile_cols_ = 1;
  std::int64_t element_bytes_ = 0;

  std::vector<NodeId> operand_nodes_;  // of operands_
  std::vector<Operand> operands_;
  std::vector<Result> results_;
  std::vector<Operation> operations_;
  std::vector<std::size_t> register_places_;  // register i is what pointers_[register_places_[i]] points to
  std::vector<char*> pointers_;
};

}  // namespace brenier

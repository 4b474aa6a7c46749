// A fused group on the CPU: for each tile of some hundred elements, every operation of the group in turn.
//
// The values of a tile that stay inside the group lie in a few registers of scratch memory, small enough for the L1
// cache. Each operation on a tile is one call of a backend's tile function (engine/backend.h). An operand that does not
// lie in memory in the order of the result (a bias repeated for every row, a column, a transpose) is gathered into a
// register first; one that repeats from tile to tile is gathered once.
//
// Tiles do not depend on each other, so threads share them, and results are the same for every number of threads. A
// group that is ready to run does not change any more: what moves from tile to tile, the state, belongs to a thread.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/fused.h"

namespace brenier::cpu {

// Backend::prepare and Backend::fusible of backends that have tile functions.
std::unique_ptr<FusedKernel> prepare_tiles(const FusedGroup& group, const Backend& backend);
bool has_tile_function(const Backend& backend, OpCode code, DType dtype);

class TileGroup : public FusedKernel {
 public:
  TileGroup(const FusedGroup& group, const Backend& backend);

  // Whether a kernel, which walks along rows of any strides, would be faster than collecting tiles: for long rows.
  bool gathers_long_rows() const { return gathers_ && cols() * element_bytes_ > kLongRowBytes; }
  void run() override { run_range(0, element_count(shape_)); }
  void run_range(std::int64_t begin, std::int64_t end) const override;

 private:
  static constexpr std::int64_t kLongRowBytes = 256;
  static constexpr std::size_t kRegisterBytes = 4096;  // eight of them fill a 32 KiB L1 cache
  using ByAxis = std::array<std::int64_t, kMaxRank>;
  using Value = FusedGroup::Value;
  using Place = std::size_t;  // into State::pointers
  static constexpr Place kNowhere = 0;

  enum class Access { Direct, Repeated, Gathered };
  // What lies in memory: arguments from outside, and results that are used outside.
  struct Operand {
    const Tensor* tensor;
    Place place;
    ByAxis stride{};  // in bytes
    Access access = Access::Direct;
  };
  // One operation, several members of a family on one argument, or a chain.
  struct Operation {
    OpCode code{};
    TileFunction function = nullptr;
    std::array<Place, 3> inputs{}, outputs{};  // kNowhere where there is none; a chain starts from inputs[0]
    std::array<std::int64_t, 3> strides{};     // of the inputs
    std::size_t first_link = 0;                // of a chain, in links_ and State::links
    std::vector<Place> operands{}, results{};  // of its links
  };

  // What moves, in scratch memory of the thread.
  struct Cursor {
    char* start;           // of an operand's current plane
    const char* gathered;  // what its register holds, and how much of it
    std::int64_t gathered_count;
  };
  struct State {
    char** pointers;   // by place: where the current tile of the value begins
    Cursor* cursors;   // by operand
    ChainLink* links;  // of all chains, with the pointers of the current tile
  };
  struct Rectangle {
    std::int64_t row, col, row_count, col_count;  // in a plane
  };

  static constexpr std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
  void add_operand(const Tensor& x);
  void merge_axes();
  void choose_tile();
  Operation operation_of(const FusedGroup& group, std::size_t i, const std::vector<Place>& place_of,
                         const Backend& backend, std::array<Value, 3>& results) const;
  Place add_register();
  void add_operations(const FusedGroup& group, const Backend& backend);
  void merge_chains(const ChainTable& chains);
  Operation chain_of(std::size_t begin, std::size_t end);
  bool is_needed_after(Place place, std::size_t operation) const;

  std::int64_t rows() const { return rank_ > 1 ? length_[at(rank_ - 2)] : 1; }
  std::int64_t cols() const { return length_[at(rank_ - 1)]; }
  std::int64_t row_stride(const Operand& x) const { return rank_ > 1 ? x.stride[at(rank_ - 2)] : 0; }
  std::int64_t col_stride(const Operand& x) const { return x.stride[at(rank_ - 1)]; }
  State make_state() const;
  void run_tiles(std::int64_t begin, std::int64_t end) const;
  void enter_plane(std::int64_t plane, const State& state) const;
  void run_rectangle(const Rectangle& all, const State& state) const;
  void load(std::size_t operand, const Rectangle& tile, const State& state) const;
  void run_operation(const Operation& operation, std::int64_t count, const State& state) const;

  // The iteration shape with axes merged where all operands allow it. The last two axes form a plane, cut into tiles.
  Shape shape_;
  int rank_ = 0;
  ByAxis length_{};
  std::int64_t tile_rows_ = 1, tile_cols_ = 1, element_bytes_ = 0;

  bool gathers_ = false;
  std::int64_t work_per_element_ = 0;  // operations
  std::vector<Operand> operands_;
  std::vector<Operation> operations_;
  void (*chain_)(const ChainStart& start, std::span<const ChainLink> links, std::int64_t n) = nullptr;
  std::vector<Place> registers_;  // the places that point into scratch memory
  std::size_t place_count_ = 1;   // kNowhere among them
  std::vector<ChainLink> links_;  // of all chains, without pointers
};

}  // namespace brenier::cpu

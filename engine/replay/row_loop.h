// The stage that computes rows, at work: one graph run for tile after tile (engine/program/rows.h).
//
// Tiles are dealt to a few chains, neighbouring ones to one chain. A chain has its own memory and its own partial sums,
// so chains may run in different threads without waiting for each other. How many there are depends on the number of
// rows and the size of a tile alone: results are the same for every number of threads.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/program/rows.h"
#include "engine/replay/executable.h"

namespace brenier {

class RowLoop {
 public:
  // `tile` rows at a time, at most analysis.rows. `stage` is the middle stage of a split of `source` for any tile; its
  // exports must be able to lie in memory row after row (exports_fit).
  RowLoop(const Graph& source, const RowAnalysis& analysis, const StageGraph& stage, std::int64_t tile,
          const Backend& backend);

  // `values`: one tensor per node of the source. Imports are read; exports must have memory, row-major, and are written.
  // `seconds`, if not null, as in Executable::run(); threads are then not used.
  void run(std::span<const Tensor> values, double* seconds);
  // To be called when imports may have other strides than last time.
  void update_layouts(std::span<const Tensor> values);

  const Executable& executable() const { return *chains_[0].executable; }
  std::int64_t tile() const { return tile_; }  // rows
  double tiles() const { return static_cast<double>(analysis_.rows) / static_cast<double>(tile_); }
  std::size_t bytes() const;

 private:
  struct Chain {
    std::unique_ptr<Executable> executable;
    std::vector<Tensor> sums;            // by export; undefined in chain 0, whose sums are the results
    std::vector<char*> inputs, outputs;  // of the present tile
  };

  // A factor of matrix products that all tiles share.
  struct Factor {
    NodeId node;          // of the tile's graph
    std::int64_t import;  // which it shows, or -1 for a constant
    StoragePtr packed;
    bool is_packed = false;  // for good, if it is a constant
  };

  void find_factors();
  void pack_factors(std::span<const Tensor> values);
  std::unique_ptr<Executable> compiled(const Graph& fused) const;
  void run_chain(std::size_t number, std::span<const Tensor> values, double* seconds);
  void run_tile(std::size_t number, std::int64_t row, bool first, std::span<const Tensor> values, double* seconds);
  void add_chains(std::span<const Tensor> values);
  const Tensor& sum_of(std::size_t chain, std::size_t output, std::span<const Tensor> values) const;
  std::vector<Strides> layouts_for(std::int64_t rows, std::span<const Tensor> values) const;

  const RowAnalysis analysis_;
  const Backend& backend_;
  std::int64_t tile_, tile_count_;
  std::vector<Import> imports_;
  std::vector<NodeId> exports_;
  std::vector<OutputMode> modes_;
  std::vector<Chain> chains_;
  std::vector<Factor> factors_;
  std::unique_ptr<Executable> tail_;  // for rows that do not fill a tile
};

// Whether every exported row lies apart from the others in a row-major tensor.
bool exports_fit(const Graph& source, const RowAnalysis& analysis, const StageGraph& stage);
// Bytes that the stage reads, writes and keeps for each row; it is the one for `tile` rows.
double bytes_per_row(const Graph& source, const RowAnalysis& analysis, const StageGraph& stage, std::int64_t tile,
                     const Backend& backend);

}  // namespace brenier

// A program at work: one stage that computes everything, or three where rows are computed tile by tile (rows.h).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/program/program.h"
#include "engine/replay/row_loop.h"

namespace brenier {

class Pipeline {
 public:
  // `graph` is simplified; `layouts` are the strides of its inputs.
  Pipeline(Graph graph, std::vector<Strides> layouts, const Backend& backend, const CompileOptions& options);

  // Throws std::invalid_argument for inputs that do not fit. `seconds`, if given, has one entry per step of stages().
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::vector<double>* seconds = nullptr);

  const Graph& source() const { return source_; }
  std::size_t bytes() const;  // of intermediate values, all stages and threads

  struct StageView {
    std::string title;  // empty for the only stage
    const Executable& executable;
    double repetitions;  // in one run of the program
  };
  std::vector<StageView> stages() const;

 private:
  struct Stage {
    std::vector<Import> imports;
    std::vector<NodeId> exports;
    std::unique_ptr<Executable> executable;
    std::vector<Tensor> inputs, outputs;  // during a run

    bool exists() const { return executable != nullptr; }
    void update_layouts();
  };

  std::int64_t choose_tile(const Split& split, std::int64_t wanted) const;
  void make_stages(Split split, std::int64_t tile);
  void make_whole();
  Stage make_stage(StageGraph stage, std::vector<OutputMode> modes) const;

  std::string complaint(const Tensor& x, const Graph::Node& expected) const;
  void check(std::span<const Tensor> inputs);
  void run_whole(std::span<const Tensor> inputs, std::span<Tensor> outputs, double* seconds);
  void run_stages(std::span<const Tensor> inputs, std::span<Tensor> outputs, double* seconds);
  void run_stage(Stage& stage, double* seconds);
  void forget();

  Graph source_;
  const Backend& backend_;
  std::vector<Strides> layouts_;  // of the inputs
  bool layouts_changed_ = true;
  RowAnalysis analysis_;
  std::vector<Tensor> values_;  // by node of the source: constants, inputs, and what crosses between stages
  std::vector<bool> escapes_;   // by node: whether a result of the program may show its memory
  Stage before_, after_;        // before_ may not exist; without rows_, after_ is everything
  std::optional<RowLoop> rows_;
  std::vector<NodeId> row_exports_;
  std::mutex running_;
};

}  // namespace brenier

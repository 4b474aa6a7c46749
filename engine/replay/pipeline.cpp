// Making and running the stages of a program. See engine/replay/pipeline.h.
#include "engine/replay/pipeline.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

// What a tile reads and writes should stay in a core's caches, and factors that all tiles share should be read for many
// rows at a time: smaller tiles, which would fit the L2 cache, lose more in products than they gain elsewhere, above all
// in weight gradients, which are read and written once per tile. A tile should write at least as much as it adds to sums
// over rows. Sizes by measurement.
constexpr double kWholeBytes = 6 << 20;  // up to this nothing is cut
constexpr double kTileBytes = 12 << 20;
constexpr std::int64_t kMinTileRows = 32;
constexpr std::int64_t kMinTiles = 4;
constexpr std::int64_t kEnoughTiles = 8;  // larger tiles only while there are as many, for threads

}  // namespace

// -- making --

Pipeline::Pipeline(Graph graph, std::vector<Strides> layouts, const Backend& backend, const CompileOptions& options)
    : source_(std::move(graph)),
      backend_(backend),
      layouts_(std::move(layouts)),
      values_(source_.nodes.size()),
      escapes_(source_.nodes.size()) {
  std::vector<bool> shown(source_.nodes.size());
  for (NodeId id : source_.outputs) shown[at(viewed_root(source_, id))] = true;
  for (NodeId id = 0; id < source_.size(); ++id) {
    escapes_[at(id)] = shown[at(viewed_root(source_, id))];
    if (source_[id].is_constant()) values_[at(id)] = source_[id].value;
  }
  analysis_ = analyze_rows(source_);
  if (backend.parallel_run && analysis_.rows >= 2) {
    Split split = split_rows(source_, analysis_, std::min(kMinTileRows, analysis_.rows));
    if (const std::int64_t tile = choose_tile(split, options.tile_rows)) make_stages(std::move(split), tile);
  }
  if (!rows_) make_whole();
}

// The rows of a tile, or 0 if cutting does not pay.
std::int64_t Pipeline::choose_tile(const Split& split, std::int64_t wanted) const {
  if (split.rows.exports.empty() || !exports_fit(source_, analysis_, split.rows)) return 0;
  if (wanted > 0) return std::min(wanted, analysis_.rows);
  if (analysis_.rows < kMinTiles * kMinTileRows) return 0;
  const auto rows = static_cast<double>(analysis_.rows);
  const double row_bytes = bytes_per_row(source_, analysis_, split.rows, kMinTileRows, backend_);
  if (row_bytes * rows <= kWholeBytes) return 0;
  const double fitting = std::min(kTileBytes / row_bytes, rows / kEnoughTiles);
  const std::int64_t tile = std::max(std::int64_t{1} << std::ilogb(fitting), kMinTileRows);
  double sums = 0;
  for (NodeId id : split.rows.exports)
    if (analysis_.part(id) == Part::RowSum) sums += static_cast<double>(source_[id].bytes());
  return static_cast<double>(tile) * row_bytes < sums ? 0 : tile;
}

void Pipeline::make_stages(Split split, std::int64_t tile) {
  row_exports_ = split.rows.exports;
  rows_.emplace(source_, analysis_, split.rows, tile, backend_);
  if (!split.before.exports.empty()) {
    std::vector<OutputMode> modes;
    for (NodeId id : split.before.exports) modes.push_back(escapes_[at(id)] ? OutputMode::Fresh : OutputMode::Kept);
    before_ = make_stage(std::move(split.before), std::move(modes));
  }
  for (NodeId id : row_exports_)
    if (!escapes_[at(id)]) values_[at(id)] = Tensor::uninitialized(source_[id].shape, source_[id].dtype, backend_);
  std::vector<OutputMode> modes(source_.outputs.size(), OutputMode::Fresh);
  after_ = make_stage(std::move(split.after), std::move(modes));
}

void Pipeline::make_whole() {
  StageGraph whole{source_, {}, source_.outputs};
  for (NodeId id : source_.inputs) whole.imports.push_back({id, 0});
  after_ = make_stage(std::move(whole), std::vector<OutputMode>(source_.outputs.size(), OutputMode::Fresh));
  after_.executable->set_layouts(layouts_);
}

Pipeline::Stage Pipeline::make_stage(StageGraph stage, std::vector<OutputMode> modes) const {
  Graph fused = fuse(stage.graph, backend_);
  std::vector<Strides> layouts = row_major_layouts(fused);
  return {.imports = std::move(stage.imports),
          .exports = stage.exports,
          .executable = std::make_unique<Executable>(std::move(fused), std::move(layouts), backend_, std::move(modes)),
          .inputs = std::vector<Tensor>(stage.graph.inputs.size()),
          .outputs = std::vector<Tensor>(stage.exports.size())};
}

std::size_t Pipeline::bytes() const {
  std::size_t bytes = after_.executable->plan().arena_bytes;
  if (before_.exists()) bytes += before_.executable->plan().arena_bytes;
  if (rows_) bytes += rows_->bytes();
  for (NodeId id : row_exports_)
    if (!escapes_[at(id)]) bytes += source_[id].bytes();
  return bytes;
}

std::vector<Pipeline::StageView> Pipeline::stages() const {
  if (!rows_) return {{"", *after_.executable, 1}};
  std::vector<StageView> views;
  if (before_.exists()) views.push_back({"before the rows", *before_.executable, 1});
  views.push_back(
      {str("for each tile of ", rows_->tile(), " of ", analysis_.rows, " rows"), rows_->executable(), rows_->tiles()});
  views.push_back({"after the rows", *after_.executable, 1});
  return views;
}

// -- running --

// What is wrong with an input; empty if nothing is.
std::string Pipeline::complaint(const Tensor& x, const Graph::Node& expected) const {
  if (!x.defined()) return "is undefined";
  if (x.shape() != expected.shape || x.dtype() != expected.dtype)
    return str("expected ", expected.dtype, " ", expected.shape, ", got ", x.dtype(), " ", x.shape());
  if (x.recorded())
    return "is recorded on a tape, but a program records nothing: differentiate before compiling, or pass its "
           "detached() value";
  if (&x.backend() != &backend_) return str("expected backend '", backend_.name, "', got '", x.backend().name, "'");
  return {};
}

void Pipeline::check(std::span<const Tensor> inputs) {
  if (inputs.size() != source_.inputs.size())
    throw std::invalid_argument(str("[program] expected ", source_.inputs.size(), " inputs, got ", inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Graph::Node& node = source_[source_.inputs[i]];
    if (const std::string wrong = complaint(inputs[i], node); !wrong.empty())
      throw std::invalid_argument(
          str("[program] input ", i, node.label.empty() ? "" : " '" + node.label + "'", ": ", wrong));
    if (inputs[i].strides() == layouts_[i] || layout_of(inputs[i]) == layouts_[i]) continue;
    layouts_[i] = layout_of(inputs[i]);
    layouts_changed_ = true;
  }
}

void Pipeline::run(std::span<const Tensor> inputs, std::span<Tensor> outputs, std::vector<double>* seconds) {
  const std::unique_lock only_one(running_, std::try_to_lock);
  if (!only_one) throw std::invalid_argument("[program] it is already running: copies share one arena");
  check(inputs);
  double* const times = seconds ? seconds->data() : nullptr;
  if (rows_)
    run_stages(inputs, outputs, times);
  else
    run_whole(inputs, outputs, times);
  layouts_changed_ = false;
}

void Pipeline::run_whole(std::span<const Tensor> inputs, std::span<Tensor> outputs, double* seconds) {
  if (layouts_changed_) after_.executable->set_layouts(layouts_);
  after_.executable->run(inputs, outputs, seconds);
}

void Pipeline::run_stages(std::span<const Tensor> inputs, std::span<Tensor> outputs, double* seconds) {
  const auto skip = [&](const Executable& executable) {
    if (seconds) seconds += executable.step_members().size();
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) values_[at(source_.inputs[i])] = inputs[i];
  if (before_.exists()) {
    run_stage(before_, seconds);
    skip(*before_.executable);
    for (std::size_t i = 0; i < before_.exports.size(); ++i) values_[at(before_.exports[i])] = before_.outputs[i];
  }
  for (NodeId id : row_exports_)
    if (escapes_[at(id)]) values_[at(id)] = Tensor::uninitialized(source_[id].shape, source_[id].dtype, backend_);
  if (layouts_changed_) rows_->update_layouts(values_);
  rows_->run(values_, seconds);
  skip(rows_->executable());
  run_stage(after_, seconds);
  std::move(after_.outputs.begin(), after_.outputs.end(), outputs.begin());
  forget();
}

// Lets go of what belongs to the caller.
void Pipeline::forget() {
  for (NodeId id : source_.inputs) values_[at(id)] = Tensor();
  for (NodeId id : before_.exports) values_[at(id)] = Tensor();
  for (Tensor& x : before_.outputs) x = Tensor();
  for (NodeId id : row_exports_)
    if (escapes_[at(id)]) values_[at(id)] = Tensor();
}

void Pipeline::Stage::update_layouts() {
  std::vector<Strides> layouts;
  for (const Tensor& x : inputs) layouts.push_back(layout_of(x));
  executable->set_layouts(std::move(layouts));
}

void Pipeline::run_stage(Stage& stage, double* seconds) {
  for (std::size_t i = 0; i < stage.inputs.size(); ++i) stage.inputs[i] = values_[at(stage.imports[i].source)];
  if (layouts_changed_) stage.update_layouts();
  stage.executable->run(stage.inputs, stage.outputs, seconds);
  for (Tensor& x : stage.inputs) x = Tensor();
}

}  // namespace brenier

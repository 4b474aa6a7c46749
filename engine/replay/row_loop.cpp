// Running tiles of rows. See engine/replay/row_loop.h.
#include "engine/replay/row_loop.h"

#include <algorithm>
#include <cstring>

namespace brenier {
namespace {

constexpr std::int64_t kMaxChains = 8;
constexpr std::int64_t kTilesPerChain = 2;  // at least, where there are as many: each chain costs a set of partial sums

std::int64_t bytes_of(const Tensor& x) { return x.size() * static_cast<std::int64_t>(size_of(x.dtype())); }

// to += summand, in place; both row-major.
void add(const Tensor& to, const char* summand, const Backend& backend) {
  constexpr std::int64_t kBothAdvance[2] = {1, 1};
  const void* const inputs[2] = {to.address(), summand};
  const auto function = backend.tiles[static_cast<std::size_t>(OpCode::Add)][static_cast<std::size_t>(to.dtype())];
  void* const output = to.address();
  function(inputs, kBothAdvance, &output, to.size());
}

OutputMode mode_of(const Graph& source, const RowAnalysis& analysis, NodeId id) {
  if (analysis.part(id) == Part::Rows) return OutputMode::Given;
  return source[id].op->code == OpCode::MatMul ? OutputMode::Summed : OutputMode::Kept;
}

}  // namespace

// -- making --

RowLoop::RowLoop(const Graph& source, const RowAnalysis& analysis, const StageGraph& stage, std::int64_t tile,
                 const Backend& backend)
    : analysis_(analysis),
      backend_(backend),
      tile_(tile),
      tile_count_((analysis.rows + tile - 1) / tile),
      imports_(stage.imports),
      exports_(stage.exports) {
  for (NodeId id : exports_) modes_.push_back(mode_of(source, analysis, id));
  const Graph for_tile = fuse(with_tile(source, analysis, stage, tile).graph, backend);
  const std::int64_t chains = std::clamp<std::int64_t>(tile_count_ / kTilesPerChain, 1, kMaxChains);
  for (std::int64_t number = 0; number < chains; ++number) {
    Chain chain{compiled(for_tile), std::vector<Tensor>(exports_.size()), std::vector<char*>(imports_.size()),
                std::vector<char*>(exports_.size())};
    for (std::size_t i = 0; i < exports_.size() && number > 0; ++i)
      if (analysis_.part(exports_[i]) == Part::RowSum)
        chain.sums[i] = Tensor::uninitialized(source[exports_[i]].shape, source[exports_[i]].dtype, backend);
    chains_.push_back(std::move(chain));
  }
  if (const std::int64_t rest = analysis.rows % tile)
    tail_ = compiled(fuse(with_tile(source, analysis, stage, rest).graph, backend));
  if (backend.factor_packing.bytes) find_factors();
}

void RowLoop::find_factors() {
  const Executable& first = executable();
  for (NodeId node : first.outside_factors()) {
    const std::size_t bytes = backend_.factor_packing.bytes(first.tensor(node));
    const std::vector<NodeId>& inputs = first.graph().inputs;
    const auto input = std::find(inputs.begin(), inputs.end(), first.plan().place(node).root);
    const auto position = static_cast<std::size_t>(input - inputs.begin());
    if (bytes == 0 || (input != inputs.end() && imports_[position].axis > 0)) continue;
    const std::int64_t import = input == inputs.end() ? -1 : static_cast<std::int64_t>(position);
    factors_.push_back({node, import, allocate_storage(bytes, backend_)});
    for (Chain& chain : chains_) chain.executable->use_packed_factor(node, factors_.back().packed->data);
    if (tail_) tail_->use_packed_factor(node, factors_.back().packed->data);
  }
}

void RowLoop::pack_factors(std::span<const Tensor> values) {
  Executable& first = *chains_[0].executable;
  for (Factor& factor : factors_) {
    if (factor.is_packed) continue;
    factor.is_packed = factor.import < 0;
    if (factor.import >= 0) {
      const auto import = static_cast<std::size_t>(factor.import);
      first.set_input(import, values[at(imports_[import].source)].address());
    }
    backend_.factor_packing.pack(first.tensor(factor.node), factor.packed->data);
  }
}

std::unique_ptr<Executable> RowLoop::compiled(const Graph& fused) const {
  return std::make_unique<Executable>(fused, row_major_layouts(fused), backend_, modes_);
}

std::size_t RowLoop::bytes() const {
  std::size_t bytes = tail_ ? tail_->plan().arena_bytes : 0;
  for (const Factor& factor : factors_) bytes += factor.packed->bytes;
  for (const Chain& chain : chains_) {
    bytes += chain.executable->plan().arena_bytes;
    for (const Tensor& sum : chain.sums)
      if (sum.defined()) bytes += static_cast<std::size_t>(bytes_of(sum));
  }
  return bytes;
}

// -- running --

std::vector<Strides> RowLoop::layouts_for(std::int64_t rows, std::span<const Tensor> values) const {
  std::vector<Strides> layouts;
  for (const auto& [source, axis] : imports_) {
    const Tensor& x = values[at(source)];
    Shape shape = x.shape();
    if (axis > 0) shape[-axis] = rows;
    layouts.push_back(layout_of(x.view(shape, x.strides(), x.offset())));
  }
  return layouts;
}

void RowLoop::update_layouts(std::span<const Tensor> values) {
  for (Chain& chain : chains_) chain.executable->set_layouts(layouts_for(tile_, values));
  if (tail_) tail_->set_layouts(layouts_for(analysis_.rows % tile_, values));
}

const Tensor& RowLoop::sum_of(std::size_t chain, std::size_t output, std::span<const Tensor> values) const {
  return chain == 0 ? values[at(exports_[output])] : chains_[chain].sums[output];
}

void RowLoop::run_tile(std::size_t number, std::int64_t row, bool first, std::span<const Tensor> values,
                       double* seconds) {
  Chain& chain = chains_[number];
  Executable& executable = row + tile_ <= analysis_.rows ? *chain.executable : *tail_;
  for (std::size_t i = 0; i < imports_.size(); ++i) {
    const Tensor& x = values[at(imports_[i].source)];
    const int axis = imports_[i].axis;
    const std::int64_t offset = axis > 0 ? row * x.strides()[-axis] : 0;
    chain.inputs[i] = x.address() + offset * static_cast<std::int64_t>(size_of(x.dtype()));
  }
  for (std::size_t i = 0; i < exports_.size(); ++i) {
    const bool is_sum = analysis_.part(exports_[i]) == Part::RowSum;
    const Tensor& x = is_sum ? sum_of(number, i, values) : values[at(exports_[i])];
    chain.outputs[i] = x.address() + (is_sum ? 0 : row * (bytes_of(x) / analysis_.rows));
  }
  executable.run(chain.inputs, chain.outputs, !first, seconds);
  for (std::size_t i = 0; i < exports_.size(); ++i) {
    if (modes_[i] != OutputMode::Kept) continue;
    const Tensor& sum = sum_of(number, i, values);
    const char* const summand = executable.kept(i).address();
    if (first)
      std::memcpy(sum.address(), summand, static_cast<std::size_t>(bytes_of(sum)));
    else
      add(sum, summand, backend_);
  }
}

void RowLoop::run_chain(std::size_t number, std::span<const Tensor> values, double* seconds) {
  const auto boundary = [&](std::size_t chain) {
    return static_cast<std::int64_t>(chain) * tile_count_ / static_cast<std::int64_t>(chains_.size());
  };
  for (std::int64_t tile = boundary(number); tile < boundary(number + 1); ++tile)
    run_tile(number, tile * tile_, tile == boundary(number), values, seconds);
}

void RowLoop::add_chains(std::span<const Tensor> values) {
  for (std::size_t i = 0; i < exports_.size(); ++i) {
    if (analysis_.part(exports_[i]) != Part::RowSum) continue;
    for (std::size_t chain = 1; chain < chains_.size(); ++chain)
      add(values[at(exports_[i])], chains_[chain].sums[i].address(), backend_);
  }
}

void RowLoop::run(std::span<const Tensor> values, double* seconds) {
  pack_factors(values);
  const auto run_chains = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chain = begin; chain < end; ++chain) run_chain(static_cast<std::size_t>(chain), values, seconds);
  };
  const auto call = [](const void* body, std::int64_t begin, std::int64_t end) {
    (*static_cast<const decltype(run_chains)*>(body))(begin, end);
  };
  const auto count = static_cast<std::int64_t>(chains_.size());
  if (seconds)
    run_chains(0, count);
  else
    backend_.parallel_run(count, 1, call, &run_chains);
  add_chains(values);
}

// -- deciding --

bool exports_fit(const Graph& source, const RowAnalysis& analysis, const StageGraph& stage) {
  return std::all_of(stage.exports.begin(), stage.exports.end(), [&](NodeId id) {
    const Shape& shape = source[id].shape;
    return analysis.part(id) == Part::RowSum || element_count(shape.part(0, shape.rank() - analysis.axis(id))) == 1;
  });
}

double bytes_per_row(const Graph& source, const RowAnalysis& analysis, const StageGraph& stage, std::int64_t tile,
                     const Backend& backend) {
  std::vector<OutputMode> modes;
  for (NodeId id : stage.exports) modes.push_back(mode_of(source, analysis, id));
  const Executable executable(fuse(stage.graph, backend), row_major_layouts(stage.graph), backend, modes);
  const auto share = [&](NodeId id) {
    return static_cast<double>(source[id].bytes()) / static_cast<double>(analysis.rows);
  };
  double bytes = 0;
  for (const auto& [id, axis] : stage.imports)
    if (axis > 0) bytes += share(id);
  for (NodeId id : stage.exports)
    if (analysis.part(id) == Part::Rows) bytes += share(id);
  return bytes + static_cast<double>(executable.plan().arena_bytes) / static_cast<double>(tile);
}

}  // namespace brenier

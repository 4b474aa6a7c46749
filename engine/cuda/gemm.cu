// Names, choice and launch of the kernels for matrix products, and the sums over splits.
#include "engine/cuda/gemm.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>

#include "engine/cuda/epilogue.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr Gemm kAllGemms[] = {Gemm::Naive,  Gemm::Tiled,       Gemm::Vectorised, Gemm::WarpTiled,
                              Gemm::Tf32x3, Gemm::WgmmaTf32x3, Gemm::TensorF64};

// Where one rung gives way to the next: by counting, not yet measured.
constexpr std::int64_t kNaiveDepth = 4;        // few terms: writing C is the work
constexpr std::int64_t kNaiveTerms = 4096;     // in all: a launch takes longer
constexpr std::int64_t kTiledSide = 16;        // a tile of 64 would be mostly empty
constexpr std::int64_t kTf32Side = 1024;       // 128 tiles or more
constexpr std::int64_t kTf32Depth = 256;       // 16 turns of the pipeline
constexpr std::int64_t kBlocksPerSm = 2;       // what the device should have to do
constexpr std::int64_t kLeastSplit = 128;      // terms per split
constexpr std::int64_t kMostSplits = 64;       // each writes C once
constexpr std::int64_t kMostProducts = 65535;  // of a grid along z

struct Side {
  int rows, cols;
};
Side tile_of(const GemmPlan& plan) {
  switch (plan.rung) {
    case Gemm::Naive:
      return {16, 16};
    case Gemm::Tiled:
      return {32, 32};
    case Gemm::WarpTiled:
      return plan.large_tile ? Side{128, 128} : Side{64, 64};
    case Gemm::Tf32x3:
      return {128, 64};
    case Gemm::TensorF64:
      return {64, 64};
    default:
      return {128, 128};
  }
}

std::int64_t blocks_of(const GemmPlan& plan, const GemmShape& shape) {
  const auto [rows, cols] = tile_of(plan);
  return ceil_div(shape.rows, rows) * ceil_div(shape.cols, cols) * shape.batches;
}

[[noreturn]] void refuse(Gemm rung) {
  throw std::invalid_argument(
      str("[matmul] ", name_of(rung), " needs a GPU of compute capability 9.0, and ", device_name(), " is none"));
}

const std::optional<Gemm>& requested_gemm() {
  static const std::optional<Gemm> requested = [] {
    const char* name = std::getenv("BRENIER_GEMM");
    if (!name) return std::optional<Gemm>();
    const Gemm rung = gemm_named(name);
    if (!runs_here(rung)) refuse(rung);
    return std::optional(rung);
  }();
  return requested;
}

// Whether there is a kernel that runs a group on its tiles.
bool has_epilogue(Gemm rung, Along a) { return takes_epilogue(a) && (rung == Gemm::WarpTiled || rung == Gemm::Tf32x3); }

int splits_of(const GemmPlan& plan, std::int64_t depth) {
  return plan.split_depth == 0 ? 1 : static_cast<int>(ceil_div(depth, plan.split_depth));
}

template <class T>
__global__ void add_splits(const T* copies, std::int64_t size, int splits, bool accumulate, T* c) {
  for (std::int64_t i = thread_in_grid(); i < size; i += threads_in_grid()) {
    T sum = copies[i];
    for (int split = 1; split < splits; ++split) sum += copies[split * size + i];
    c[i] = accumulate ? c[i] + sum : sum;
  }
}

template <class T>
void launch_rung(const GemmPlan& plan, const GemmArguments<T>& arguments, const GemmGrid& grid,
                 const Epilogue* epilogue) {
  if (plan.rung == Gemm::Naive) return naive_gemm(arguments, grid);
  if (plan.rung == Gemm::Tiled) return tiled_gemm(arguments, grid);
  if (plan.rung == Gemm::Vectorised) return vectorised_gemm(arguments, grid);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (plan.rung == Gemm::WarpTiled) return warp_tiled_gemm(arguments, grid, plan.large_tile, epilogue);
    if (plan.rung == Gemm::WgmmaTf32x3) return wgmma_tf32x3_gemm(arguments, grid);
    return tf32x3_gemm(arguments, grid, epilogue);
  } else {
    return tensor_f64_gemm(arguments, grid);
  }
}

template <class T>
void launch_products(const GemmPlan& plan, GemmArguments<T> arguments, int splits, const Epilogue* epilogue) {
  arguments.split_depth = splits > 1 ? static_cast<int>(plan.split_depth) : arguments.depth;
  const auto address = reinterpret_cast<std::uintptr_t>(arguments.c);
  arguments.vector_stores = arguments.cols % 4 == 0 && address % 16 == 0;
  for (std::int64_t first = 0; first < arguments.batches; first += kMostProducts) {
    arguments.first_batch = first;
    launch_rung(plan, arguments, {static_cast<int>(std::min(kMostProducts, arguments.batches - first)), splits},
                epilogue);
  }
}

}  // namespace

std::span<const Gemm> all_gemms() { return kAllGemms; }

const char* name_of(Gemm rung) {
  constexpr const char* kNames[] = {"naive",  "tiled",        "vectorised", "warp-tiled",
                                    "tf32x3", "wgmma-tf32x3", "tensor-f64"};
  return kNames[static_cast<int>(rung)];
}

Gemm gemm_named(std::string_view name) {
  for (Gemm rung : kAllGemms)
    if (name == name_of(rung)) return rung;
  throw std::invalid_argument(str(
      "[matmul] BRENIER_GEMM must be naive, tiled, vectorised, warp-tiled, tf32x3, wgmma-tf32x3 or tensor-f64, got ",
      name));
}

bool computes(Gemm rung, DType dtype) {
  if (rung == Gemm::WarpTiled || rung == Gemm::Tf32x3 || rung == Gemm::WgmmaTf32x3) return dtype == DType::Float32;
  return dtype == DType::Float64 || (dtype == DType::Float32 && rung != Gemm::TensorF64);
}

bool runs_here(Gemm rung) { return rung != Gemm::WgmmaTf32x3 || (available() && has_warpgroups()); }

Gemm best_gemm(const GemmShape& shape, DType dtype) {
  if (requested_gemm() && computes(*requested_gemm(), dtype)) return *requested_gemm();
  const auto [rows, cols, depth, batches] = shape;
  if (depth <= kNaiveDepth || rows * cols * depth <= kNaiveTerms) return Gemm::Naive;
  if (std::min(rows, cols) <= kTiledSide) return Gemm::Tiled;
  if (dtype == DType::Float64) return Gemm::TensorF64;
  return std::min(rows, cols) >= kTf32Side && depth >= kTf32Depth ? Gemm::Tf32x3 : Gemm::WarpTiled;
}

GemmPlan plan_gemm(Gemm rung, const GemmShape& shape) {
  GemmPlan plan{.rung = rung, .large_tile = true};
  plan.large_tile = blocks_of(plan, shape) >= multiprocessors();
  const std::int64_t blocks = blocks_of(plan, shape), enough = kBlocksPerSm * multiprocessors();
  const std::int64_t splits =
      std::min({enough / std::max<std::int64_t>(blocks, 1), shape.depth / kLeastSplit, kMostSplits});
  if (splits < 2) return plan;
  plan.split_depth = ceil_div(ceil_div(shape.depth, splits), kSplitStep) * kSplitStep;
  return plan;
}

std::size_t scratch_bytes(const GemmPlan& plan, const GemmShape& shape, DType dtype) {
  const int splits = splits_of(plan, shape.depth);
  const std::int64_t copies = splits > 1 ? splits * shape.batches * shape.rows * shape.cols : 0;
  return static_cast<std::size_t>(copies) * size_of(dtype);
}

template <class T>
void gemm(const GemmPlan& plan, GemmArguments<T> arguments, T* scratch, const FusedKernel* epilogue) {
  if (!computes(plan.rung, dtype_of<T>()))
    throw std::invalid_argument(str("[matmul] ", name_of(plan.rung), " has no ", dtype_of<T>(), " kernel"));
  if (!runs_here(plan.rung)) refuse(plan.rung);
  const std::int64_t size = arguments.batches * arguments.rows * arguments.cols;
  const int splits = splits_of(plan, arguments.depth);
  if (size == 0) return;
  if (splits <= 1) {
    const std::optional<Epilogue> follower =
        epilogue && has_epilogue(plan.rung, arguments.a.along) ? as_epilogue(*epilogue) : std::nullopt;
    launch_products(plan, arguments, 1, follower ? &*follower : nullptr);
    if (epilogue && !follower) epilogue->run_range(0, size);
    return;
  }
  T* const c = std::exchange(arguments.c, scratch);
  const bool accumulate = std::exchange(arguments.accumulate, false);
  launch_products(plan, arguments, splits, nullptr);
  const LaunchShape shape{.grid = {grid_for(size, 256)}, .block = {256}, .op = "matmul"};
  launch(shape, add_splits<T>, scratch, size, splits, accumulate, c);
  if (epilogue) epilogue->run_range(0, size);
}

template void gemm(const GemmPlan&, GemmArguments<float>, float*, const FusedKernel*);
template void gemm(const GemmPlan&, GemmArguments<double>, double*, const FusedKernel*);

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

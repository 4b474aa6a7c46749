// C = A B on the device: seven kernels from the plain loop to the tensor cores, each to be had by name, and the choice
// among them. Host side.
//
// A kernel sees each factor as lines of memory. The axis of the sum is the depth; the other axis of a factor, the rows
// of A or the columns of B, is its side. Neighbours in memory lie along one of the two, and that is all that a
// transpose changes. Any other layout is copied first (matmul.cu).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/cuda/kernels.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

struct Epilogue;  // engine/cuda/epilogue.h

enum class Gemm { Naive, Tiled, Vectorised, WarpTiled, Tf32x3, WgmmaTf32x3, TensorF64 };
std::span<const Gemm> all_gemms();
const char* name_of(Gemm rung);          // naive, tiled, vectorised, warp-tiled, tf32x3, wgmma-tf32x3, tensor-f64
Gemm gemm_named(std::string_view name);  // throws std::invalid_argument for other names
bool computes(Gemm rung, DType dtype);
bool runs_here(Gemm rung);  // wgmma-tf32x3 needs a GPU of compute capability 9.0

enum class Along { Depth, Side };
// Kernels with a group behind them are compiled for an A whose rows run along the depth, as rows of a batch do.
constexpr bool takes_epilogue(Along a) { return a == Along::Depth; }

// Entry (side i, depth p) is data[i stride + p] along the depth and data[p stride + i] along the side.
template <class T>
struct Factor {
  const T* data;
  std::int64_t stride;
  Along along;
  bool aligned;  // every line of every batch starts at a multiple of 16 bytes
};

template <class T>
struct GemmArguments {
  int rows, cols, depth;
  Factor<T> a, b;
  T* c;  // row-major, product after product
  bool accumulate = false;
  Walk<2> batch{};  // where the factors of each product begin
  std::int64_t batches = 1;

  // Set by gemm(): the first product of a launch, the terms per block, and whether C takes 16 bytes at a time.
  std::int64_t first_batch = 0;
  int split_depth = 0;
  bool vector_stores = false;
};

struct GemmShape {
  std::int64_t rows, cols, depth, batches = 1;
};

// How a product is computed. With several splits each sums split_depth terms into its own copy of C in scratch memory,
// and a second kernel adds the copies in order, so that repeated runs agree in every bit.
struct GemmPlan {
  Gemm rung = Gemm::Naive;
  bool large_tile = false;       // of WarpTiled: 128 x 128, not 64 x 64
  std::int64_t split_depth = 0;  // a multiple of kSplitStep; 0: all terms
};
inline constexpr int kSplitStep = 32;

// The rung for a product. The environment variable BRENIER_GEMM names another one, at first use, for all products whose
// dtype it computes; std::invalid_argument if there is no such rung here.
Gemm best_gemm(const GemmShape& shape, DType dtype);
GemmPlan plan_gemm(Gemm rung, const GemmShape& shape);
std::size_t scratch_bytes(const GemmPlan& plan, const GemmShape& shape, DType dtype);

// T is float or double. The epilogue, if there is one, is run on all of C: by the kernels of warp-tiled and tf32x3 on their
// tiles, if A runs along the depth and the group is fit for it, or behind the product. Throws std::invalid_argument if the rung does not compute this type,
// or not on this GPU.
template <class T>
void gemm(const GemmPlan& plan, GemmArguments<T> arguments, T* scratch, const FusedKernel* epilogue = nullptr);

// The rungs, in the file of the same name: C in blocks, `splits` for each tile of each product.
struct GemmGrid {
  int products, splits;
};
template <class T>
void naive_gemm(const GemmArguments<T>& arguments, const GemmGrid& grid);
template <class T>
void tiled_gemm(const GemmArguments<T>& arguments, const GemmGrid& grid);
template <class T>
void vectorised_gemm(const GemmArguments<T>& arguments, const GemmGrid& grid);
void warp_tiled_gemm(const GemmArguments<float>& arguments, const GemmGrid& grid, bool large_tile,
                     const Epilogue* epilogue);
void tf32x3_gemm(const GemmArguments<float>& arguments, const GemmGrid& grid, const Epilogue* epilogue);
void wgmma_tf32x3_gemm(const GemmArguments<float>& arguments, const GemmGrid& grid);
void tensor_f64_gemm(const GemmArguments<double>& arguments, const GemmGrid& grid);

inline LaunchShape tile_launch(int tile_rows, int tile_cols, const GemmShape& shape, const GemmGrid& grid,
                               Extent block) {
  const std::int64_t tiles = ceil_div(shape.rows, tile_rows) * ceil_div(shape.cols, tile_cols);
  return {
      .grid = {static_cast<unsigned>(tiles), static_cast<unsigned>(grid.splits), static_cast<unsigned>(grid.products)},
      .block = block,
      .op = "matmul"};
}

// Calls body with the two layouts as constants.
template <class Body>
void for_layouts(Along a, Along b, Body&& body) {
  const std::integral_constant<Along, Along::Depth> depth;
  const std::integral_constant<Along, Along::Side> side;
  if (a == Along::Depth && b == Along::Depth) return body(depth, depth);
  if (a == Along::Depth) return body(depth, side);
  if (b == Along::Depth) return body(side, depth);
  body(side, side);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

// C = A B for [..., m, k] and [..., k, n] with broadcast leading axes and any strides.
//
// The structure is that of BLIS (Van Zee & van de Geijn, BLIS: a framework for rapidly instantiating BLAS
// functionality, 2015), with the roles of A and B exchanged because C is row-major. C is cut into tiles whose sums stay
// in registers (gemm_micro-inl.h). A stretch of kBlockDepth terms of the rows of one tile is a panel of A; it stays in
// the L1 cache while all panels of a block of B pass. That block, kBlockDepth x kBlockCols, stays in the L2 cache while
// all rows of C pass. A factor is packed (gemm_pack-inl.h) if it is read often enough to repay the copy, and read in
// place otherwise. Rows are shared among threads; B is packed once for all of them.
//
// Every number of C is a sum in ascending order of k whatever the blocks and tiles, so it depends on nothing but its
// row of A and its column of B. Products with few terms or few columns take the ways of gemm_narrow-inl.h, where few
// columns means another order of summation.

// A panel of A: at most 16 KiB of an L1 cache of 32 KiB or more.
template <class T>
inline constexpr std::int64_t kBlockDepth = 1024 / static_cast<std::int64_t>(sizeof(T));
// A block of B: at most 512 KiB of an L2 cache of 1 MiB.
template <class T>
inline constexpr std::int64_t kBlockPanels = (std::int64_t{512} << 10) /
                                             (kBlockDepth<T> * kTileCols<T> * static_cast<std::int64_t>(sizeof(T)));

template <class T>
using MicroKernel = void (*)(const Tile<T>&);

// By rows - 1 and packs - 1.
template <class T, TileKind Kind, std::size_t... Rows>
constexpr std::array<std::array<MicroKernel<T>, kTilePacks>, kTileRows> micro_kernels(std::index_sequence<Rows...>) {
  return {{{micro_kernel<T, Rows + 1, 1, Kind>, micro_kernel<T, Rows + 1, 2, Kind>}...}};
}
template <class T, TileKind Kind>
inline constexpr auto kMicroKernels = micro_kernels<T, Kind>(std::make_index_sequence<kTileRows>());

template <class T>
MicroKernel<T> find_micro_kernel(int rows, int cols, bool packed) {
  const int packs = (cols + kLanes<T> - 1) / kLanes<T>;
  const auto& kernels = cols % kLanes<T> != 0 ? kMicroKernels<T, TileKind::StridedPartial>
                        : packed              ? kMicroKernels<T, TileKind::Packed>
                                              : kMicroKernels<T, TileKind::Strided>;
  return kernels[static_cast<std::size_t>(rows - 1)][static_cast<std::size_t>(packs - 1)];
}

// A block of B: panel j begins at data + j * panel_stride.
template <class T>
struct Panels {
  const T* data;
  std::int64_t panel_stride, row_stride;
};

// The tiles of `rows` rows of C: a are those rows, depth columns wide.
template <class T>
BRENIER_INLINE void row_of_tiles(const BlockSize& size, MatrixView<T> a, const Panels<T>& b, T* c,
                                 std::int64_t c_stride, bool pack_a, bool accumulate) {
  const auto rows = static_cast<int>(size.rows);
  if (pack_a) {
    T* panel = static_cast<T*>(scratch(Scratch::OwnPanel, sizeof(T) * kPanelRows<T> * kBlockDepth<T>));
    pack_panel<T, kPanelRows<T>>(panel, a.transposed(), size.depth, rows);
    a = {panel, 1, kPanelRows<T>};
  }
  Tile<T> tile{size.depth, a.data, a.row_stride, a.col_stride, b.data, b.row_stride, c, c_stride, 0, accumulate};
  const MicroKernel<T> whole = find_micro_kernel<T>(rows, kTileCols<T>, pack_a);
  std::int64_t cols = size.cols;
  for (; cols >= kTileCols<T>; cols -= kTileCols<T>, tile.b += b.panel_stride, tile.c += kTileCols<T>) whole(tile);
  if (cols == 0) return;
  tile.last = static_cast<int>(cols - 1) % kLanes<T> + 1;
  find_micro_kernel<T>(rows, static_cast<int>(cols), pack_a)(tile);
}

// A block of B, panel after panel.
template <class T>
void pack_panels(const BlockSize& size, const MatrixView<T>& b, T* packed) {
  const std::int64_t panels = (size.cols + kTileCols<T> - 1) / kTileCols<T>, panel_size = size.depth * kTileCols<T>;
  parallel_for(panels, steps_per_piece(panels, 4 * panel_size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const std::int64_t width = std::min<std::int64_t>(kTileCols<T>, size.cols - j * kTileCols<T>);
      pack_panel<T, kTileCols<T>>(packed + j * panel_size, b.at(0, j * kTileCols<T>), size.depth,
                                  static_cast<int>(width));
    }
  });
}

// The memory belongs to the calling thread.
template <class T>
Panels<T> pack_block(const BlockSize& size, const MatrixView<T>& b) {
  const std::int64_t panels = (size.cols + kTileCols<T> - 1) / kTileCols<T>, panel_size = size.depth * kTileCols<T>;
  T* packed =
      static_cast<T*>(scratch(Scratch::SharedPanels, sizeof(T) * static_cast<std::size_t>(panels * panel_size)));
  pack_panels(size, b, packed);
  return {packed, panel_size, kTileCols<T>};
}

// Packing is about one slow pass over a factor: it pays when the other factor makes enough passes over it, sooner where
// the rows of a tile, read in place, would use less than half of each cache line of A. Limits by measurement.
template <class T>
bool worth_packing_a(const BlockSize& size, const MatrixView<T>& a) {
  const bool wastes_lines = a.col_stride != 1 && kTileRows * sizeof(T) < 32;
  return size.cols > (wastes_lines ? 128 : 256);
}
template <class T>
bool worth_packing_b(const BlockSize& size, const MatrixView<T>& b) {
  return b.col_stride != 1 || (size.rows > 6 * kTileRows && size.cols > kTileCols<T>);
}

// How B is cut into blocks, whatever the rows: `visit(first term, terms, first column, columns)`, blocks of columns
// outermost.
template <class T, class Visit>
void for_each_block(const BlockSize& size, const Visit& visit) {
  const Pieces depths(size.depth, kBlockDepth<T>);
  const Pieces panels((size.cols + kTileCols<T> - 1) / kTileCols<T>, kBlockPanels<T>);
  for (std::int64_t block = 0; block < panels.count; ++block) {
    const std::int64_t j = panels.begin(block) * kTileCols<T>;
    const std::int64_t cols = std::min(panels.length(block) * kTileCols<T>, size.cols - j);
    for (std::int64_t stretch = 0; stretch < depths.count; ++stretch)
      visit(depths.begin(stretch), depths.length(stretch), j, cols);
  }
}

// size.depth >= 1. If `Lower`, C may be left as it is right of the diagonal.
template <class T, bool Lower = false>
void tiled_product(const Product<T>& product) {
  const BlockSize& size = product.size;
  const bool pack_a = worth_packing_a(size, product.a), pack_b = worth_packing_b(size, product.b);
  const Pieces rows(size.rows, kTileRows);
  const T* next = product.packed;
  for_each_block<T>(size, [&](std::int64_t p, std::int64_t depth, std::int64_t j, std::int64_t cols) {
    const BlockSize block{size.rows, cols, depth};
    const MatrixView<T> b_here = product.b.at(p, j);
    const std::int64_t panel_size = depth * kTileCols<T>;
    const Panels<T> panels = next     ? Panels<T>{next, panel_size, kTileCols<T>}
                             : pack_b ? pack_block<T>(block, b_here)
                                      : Panels<T>{b_here.data, kTileCols<T>, b_here.row_stride};
    if (next) next += (cols + kTileCols<T> - 1) / kTileCols<T> * panel_size;
    const auto compute = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t row = rows.begin(i), width = size.cols;
        const std::int64_t needed = Lower ? cols_to_diagonal<T>(row + rows.length(i), j, cols) : cols;
        row_of_tiles<T>({rows.length(i), needed, depth}, product.a.at(row, p), panels, product.c + row * width + j,
                        width, pack_a, product.accumulate || p > 0);
      }
    };
    if (p + depth == size.depth && j + cols == size.cols)
      share_last_rows(product, rows, cols * depth / size.cols, compute);
    else
      parallel_for(rows.count, steps_per_piece(rows.count, kTileRows * cols * depth), compute);
  });
}

// Few columns of C where the columns of A are contiguous, as in the gradient of the weights of a layer on points of low
// dimension: the transpose of C has few rows and is what packs are for.
template <class T>
void transposed_product(const Product<T>& product) {
  const auto [rows, cols, depth] = product.size;
  T* const result = static_cast<T*>(scratch(Scratch::Result, sizeof(T) * static_cast<std::size_t>(rows * cols)));
  Product<T> transposed = product.transposed();
  transposed.c = result;
  transposed.accumulate = false;
  tiled_product(transposed);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      T& entry = product.c[i * cols + j];
      entry = product.accumulate ? entry + result[j * rows + i] : result[j * rows + i];
    }
  }
}

// A single row times columns, or rows times a single column, may be read as either; the transposed reading is better
// when it makes the large factor contiguous in the direction of the packs, or of the sums.
template <class T>
void best_product(const Product<T>& product) {
  const BlockSize& size = product.size;
  const MatrixView<T>&a = product.a, &b = product.b;
  const bool row_times_transposed = size.rows == 1 && size.cols > 1 && b.col_stride != 1;
  const bool transposed_times_column = size.cols == 1 && size.rows > 1 && a.row_stride == 1 && a.col_stride != 1;
  if (size.depth <= kFewTerms) {
    return shallow_product(product);
  } else if (is_symmetric(product)) {
    return symmetric_product(product, tiled_product<T, true>);
  } else if (row_times_transposed || transposed_times_column) {
    const bool narrow = row_times_transposed && b.row_stride == 1;
    (narrow ? narrow_product<T> : tiled_product<T>)(product.transposed());
  } else if (size.cols <= kFewColumns && a.col_stride == 1) {
    narrow_product(product);
  } else if (size.cols <= kFewColumns && size.cols > 1 && a.row_stride == 1) {
    transposed_product(product);
  } else {
    return tiled_product(product);
  }
  product.run_epilogue(0, size.rows);
}

// The leading axes of both factors, broadcast against those of the result.
inline Walk<2> batch_walk(const KernelCall& call) {
  const int rank = call.output.rank();
  const Strides a = broadcast_strides(*call.inputs[0], call.output.shape());
  const Strides b = broadcast_strides(*call.inputs[1], call.output.shape());
  return make_walk<2>(call.output.shape().part(0, rank - 2), {a.part(0, rank - 2), b.part(0, rank - 2)});
}

// Where element `index` of a walk lies, in row-major order.
inline Offsets<2> offsets_at(const Walk<2>& walk, std::int64_t index) {
  Offsets<2> offset{};
  for (int axis = walk.rank - 1; axis >= 0; --axis) {
    const auto at = static_cast<std::size_t>(axis);
    const std::int64_t position = index % walk.length[at];
    index /= walk.length[at];
    for (std::size_t i = 0; i < 2; ++i) offset[i] += position * walk.stride[at][i];
  }
  return offset;
}

// A batch of products with one B is one product with more rows, if the rows of A are evenly spaced.
template <class T>
void merge_batch_into_rows(Walk<2>& batch, BlockSize& size, MatrixView<T>& a) {
  const auto [a_step, b_step] = batch.row_stride();
  if (b_step != 0 || (size.rows != 1 && a_step != size.rows * a.row_stride)) return;
  if (size.rows == 1) a.row_stride = a_step;
  size.rows *= batch.row_length();
  const auto last = static_cast<std::size_t>(batch.rank - 1);
  if (batch.rank > 1)
    --batch.rank;
  else
    batch.length[last] = 1;
}

template <class T>
MatrixView<T> matrix_of(const Tensor& x) {
  return {x.data<T>(), x.strides()[-2], x.strides()[-1]};
}

template <class T>
void matmul(const KernelCall& call) {
  Product<T> product{{call.output.shape()[-2], call.output.shape()[-1], call.inputs[0]->shape()[-1]},
                     matrix_of<T>(*call.inputs[0]),
                     matrix_of<T>(*call.inputs[1]),
                     call.output.mutable_data<T>(),
                     call.accumulate,
                     nullptr,
                     {call.epilogue, call.output.data<T>()}};
  BlockSize& size = product.size;
  if (size.depth == 0 && !call.accumulate) std::fill_n(product.c, call.output.size(), T(0));
  if (size.depth == 0 || call.output.size() == 0)
    return product.epilogue.run(product.c, product.c + call.output.size());
  if (call.output.rank() == 2) {
    product.packed = static_cast<const T*>(call.packed_factor);
    return best_product(product);
  }
  Walk<2> batch = batch_walk(call);
  merge_batch_into_rows(batch, size, product.a);
  const std::int64_t count = call.output.size() / (size.rows * size.cols);
  // Small products are shared among threads whole, large ones by their rows.
  const std::int64_t terms = size.rows * size.cols * size.depth;
  const std::int64_t grain = terms < kPieceTerms ? steps_per_piece(count, terms) : count;
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto [a_offset, b_offset] = offsets_at(batch, i);
      Product<T> one = product;
      one.a.data += a_offset;
      one.b.data += b_offset;
      one.c += i * one.size.rows * one.size.cols;
      best_product(one);
    }
  });
}

inline void matmul_kernel(const KernelCall& call) {
  check_inputs("matmul", call, call.output.dtype());
  for_floating("matmul", call.output.dtype(), [&](auto type) { matmul<typename decltype(type)::type>(call); });
}

// B of a product of many rows, packed for all of them.
inline std::size_t packed_factor_bytes(const Tensor& b) {
  const std::int64_t depth = b.shape()[-2], cols = b.shape()[-1];
  if (b.rank() != 2 || !b.is_floating() || depth <= kFewTerms || cols <= kFewColumns) return 0;
  const std::int64_t tile = b.dtype() == DType::Float32 ? kTileCols<float> : kTileCols<double>;
  return static_cast<std::size_t>((cols + tile - 1) / tile * tile * depth) * size_of(b.dtype());
}

inline void pack_factor(const Tensor& b, void* to) {
  for_floating("matmul", b.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    T* next = static_cast<T*>(to);
    const auto pack = [&](std::int64_t p, std::int64_t depth, std::int64_t j, std::int64_t cols) {
      const std::int64_t panel_size = depth * kTileCols<T>;
      pack_panels<T>({0, cols, depth}, matrix_of<T>(b).at(p, j), next);
      next += (cols + kTileCols<T> - 1) / kTileCols<T> * panel_size;
    };
    for_each_block<T>({0, b.shape()[-1], b.shape()[-2]}, pack);
  });
}

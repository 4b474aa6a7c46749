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

// A length cut into the fewest pieces of at most `limit`, which differ by one at most.
struct Pieces {
  std::int64_t count, base, longer;
  Pieces(std::int64_t length, std::int64_t limit)
      : count((length + limit - 1) / limit), base(length / count), longer(length % count) {}
  std::int64_t begin(std::int64_t i) const { return i * base + std::min(i, longer); }
  std::int64_t length(std::int64_t i) const { return base + (i < longer ? 1 : 0); }
};

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
void row_of_tiles(const BlockSize& size, MatrixView<T> a, const Panels<T>& b, T* c, std::int64_t c_stride, bool pack_a,
                  bool accumulate) {
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

// Packs a block of B; the memory belongs to the calling thread.
template <class T>
Panels<T> pack_block(const BlockSize& size, const MatrixView<T>& b) {
  const std::int64_t panels = (size.cols + kTileCols<T> - 1) / kTileCols<T>, panel_size = size.depth * kTileCols<T>;
  T* packed =
      static_cast<T*>(scratch(Scratch::SharedPanels, sizeof(T) * static_cast<std::size_t>(panels * panel_size)));
  parallel_for(panels, steps_per_piece(panels, 4 * panel_size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const std::int64_t width = std::min<std::int64_t>(kTileCols<T>, size.cols - j * kTileCols<T>);
      pack_panel<T, kTileCols<T>>(packed + j * panel_size, b.at(0, j * kTileCols<T>), size.depth,
                                  static_cast<int>(width));
    }
  });
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

// size.depth >= 1. C is row-major and contiguous; with `accumulate` the product is added to what it holds.
template <class T>
void product(const BlockSize& size, const MatrixView<T>& a, const MatrixView<T>& b, T* c, bool accumulate) {
  const bool pack_a = worth_packing_a(size, a), pack_b = worth_packing_b(size, b);
  const Pieces depths(size.depth, kBlockDepth<T>), rows(size.rows, kTileRows);
  const Pieces panels((size.cols + kTileCols<T> - 1) / kTileCols<T>, kBlockPanels<T>);
  for (std::int64_t block = 0; block < panels.count; ++block) {
    const std::int64_t j = panels.begin(block) * kTileCols<T>;
    const std::int64_t cols = std::min(panels.length(block) * kTileCols<T>, size.cols - j);
    for (std::int64_t stretch = 0; stretch < depths.count; ++stretch) {
      const std::int64_t p = depths.begin(stretch), depth = depths.length(stretch);
      const MatrixView<T> b_here = b.at(p, j);
      const Panels<T> b_panels = pack_b ? pack_block<T>({size.rows, cols, depth}, b_here)
                                        : Panels<T>{b_here.data, kTileCols<T>, b_here.row_stride};
      const auto compute = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t row = rows.begin(i);
          row_of_tiles<T>({rows.length(i), cols, depth}, a.at(row, p), b_panels, c + row * size.cols + j, size.cols,
                          pack_a, accumulate || p > 0);
        }
      };
      parallel_for(rows.count, steps_per_piece(rows.count, kTileRows * cols * depth), compute);
    }
  }
}

// A single row times columns, or rows times a single column, may be read as either; the transposed reading is better
// when it makes the large factor contiguous in the direction of the packs, or of the sums.
template <class T>
void best_product(const BlockSize& size, const MatrixView<T>& a, const MatrixView<T>& b, T* c, bool accumulate) {
  const bool row_times_transposed = size.rows == 1 && size.cols > 1 && b.col_stride != 1;
  const bool transposed_times_column = size.cols == 1 && size.rows > 1 && a.row_stride == 1 && a.col_stride != 1;
  if (size.depth <= kFewTerms) {
    shallow_product(size, a, b, c, accumulate);
  } else if (row_times_transposed || transposed_times_column) {
    const BlockSize transposed{size.cols, size.rows, size.depth};
    if (row_times_transposed && b.row_stride == 1)
      narrow_product(transposed, b.transposed(), a.transposed(), c, accumulate);
    else
      product(transposed, b.transposed(), a.transposed(), c, accumulate);
  } else if (size.cols <= kFewColumns && a.col_stride == 1) {
    narrow_product(size, a, b, c, accumulate);
  } else {
    product(size, a, b, c, accumulate);
  }
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
  MatrixView<T> a = matrix_of<T>(*call.inputs[0]);
  const MatrixView<T> b = matrix_of<T>(*call.inputs[1]);
  BlockSize size{call.output.shape()[-2], call.output.shape()[-1], call.inputs[0]->shape()[-1]};
  T* c = call.output.mutable_data<T>();
  if (size.depth == 0 && !call.accumulate) std::fill_n(c, call.output.size(), T(0));
  if (size.depth == 0 || call.output.size() == 0) return;
  if (call.output.rank() == 2) return best_product(size, a, b, c, call.accumulate);
  Walk<2> batch = batch_walk(call);
  merge_batch_into_rows(batch, size, a);
  const std::int64_t count = call.output.size() / (size.rows * size.cols);
  // Small products are shared among threads whole, large ones by their rows.
  const std::int64_t terms = size.rows * size.cols * size.depth;
  const std::int64_t grain = terms < kPieceTerms ? steps_per_piece(count, terms) : count;
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto [a_offset, b_offset] = offsets_at(batch, i);
      best_product(size, {a.data + a_offset, a.row_stride, a.col_stride},
                   {b.data + b_offset, b.row_stride, b.col_stride}, c + i * size.rows * size.cols, call.accumulate);
    }
  });
}

inline void matmul_kernel(const KernelCall& call) {
  check_inputs("matmul", call, call.output.dtype());
  for_floating("matmul", call.output.dtype(), [&](auto type) { matmul<typename decltype(type)::type>(call); });
}

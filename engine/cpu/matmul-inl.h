// C = A B for [..., m, k] and [..., k, n] with broadcast leading axes and any strides.
//
// The structure is that of BLIS (Van Zee & van de Geijn, BLIS: a framework for rapidly instantiating BLAS
// functionality, 2015), with the roles of A and B exchanged because C is row-major. C is cut into tiles whose sums stay
// in registers (gemm_micro-inl.h). A stretch of kBlockDepth terms of the rows of one tile is a panel of A; it stays in
// the L1 cache while all panels of a block of B pass. That block, kBlockDepth x kBlockCols, stays in the L2 cache while
// all rows of C pass. A factor is packed (gemm_pack-inl.h) if it is read often enough to repay the copy, and read in
// place otherwise. Rows are shared among threads; B is packed once for all of them.
//
// Every number of C is a sum in ascending order of k whatever the blocks, so it depends on nothing but its row of A and
// its column of B. Sums of at most kFewTerms terms and single columns take shorter ways.

// A panel of A: at most 21 KiB of an L1 cache of 32 KiB or more.
template <class T>
inline constexpr std::int64_t kBlockDepth = 1536 / static_cast<std::int64_t>(sizeof(T));
// A block of B: at most 512 KiB of an L2 cache of 1 MiB.
template <class T>
inline constexpr std::int64_t kBlockPanels = (std::int64_t{512} << 10) /
                                             (kBlockDepth<T> * kTileCols<T> * static_cast<std::int64_t>(sizeof(T)));

struct BlockSize {
  std::int64_t rows, cols, depth;
};

// A length cut into the fewest pieces of at most `limit`, all equal or one shorter.
struct Pieces {
  std::int64_t total, count;
  Pieces(std::int64_t length, std::int64_t limit) : total(length), count((length + limit - 1) / limit) {}
  std::int64_t begin(std::int64_t i) const { return total * i / count; }
  std::int64_t length(std::int64_t i) const { return begin(i + 1) - begin(i); }
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
  const int packs = (cols + kPackLanes<T> - 1) / kPackLanes<T>;
  const auto& kernels = cols % kPackLanes<T> != 0 ? kMicroKernels<T, TileKind::StridedPartial>
                        : packed                  ? kMicroKernels<T, TileKind::Packed>
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
  tile.last = static_cast<int>(cols - 1) % kPackLanes<T> + 1;
  find_micro_kernel<T>(rows, static_cast<int>(cols), pack_a)(tile);
}

// A loop over threads takes a few microseconds to set up; smaller pieces of work than this are not worth one.
inline constexpr std::int64_t kPieceTerms = 1 << 18;  // multiply-adds

inline std::int64_t pieces_worth_a_thread(std::int64_t terms_each) {
  return std::max<std::int64_t>(1, kPieceTerms / std::max<std::int64_t>(1, terms_each));
}

// Packs a block of B; the memory belongs to the calling thread.
template <class T>
Panels<T> pack_block(const BlockSize& size, const MatrixView<T>& b) {
  const std::int64_t panels = (size.cols + kTileCols<T> - 1) / kTileCols<T>, panel_size = size.depth * kTileCols<T>;
  T* packed =
      static_cast<T*>(scratch(Scratch::SharedPanels, sizeof(T) * static_cast<std::size_t>(panels * panel_size)));
  parallel_for(panels, pieces_worth_a_thread(4 * panel_size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const std::int64_t width = std::min<std::int64_t>(kTileCols<T>, size.cols - j * kTileCols<T>);
      pack_panel<T, kTileCols<T>>(packed + j * panel_size, b.at(0, j * kTileCols<T>), size.depth,
                                  static_cast<int>(width));
    }
  });
  return {packed, panel_size, kTileCols<T>};
}

// Packing is about one slow pass over a factor: it pays when the other factor makes enough passes over it.
template <class T>
bool worth_packing_a(const BlockSize& size) {
  return size.cols > 4 * kTileCols<T>;
}
template <class T>
bool worth_packing_b(const BlockSize& size, const MatrixView<T>& b) {
  return b.col_stride != 1 || (size.rows > 6 * kTileRows && size.cols > kTileCols<T>);
}

// size.depth >= 1. C is row-major and contiguous.
template <class T>
void product(const BlockSize& size, const MatrixView<T>& a, const MatrixView<T>& b, T* c) {
  const bool pack_a = worth_packing_a<T>(size), pack_b = worth_packing_b(size, b);
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
                          pack_a, p > 0);
        }
      };
      parallel_for(rows.count, pieces_worth_a_thread(kTileRows * cols * depth), compute);
    }
  }
}

// Few terms per sum: the packs of a tile's columns of B fit in registers, and each row of C is a combination of them.
// This is the product with points of low dimension, where a tile would spend its time on entering and leaving.
inline constexpr int kFewTerms = 4;

template <class T, int Depth, int Packs, bool Partial>
void combine_rows(const BlockSize& size, const MatrixView<T>& a, const T* b, std::int64_t b_stride, T* c,
                  std::int64_t c_stride) {
  constexpr int lanes = kPackLanes<T>;
  const int last = static_cast<int>(size.cols) - (Packs - 1) * lanes;
  Pack<T> row[Depth][Packs];
  for (int p = 0; p < Depth; ++p) {
    for (int v = 0; v < Packs - 1; ++v) row[p][v] = load<T>(b + p * b_stride + v * lanes);
    const T* end = b + p * b_stride + (Packs - 1) * lanes;
    row[p][Packs - 1] = Partial ? load_first<T>(end, last) : load<T>(end);
  }
  for (std::int64_t i = 0; i < size.rows; ++i, c += c_stride) {
    Pack<T> sums[Packs];
    for (int v = 0; v < Packs; ++v) sums[v] = repeat<T>(T(0));
    for (int p = 0; p < Depth; ++p) {
      const Pack<T> weight = repeat<T>(*a.at(i, p).data);
      for (int v = 0; v < Packs; ++v) sums[v] = multiply_add<T>(weight, row[p][v], sums[v]);
    }
    for (int v = 0; v < Packs - 1; ++v) store(c + v * lanes, sums[v]);
    if constexpr (Partial)
      store_first<T>(c + (Packs - 1) * lanes, sums[Packs - 1], last);
    else
      store(c + (Packs - 1) * lanes, sums[Packs - 1]);
  }
}

template <class T, int Depth>
void shallow_columns(const BlockSize& size, const MatrixView<T>& a, const T* b, std::int64_t b_stride, T* c,
                     std::int64_t c_stride) {
  constexpr int lanes = kPackLanes<T>;
  constexpr decltype(&combine_rows<T, Depth, 1, false>) kernels[2][2] = {
      {combine_rows<T, Depth, 1, false>, combine_rows<T, Depth, 1, true>},
      {combine_rows<T, Depth, 2, false>, combine_rows<T, Depth, 2, true>}};
  for (std::int64_t j = 0; j < size.cols; j += 2 * lanes) {
    const std::int64_t cols = std::min<std::int64_t>(2 * lanes, size.cols - j);
    kernels[cols > lanes][cols % lanes != 0]({size.rows, cols, Depth}, a, b + j, b_stride, c + j, c_stride);
  }
}

template <class T>
void shallow_product(const BlockSize& size, const MatrixView<T>& a, MatrixView<T> b, T* c) {
  if (b.col_stride != 1 && size.cols > 1) {
    T* rows =
        static_cast<T*>(scratch(Scratch::SharedPanels, sizeof(T) * static_cast<std::size_t>(size.depth * size.cols)));
    for (std::int64_t p = 0; p < size.depth; ++p) {
      for (std::int64_t j = 0; j < size.cols; ++j) rows[p * size.cols + j] = *b.at(p, j).data;
    }
    b = {rows, size.cols, 1};
  }
  constexpr decltype(&shallow_columns<T, 1>) by_depth[kFewTerms] = {shallow_columns<T, 1>, shallow_columns<T, 2>,
                                                                    shallow_columns<T, 3>, shallow_columns<T, 4>};
  // Bound by memory: a row of C counts as 8 multiply-adds for each number.
  parallel_for(size.rows, pieces_worth_a_thread(8 * size.cols), [&](std::int64_t begin, std::int64_t end) {
    by_depth[size.depth - 1]({end - begin, size.cols, size.depth}, a.at(begin, 0), b.data, b.row_stride,
                             c + begin * size.cols, size.cols);
  });
}

// A single row times columns, or rows times a single column, may be read as either; the transposed reading is better
// when it makes the large factor contiguous in the direction of the packs.
template <class T>
void best_product(const BlockSize& size, const MatrixView<T>& a, const MatrixView<T>& b, T* c) {
  const bool row_times_transposed = size.rows == 1 && b.col_stride != 1;
  const bool transposed_times_column = size.cols == 1 && a.row_stride == 1 && a.col_stride != 1;
  if (size.depth <= kFewTerms) {
    shallow_product(size, a, b, c);
  } else if (row_times_transposed || transposed_times_column) {
    product({size.cols, size.rows, size.depth}, b.transposed(), a.transposed(), c);
  } else {
    product(size, a, b, c);
  }
}

// The leading axes of both factors, broadcast against those of the result.
inline Walk<2> batch_walk(const KernelCall& call) {
  const int rank = call.output.rank();
  const Strides a = broadcast_strides(*call.inputs[0], call.output.shape());
  const Strides b = broadcast_strides(*call.inputs[1], call.output.shape());
  return make_walk<2>(call.output.shape().part(0, rank - 2), {a.part(0, rank - 2), b.part(0, rank - 2)});
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
  if (size.depth == 0) std::fill_n(c, call.output.size(), T(0));
  if (size.depth == 0 || call.output.size() == 0) return;
  Walk<2> batch = batch_walk(call);
  merge_batch_into_rows(batch, size, a);
  for_each_element(batch, [&](const Offsets<2>& offset) {
    best_product(size, {a.data + offset[0], a.row_stride, a.col_stride},
                 {b.data + offset[1], b.row_stride, b.col_stride}, c);
    c += size.rows * size.cols;
  });
}

inline void matmul_kernel(const KernelCall& call) {
  check_inputs("matmul", call, call.output.dtype());
  for_floating("matmul", call.output.dtype(), [&](auto type) { matmul<typename decltype(type)::type>(call); });
}

// C = A B for [..., m, k] and [..., k, n] with broadcast leading axes and any strides.
//
// The structure is that of BLIS (Van Zee & van de Geijn, BLIS: a framework for rapidly instantiating BLAS
// functionality, 2015). C is cut into tiles of kTileRows x kTileCols whose sums stay in registers while the
// micro-kernel runs over a stretch of k. B is packed into panels, as wide as a tile and kBlockDepth long, that are
// contiguous whatever the strides were; so is A when enough columns profit. Narrow edges are padded with zeros in the
// packed panel, never in C. Each sum runs through k in ascending order, in stretches of kBlockDepth. Products with at
// most kFewTerms terms per sum take a shorter way.

template <class T>
struct MatrixView {
  const T* data;
  std::int64_t row_stride, col_stride;
  MatrixView at(std::int64_t row, std::int64_t col) const {
    return {data + row * row_stride + col * col_stride, row_stride, col_stride};
  }
  MatrixView transposed() const { return {data, col_stride, row_stride}; }
};

// 4 rows of 2 packs are 8 sums in 8 of the 16 baseline registers: enough to hide the latency of an addition.
inline constexpr int kTileRows = 4;
template <class T>
inline constexpr int kTileCols = 2 * kLanes<T>;
inline constexpr std::int64_t kBlockDepth = 256;  // a panel of B: 8 KiB, stays in the L1 cache
inline constexpr std::int64_t kBlockRows = 64;    // a block of A: 128 KiB in double, stays in the L2 cache
inline constexpr std::int64_t kBlockCols = 512;   // a block of B: 1 MiB in double, L2 or L3

// The first `cols` numbers of a row of sums, written or added to C.
template <class T, int Packs>
void store_row(T* c, const Pack<T>* sums, int cols, bool accumulate) {
  constexpr int lanes = kLanes<T>;
  if (cols == Packs * lanes) {
    for (int v = 0; v < Packs; ++v) {
      store<T>(c + v * lanes, accumulate ? load(c + v * lanes) + sums[v] : sums[v]);
    }
    return;
  }
  T row[Packs * lanes];
  for (int v = 0; v < Packs; ++v) store<T>(row + v * lanes, sums[v]);
  for (int j = 0; j < cols; ++j) c[j] = accumulate ? c[j] + row[j] : row[j];
}

// A tile of C, Rows x cols: a is Rows x depth with any strides, b is depth rows of Packs packs, b_stride apart.
template <class T, int Rows, int Packs>
void micro_kernel(std::int64_t depth, const MatrixView<T>& a, const T* b, std::int64_t b_stride, T* c,
                  std::int64_t c_stride, int cols, bool accumulate) {
  Pack<T> sums[Rows][Packs] = {};
  const T* column = a.data;
  const std::int64_t row_stride = a.row_stride, col_stride = a.col_stride;
  for (std::int64_t p = 0; p < depth; ++p, b += b_stride, column += col_stride) {
    Pack<T> row[Packs];
    for (int v = 0; v < Packs; ++v) row[v] = load(b + v * kLanes<T>);
    for (int i = 0; i < Rows; ++i) {
      for (int v = 0; v < Packs; ++v) sums[i][v] += column[i * row_stride] * row[v];
    }
  }
  for (int i = 0; i < Rows; ++i) store_row<T, Packs>(c + i * c_stride, sums[i], cols, accumulate);
}

template <class T>
using MicroKernel = void (*)(std::int64_t, const MatrixView<T>&, const T*, std::int64_t, T*, std::int64_t, int, bool);
// By rows - 1 and packs - 1.
template <class T>
inline constexpr MicroKernel<T> kMicroKernels[kTileRows][2] = {{micro_kernel<T, 1, 1>, micro_kernel<T, 1, 2>},
                                                               {micro_kernel<T, 2, 1>, micro_kernel<T, 2, 2>},
                                                               {micro_kernel<T, 3, 1>, micro_kernel<T, 3, 2>},
                                                               {micro_kernel<T, 4, 1>, micro_kernel<T, 4, 2>}};

// Packs `width` neighbouring columns of x, `depth` long, into rows of `padded` numbers, zeros beyond width.
template <class T>
void pack_panel(T* __restrict to, const MatrixView<T>& x, std::int64_t depth, std::int64_t width, std::int64_t padded) {
  if (width < padded) std::fill_n(to, depth * padded, T(0));
  if (x.col_stride == 1) {
    for (std::int64_t p = 0; p < depth; ++p) {
      for (std::int64_t j = 0; j < width; ++j) to[p * padded + j] = x.data[p * x.row_stride + j];
    }
  } else {
    for (std::int64_t j = 0; j < width; ++j) {
      const T* column = x.data + j * x.col_stride;
      for (std::int64_t p = 0; p < depth; ++p) to[p * padded + j] = column[p * x.row_stride];
    }
  }
}

// The panels of a block: the whole ones at a regular distance, in place or packed, and a narrower last one, packed.
template <class T>
struct Panels {
  MatrixView<T> whole;
  std::int64_t step;
  int width;
  MatrixView<T> last;
  MatrixView<T> operator()(std::int64_t index, int columns) const {
    return columns == width ? MatrixView<T>{whole.data + index * step, whole.row_stride, whole.col_stride} : last;
  }
};

// Cuts `columns` columns of x into panels; `buffer` has room for all of them, padded.
template <class T>
Panels<T> make_panels(T* buffer, const MatrixView<T>& x, std::int64_t depth, std::int64_t columns, int width,
                      bool in_place) {
  const MatrixView<T> packed{buffer, width, 1};
  const std::int64_t whole = columns / width;
  T* end = buffer;
  for (std::int64_t i = in_place ? whole : 0; i * width < columns; ++i, end += depth * width) {
    const std::int64_t present = std::min<std::int64_t>(width, columns - i * width);
    pack_panel(end, x.at(0, i * width), depth, present, width);
  }
  const bool narrow = columns % width != 0;
  const MatrixView<T> last{narrow ? end - depth * width : buffer, width, 1};
  if (in_place) return {x, width * x.col_stride, width, last};
  return {packed, depth * width, width, last};
}

// Grows to what the largest product of this thread needs and stays: small products allocate nothing.
template <class T>
T* packing_buffer(std::int64_t size) {
  thread_local std::vector<T> buffer;
  if (buffer.size() < static_cast<std::size_t>(size)) buffer.resize(static_cast<std::size_t>(size));
  return buffer.data();
}

struct BlockSize {
  std::int64_t rows, cols, depth;
};

// One block of A (as panels of its transpose) times one block of B.
template <class T>
void macro_kernel(const BlockSize& size, const Panels<T>& a, const Panels<T>& b, T* c, std::int64_t c_stride,
                  bool accumulate) {
  for (std::int64_t j = 0; j * kTileCols<T> < size.cols; ++j) {
    const auto cols = static_cast<int>(std::min<std::int64_t>(kTileCols<T>, size.cols - j * kTileCols<T>));
    const MatrixView<T> b_panel = b(j, cols);
    const int packs = cols > kLanes<T> ? 2 : 1;
    for (std::int64_t i = 0; i * kTileRows < size.rows; ++i) {
      const auto rows = static_cast<int>(std::min<std::int64_t>(kTileRows, size.rows - i * kTileRows));
      kMicroKernels<T>[rows - 1][packs - 1](size.depth, a(i, rows).transposed(), b_panel.data, b_panel.row_stride,
                                            c + i * kTileRows * c_stride + j * kTileCols<T>, c_stride, cols,
                                            accumulate);
    }
  }
}

inline std::int64_t rounded_up(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

// size.depth >= 1. C is row-major and contiguous.
template <class T>
void product(const BlockSize& size, const MatrixView<T>& a, const MatrixView<T>& b, T* c) {
  // Packing costs about one pass over an operand: it pays when the other matrix makes enough passes over it.
  const bool b_in_place = b.col_stride == 1 && size.rows < 32;
  const bool a_in_place = size.cols < 64;
  const std::int64_t max_depth = std::min(size.depth, kBlockDepth);
  const std::int64_t b_room = max_depth * rounded_up(std::min(size.cols, kBlockCols), kTileCols<T>);
  const std::int64_t a_room = max_depth * rounded_up(std::min(size.rows, kBlockRows), kTileRows);
  T* buffer = packing_buffer<T>(a_room + b_room);
  for (std::int64_t j = 0; j < size.cols; j += kBlockCols) {
    const std::int64_t cols = std::min(kBlockCols, size.cols - j);
    for (std::int64_t p = 0; p < size.depth; p += kBlockDepth) {
      const std::int64_t depth = std::min(kBlockDepth, size.depth - p);
      const Panels<T> b_panels = make_panels(buffer, b.at(p, j), depth, cols, kTileCols<T>, b_in_place);
      for (std::int64_t i = 0; i < size.rows; i += kBlockRows) {
        const std::int64_t rows = std::min(kBlockRows, size.rows - i);
        const Panels<T> a_panels =
            make_panels(buffer + b_room, a.at(i, p).transposed(), depth, rows, kTileRows, a_in_place);
        macro_kernel({rows, cols, depth}, a_panels, b_panels, c + i * size.cols + j, size.cols, p > 0);
      }
    }
  }
}

// Few terms per sum: a row of C is a combination of the rows of B, formed in one pass over it. This is the product with
// points of low dimension, where tiles would spend their time on entering and leaving.
template <class T, int Depth>
void combine_rows(const BlockSize& size, const MatrixView<T>& a, const T* b, std::int64_t b_stride, T* __restrict c) {
  for (std::int64_t i = 0; i < size.rows; ++i, c += size.cols) {
    T weight[Depth];
    for (int p = 0; p < Depth; ++p) weight[p] = *a.at(i, p).data;
    for (std::int64_t j = 0; j < size.cols; ++j) {
      T sum = weight[0] * b[j];
      for (int p = 1; p < Depth; ++p) sum += weight[p] * b[p * b_stride + j];
      c[j] = sum;
    }
  }
}

inline constexpr std::int64_t kFewTerms = 4;

template <class T>
void shallow_product(const BlockSize& size, const MatrixView<T>& a, MatrixView<T> b, T* c) {
  if (b.col_stride != 1 && size.cols > 1) {
    T* packed = packing_buffer<T>(size.depth * size.cols);
    pack_panel(packed, b, size.depth, size.cols, size.cols);
    b = {packed, size.cols, 1};
  }
  constexpr decltype(&combine_rows<T, 1>) by_depth[kFewTerms] = {combine_rows<T, 1>, combine_rows<T, 2>,
                                                                 combine_rows<T, 3>, combine_rows<T, 4>};
  by_depth[size.depth - 1](size, a, b.data, b.row_stride, c);
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

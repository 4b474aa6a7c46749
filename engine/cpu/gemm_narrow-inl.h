// Matrix products that are not worth a tile: few terms per sum, or few columns.
//
// Few terms, as with points of low dimension: the packs of a tile's columns of B fit in registers, and each row of C is
// a combination of them. Few columns, as where a network ends in one number per sample: an entry of C is the inner
// product of two contiguous stretches, formed in the lanes of a pack, which are added up at the end. Four rows of A
// advance together, so that each pack of B is used four times and the last additions are done for four sums at once.

// Rows of C.
template <class T>
struct ResultView {
  T* data;
  std::int64_t row_stride;
  bool accumulate;
};

// Few terms per sum: the packs of a tile's columns of B fit in registers, and each row of C is a combination of them.
// This is the product with points of low dimension, where a tile would spend its time on entering and leaving.
inline constexpr int kFewTerms = 4;

template <class T, int Depth, int Packs, bool Partial>
void combine_rows(const BlockSize& size, const MatrixView<T>& a, const T* b, std::int64_t b_stride,
                  const ResultView<T>& result) {
  constexpr int lanes = kLanes<T>;
  const int last = static_cast<int>(size.cols) - (Packs - 1) * lanes;
  Pack<T> row[Depth][Packs];
  for (int p = 0; p < Depth; ++p) {
    for (int v = 0; v < Packs - 1; ++v) row[p][v] = load<T>(b + p * b_stride + v * lanes);
    const T* end = b + p * b_stride + (Packs - 1) * lanes;
    row[p][Packs - 1] = Partial ? load_first<T>(end, last) : load<T>(end);
  }
  T* c = result.data;
  for (std::int64_t i = 0; i < size.rows; ++i, c += result.row_stride) {
    Pack<T> sums[Packs];
    for (int v = 0; v < Packs; ++v) {
      const int count = Partial && v == Packs - 1 ? last : lanes;
      sums[v] = result.accumulate ? load_first<T>(c + v * lanes, count) : repeat<T>(T(0));
    }
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
void shallow_columns(const BlockSize& size, const MatrixView<T>& a, const T* b, std::int64_t b_stride,
                     const ResultView<T>& c) {
  constexpr int lanes = kLanes<T>;
  constexpr decltype(&combine_rows<T, Depth, 1, false>) kernels[2][2] = {
      {combine_rows<T, Depth, 1, false>, combine_rows<T, Depth, 1, true>},
      {combine_rows<T, Depth, 2, false>, combine_rows<T, Depth, 2, true>}};
  for (std::int64_t j = 0; j < size.cols; j += 2 * lanes) {
    const std::int64_t cols = std::min<std::int64_t>(2 * lanes, size.cols - j);
    kernels[cols > lanes][cols % lanes != 0]({size.rows, cols, Depth}, a, b + j, b_stride,
                                             {c.data + j, c.row_stride, c.accumulate});
  }
}

template <class T>
void shallow_product(const Product<T>& product) {
  const BlockSize& size = product.size;
  MatrixView<T> b = product.b;
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
  const auto compute = [&](std::int64_t begin, std::int64_t end) {
    by_depth[size.depth - 1]({end - begin, size.cols, size.depth}, product.a.at(begin, 0), b.data, b.row_stride,
                             {product.c + begin * size.cols, size.cols, product.accumulate});
  };
  // Bound by memory: a row of C counts as 8 multiply-adds for each number.
  share_last_rows(product, Pieces(size.rows, 1), 8, compute);
}

// Inner products with at most kFewColumns columns, each contiguous.
inline constexpr int kFewColumns = 4;

// The sums of the lanes of four packs. Lanes that are congruent modulo four are added first, then the four.
template <class T>
inline void add_lanes(T (&sums)[4], const Pack<T> (&packs)[4]) {
  constexpr int lanes = std::max(kLanes<T>, 4);
  Quad<T> totals[4];
  for (int i = 0; i < 4; ++i) {
    T all[lanes] = {};
    Quad<T> quads[lanes / 4];
    store(all, packs[i]);
    std::memcpy(quads, all, sizeof(quads));
    totals[i] = quads[0];
    for (int q = 1; q < lanes / 4; ++q) totals[i] += quads[q];
  }
  transpose_quads<T>(totals);
  totals[0] = (totals[0] + totals[1]) + (totals[2] + totals[3]);
  std::memcpy(sums, &totals[0], sizeof(totals[0]));
}

// Four rows of A, `depth` long, with each of Cols stretches of b; row i of column j goes to sums[j][i].
template <class T, int Cols>
inline void inner_products(const T* const (&a)[4], const T* b, std::int64_t depth, T (&sums)[Cols][4]) {
  constexpr int lanes = kLanes<T>;
  Pack<T> partial[Cols][4];
  for (int j = 0; j < Cols; ++j) {
    for (int i = 0; i < 4; ++i) partial[j][i] = repeat<T>(T(0));
  }
  const auto add_terms = [&](const auto& load_pack, std::int64_t p) {
    Pack<T> row[4];
    for (int i = 0; i < 4; ++i) row[i] = load_pack(a[i] + p);
    for (int j = 0; j < Cols; ++j) {
      const Pack<T> column = load_pack(b + j * depth + p);
      for (int i = 0; i < 4; ++i) partial[j][i] = multiply_add<T>(row[i], column, partial[j][i]);
    }
  };
  std::int64_t p = 0;
  for (; p + lanes <= depth; p += lanes) add_terms([](const T* from) { return load<T>(from); }, p);
  const int rest = static_cast<int>(depth - p);
  if (rest > 0) add_terms([rest](const T* from) { return load_first<T>(from, rest); }, p);
  for (int j = 0; j < Cols; ++j) add_lanes<T>(sums[j], partial[j]);
}

// All rows of A with Cols columns, one stretch after another in b.
template <class T, int Cols>
void narrow_rows(std::int64_t rows, std::int64_t depth, const T* a, std::int64_t row_stride, const T* b, T* c,
                 bool accumulate) {
  for (std::int64_t i = 0; i < rows; i += 4, a += 4 * row_stride, c += 4 * Cols) {
    const std::int64_t present = std::min<std::int64_t>(4, rows - i);
    const T* four[4];
    for (std::int64_t r = 0; r < 4; ++r) four[r] = a + std::min(r, present - 1) * row_stride;
    T sums[Cols][4];
    inner_products<T, Cols>(four, b, depth, sums);
    for (std::int64_t r = 0; r < present; ++r) {
      for (int j = 0; j < Cols; ++j) c[r * Cols + j] = accumulate ? c[r * Cols + j] + sums[j][r] : sums[j][r];
    }
  }
}

// The rows of A are contiguous. B is copied, a column after another, unless it is one contiguous column.
template <class T>
void narrow_product(const Product<T>& product) {
  const auto& [rows, cols, depth] = product.size;
  const MatrixView<T>& b = product.b;
  const T* columns = b.data;
  if (b.row_stride != 1 || (cols > 1 && b.col_stride != depth)) {
    T* copy = static_cast<T*>(scratch(Scratch::SharedPanels, sizeof(T) * static_cast<std::size_t>(depth * cols)));
    for (std::int64_t j = 0; j < cols; ++j) {
      for (std::int64_t p = 0; p < depth; ++p) copy[j * depth + p] = *b.at(p, j).data;
    }
    columns = copy;
  }
  constexpr decltype(&narrow_rows<T, 1>) by_columns[kFewColumns] = {narrow_rows<T, 1>, narrow_rows<T, 2>,
                                                                    narrow_rows<T, 3>, narrow_rows<T, 4>};
  const auto compute = by_columns[cols - 1];
  parallel_for(rows, steps_per_piece(rows, 4 * depth * cols), [&](std::int64_t begin, std::int64_t end) {
    compute(end - begin, product.size.depth, product.a.at(begin, 0).data, product.a.row_stride, columns,
            product.c + begin * product.size.cols, product.accumulate);
  });
}

// The product of a matrix and its own transpose, as in Gram matrices and in the costs between points of one cloud: half
// of it is computed, the other half copied. Both halves would have the same bits, since a·b + c = b·a + c and all
// sums run in the same order.

// Below, what the copy and the tiles across the diagonal cost is more than what is saved.
inline constexpr std::int64_t kSymmetricFrom = 8 * kTileRows;
inline constexpr std::int64_t kSymmetricDepth = 32;

template <class T>
bool is_symmetric(const Product<T>& product) {
  const MatrixView<T>&a = product.a, &b = product.b;
  return a.data == b.data && a.row_stride == b.col_stride && a.col_stride == b.row_stride && !product.accumulate &&
         product.size.rows == product.size.cols && product.size.rows >= kSymmetricFrom &&
         product.size.depth >= kSymmetricDepth;
}

// How many of `cols` columns from `first_col` on the rows below `end_row` need, in whole tiles.
template <class T>
std::int64_t cols_to_diagonal(std::int64_t end_row, std::int64_t first_col, std::int64_t cols) {
  const std::int64_t tiles = (end_row - first_col + kTileCols<T> - 1) / kTileCols<T>;
  return std::clamp<std::int64_t>(tiles * kTileCols<T>, 0, cols);
}

// Fills the rows begin … end - 1 right of the diagonal from the columns below it. A stripe of columns at a time: the
// lines of those columns stay in the L1 cache while all rows pass.
template <class T>
void mirror_rows(T* c, std::int64_t n, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t stripe = 8;
  for (std::int64_t first = begin; first < n; first += stripe) {
    const std::int64_t last = std::min(first + stripe, n);
    for (std::int64_t i = begin; i < std::min(end, last); ++i)
      for (std::int64_t j = std::max(first, i + 1); j < last; ++j) c[i * n + j] = c[j * n + i];
  }
}

// `lower_half` computes C on and below the diagonal.
template <class T, class LowerHalf>
void symmetric_product(const Product<T>& product, const LowerHalf& lower_half) {
  Product<T> alone = product;
  alone.epilogue = {};
  lower_half(alone);
  const std::int64_t n = product.size.rows;
  parallel_for(n, steps_per_piece(n, 8 * n),
               [&](std::int64_t begin, std::int64_t end) { mirror_rows(product.c, n, begin, end); });
  // After all copies: an epilogue may write over C.
  if (product.epilogue.group)
    parallel_for(n, steps_per_piece(n, kEpilogueTerms * n),
                 [&](std::int64_t begin, std::int64_t end) { product.run_epilogue(begin, end); });
}

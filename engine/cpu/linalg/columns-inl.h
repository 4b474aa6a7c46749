// Matrices one at a time, with different columns in the lanes of packs: for large orders, and for solves with many
// right-hand sides. Factors are read where they lie; a strip of kBlockRows packs of columns at a time is copied to
// memory of the thread, row after row.
//
// A Cholesky factorisation is a substitution too: column strip after column strip, U = L⁻¹ A from the rows of L known
// so far; the rows of U on the diagonal then are the next rows of Lᵀ (bordering; Golub & Van Loan 2013, section 4.2).
// An LU factorisation does the same with the exchanged rows and then factors what is left of the strip.

inline constexpr int kStripPacks = kBlockRows;
template <class T>
inline constexpr std::int64_t kStripCols = kStripPacks* kBatchLanes<T>;

template <class T>
Strided<const T> strided_matrix(const Tensor& x, std::int64_t offset = 0) {
  return {x.data<T>() + offset, x.strides()[-2], x.strides()[-1]};
}

template <class T>
BRENIER_INLINE void store_row(T* to, const Number<T>* from, std::int64_t count) {
  constexpr int lanes = kBatchLanes<T>;
  if constexpr (lanes == 1) {
    std::copy_n(from, count, to);
  } else {
    for (; count >= lanes; count -= lanes, to += lanes, ++from) store<T>(to, *from);
    if (count > 0) store_part<T>(to, *from, static_cast<int>(count));
  }
}

// `count` numbers `step` apart to the first of C packs, zeros after them.
template <class T, int C>
BRENIER_INLINE void load_row(Number<T>* to, const T* from, std::int64_t step, std::int64_t count) {
  T* numbers = reinterpret_cast<T*>(to);
  constexpr std::int64_t width = C * kBatchLanes<T>;
  if (step == 1)
    std::memcpy(static_cast<void*>(numbers), from, sizeof(T) * static_cast<std::size_t>(count));
  else
    for (std::int64_t j = 0; j < count; ++j) numbers[j] = from[j * step];
  std::fill(numbers + count, numbers + width, T(0));
}

// Substitution over rows begin … end - 1 in whole blocks, then row by row.
template <int C, class T>
void strip_down(const Strided<const T>& l, const T* reciprocals, std::int64_t begin, std::int64_t end, Number<T>* b) {
  const std::int64_t whole = begin + (end - begin) / kBlockRows * kBlockRows;
  solve_down<kBlockRows, C>(l, reciprocals, begin, begin, whole, b);
  solve_down<1, C>(l, reciprocals, begin, whole, end, b);
}
template <int C, class T>
void strip_up(const Strided<const T>& u, const T* reciprocals, std::int64_t begin, std::int64_t end, Number<T>* b) {
  const std::int64_t whole = begin + (end - begin) / kBlockRows * kBlockRows;
  solve_up<1, C>(u, reciprocals, end, whole, end, b);
  solve_up<kBlockRows, C>(u, reciprocals, end, begin, whole, b);
}

template <class T>
void reciprocals_of_diagonal(const Strided<const T>& a, std::int64_t n, T* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = T(1) / a.at(i, i);
}

// Exchanges rows of a strip by `count` pivots; backwards for the transposed system.
template <class T, int C>
void exchange_strip_rows(Number<T>* b, const T* pivots, std::int64_t spacing, std::int64_t count, bool backwards) {
  for (std::int64_t step = 0; step < count; ++step) {
    const std::int64_t k = backwards ? count - 1 - step : step;
    const auto row = static_cast<std::int64_t>(pivots[k * spacing]);
    if (row != k) std::swap_ranges(b + k * C, b + (k + 1) * C, b + row * C);
  }
}

// One strip solved for in place. For an inverse with a symmetric result, rows above `begin` are not needed, and where
// right-hand sides are columns of the identity from there on, they are 0.
template <int C, class T>
void solve_strip(System system, const Strided<const T>& f, const T* reciprocals, std::int64_t begin, std::int64_t n,
                 Number<T>* b) {
  const T* const none = nullptr;
  switch (system) {
    case System::Lower:
      return strip_down<C>(f, reciprocals, begin, n, b);
    case System::Upper:
      return strip_up<C>(f, reciprocals, begin, n, b);
    case System::Spd:
      strip_down<C>(f, reciprocals, begin, n, b);
      return strip_up<C>(f.transposed(), reciprocals, begin, n, b);
    case System::Lu:
      exchange_strip_rows<T, C>(b, &f.at(n, 0), f.col, n, false);
      strip_down<C>(f, none, 0, n, b);
      return strip_up<C>(f, reciprocals, 0, n, b);
    case System::LuTransposed:
      strip_down<C>(f.transposed(), reciprocals, 0, n, b);
      strip_up<C>(f.transposed(), none, 0, n, b);
      exchange_strip_rows<T, C>(b, &f.at(n, 0), f.col, n, true);
  }
}

template <int C, class T>
void solve_one_strip(System system, const Strided<const T>& f, const Tensor* right_sides, std::int64_t right_offset,
                     T* out, std::int64_t n, std::int64_t k, std::int64_t first) {
  const std::int64_t width = std::min<std::int64_t>(C * kBatchLanes<T>, k - first);
  auto* b = work_numbers<Number<T>>(Scratch::Factor, n * C);
  T* reciprocals = work_numbers<T>(Scratch::Reciprocals, n);
  reciprocals_of_diagonal(f, n, reciprocals);
  for (std::int64_t i = 0; i < n; ++i) {
    if (right_sides) {
      const Strided<const T> given = strided_matrix<T>(*right_sides, right_offset);
      load_row<T, C>(b + i * C, &given.at(i, first), given.col, width);
    } else {
      std::fill_n(b + i * C, C, Number<T>(0));
      if (i >= first && i < first + width) reinterpret_cast<T*>(b + i * C)[i - first] = T(1);
    }
  }
  const bool symmetric = system == System::Spd && !right_sides;
  const std::int64_t begin = symmetric ? first : 0;
  solve_strip<C>(system, f, reciprocals, begin, n, b);
  for (std::int64_t i = begin; i < n; ++i) {
    store_row<T>(out + i * k + first, b + i * C, symmetric ? std::min(width, i + 1 - first) : width);
    if (!symmetric) continue;
    const T* row = reinterpret_cast<const T*>(b + i * C);
    for (std::int64_t j = first; j < std::min(first + width, i); ++j) out[j * k + i] = row[j - first];
  }
}

// `right_sides` is null for the identity. Strips of all matrices are shared among threads.
template <class T>
void solve_in_columns(System system, const Tensor& factor, const Tensor* right_sides, Tensor& output) {
  const std::int64_t n = output.shape()[-2], k = output.shape()[-1], matrices = output.size() / (n * k);
  const Shape batch = batch_shape(output);
  const BatchOffsets factor_offsets = batch_offsets(factor, batch);
  const BatchOffsets right_offsets = right_sides ? batch_offsets(*right_sides, batch) : BatchOffsets{};
  const bool narrow = k <= kBatchLanes<T>;
  const std::int64_t strips = (k + kStripCols<T> - 1) / kStripCols<T>, terms = n * n * std::min(k, kStripCols<T>);
  parallel_for(matrices * strips, pieces_of(matrices * strips, terms), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t index = task / strips, first = task % strips * kStripCols<T>;
      const Strided<const T> f = strided_matrix<T>(factor, factor_offsets(index));
      const std::int64_t right_offset = right_sides ? right_offsets(index) : 0;
      T* out = output.mutable_data<T>() + index * n * k;
      if (narrow)
        solve_one_strip<1>(system, f, right_sides, right_offset, out, n, k, first);
      else
        solve_one_strip<kStripPacks>(system, f, right_sides, right_offset, out, n, k, first);
    }
  });
}

// -- Cholesky --

// Rows first … end - 1 of the strip with these columns, R at a time; rows above are final. Row i of L left of the
// diagonal is column i - first of the strip.
template <int R, class T>
void factor_cholesky_rows(Number<T>* b, std::int64_t first, std::int64_t begin, std::int64_t end, T* reciprocals) {
  constexpr int C = kStripPacks;
  const Strided<const T> l{reinterpret_cast<const T*>(b) - first, 1, kStripCols<T>};
  for (std::int64_t i = begin; i < end; i += R) {
    Number<T> sums[R][C];
    clear(sums);
    for (std::int64_t k = 0; k < i; ++k) add_outer(sums, &l.at(i, k), l.row, b + k * C);
    for (std::int64_t r = i; r < i + R; ++r) {
      Number<T>* row = b + r * C;
      T* const pivot = reinterpret_cast<T*>(row) + r - first;
      for (std::int64_t k = i; k < r; ++k) add_scaled(sums[r - i], Number<T>(l.at(r, k)), b + k * C);
      for (int c = 0; c < C; ++c) row[c] = row[c] - sums[r - i][c];
      const T root = root_of_pivot(*pivot);
      reciprocals[r] = T(1) / root;
      for (int c = 0; c < C; ++c) row[c] = row[c] * Number<T>(reciprocals[r]);
      *pivot = root;
    }
  }
}

template <class T>
void cholesky_of_one(const Strided<const T>& a, T* out, std::int64_t n) {
  auto* b = work_numbers<Number<T>>(Scratch::Factor, n * kStripPacks);
  T* reciprocals = work_numbers<T>(Scratch::Reciprocals, n);
  for (std::int64_t first = 0; first < n; first += kStripCols<T>) {
    const std::int64_t end = std::min(first + kStripCols<T>, n), width = end - first;
    for (std::int64_t i = 0; i < end; ++i) {
      T* row = reinterpret_cast<T*>(b + i * kStripPacks);
      load_row<T, kStripPacks>(b + i * kStripPacks, &a.at(i, first), a.col, width);
      for (std::int64_t j = 0; j < width; ++j) row[j] = T(0.5) * (row[j] + a.at(first + j, i));
    }
    strip_down<kStripPacks>(Strided<const T>{out, n, 1}, reciprocals, 0, first, b);
    const std::int64_t whole = first + width / kBlockRows * kBlockRows;
    factor_cholesky_rows<kBlockRows, T>(b, first, first, whole, reciprocals);
    factor_cholesky_rows<1, T>(b, first, whole, end, reciprocals);
    for (std::int64_t j = first; j < end; ++j)
      for (std::int64_t i = 0; i < n; ++i)
        out[j * n + i] = i <= j ? reinterpret_cast<const T*>(b + i * kStripPacks)[j - first] : T(0);
  }
}

// -- LU --

// What is left of a strip, rows first … n - 1, factored with interchanges; rows of the finished columns follow.
template <class T>
void factor_lu_strip(Number<T>* b, T* out, std::int64_t first, std::int64_t width, std::int64_t n) {
  constexpr int C = kStripPacks;
  constexpr std::int64_t cols = kStripCols<T>;
  T* numbers = reinterpret_cast<T*>(b);
  for (std::int64_t k = first; k < first + width; ++k) {
    const std::int64_t column = k - first;
    std::int64_t pivot_row = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(numbers[i * cols + column]) > std::abs(numbers[pivot_row * cols + column])) pivot_row = i;
    out[n * n + k] = static_cast<T>(pivot_row);
    if (pivot_row != k) {
      std::swap_ranges(b + k * C, b + (k + 1) * C, b + pivot_row * C);
      std::swap_ranges(out + k * n, out + k * n + first, out + pivot_row * n);
    }
    const T pivot = numbers[k * cols + column], reciprocal = pivot == T(0) ? T(1) : T(1) / pivot;
    Number<T> above[C];  // the pivot row, right of the pivot
    for (int c = 0; c < C; ++c) above[c] = b[k * C + c];
    std::fill_n(reinterpret_cast<T*>(above), column + 1, T(0));
    for (std::int64_t i = k + 1; i < n; ++i) {
      const T factor = numbers[i * cols + column] * reciprocal;
      numbers[i * cols + column] = factor;
      for (int c = static_cast<int>(column) / kBatchLanes<T>; c < C; ++c)
        b[i * C + c] = plus_product(b[i * C + c], Number<T>(-factor), above[c]);
    }
  }
}

// Rows i … i + R - 1 of a strip less the products of L left of column `terms` with the rows above.
template <int R, class T>
void subtract_products(const Strided<const T>& l, std::int64_t terms, std::int64_t i, Number<T>* b) {
  constexpr int C = kStripPacks;
  Number<T> sums[R][C];
  clear(sums);
  for (std::int64_t k = 0; k < terms; ++k) add_outer(sums, &l.at(i, k), l.row, b + k * C);
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) b[(i + r) * C + c] = b[(i + r) * C + c] - sums[r][c];
}

// `out` is [n + 1, n].
template <class T>
void lu_of_one(const Strided<const T>& a, T* out, std::int64_t n) {
  constexpr int C = kStripPacks;
  auto* b = work_numbers<Number<T>>(Scratch::Factor, n * C);
  const Strided<const T> factored{out, n, 1};
  const T* const none = nullptr;
  for (std::int64_t first = 0; first < n; first += kStripCols<T>) {
    const std::int64_t width = std::min(kStripCols<T>, n - first);
    for (std::int64_t row = 0; row < n; ++row) load_row<T, C>(b + row * C, &a.at(row, first), a.col, width);
    exchange_strip_rows<T, C>(b, out + n * n, 1, first, false);
    strip_down<C>(factored, none, 0, first, b);
    std::int64_t i = first;
    for (; i + kBlockRows <= n; i += kBlockRows) subtract_products<kBlockRows, T>(factored, first, i, b);
    for (; i < n; ++i) subtract_products<1, T>(factored, first, i, b);
    factor_lu_strip<T>(b, out, first, width, n);
    for (i = 0; i < n; ++i) store_row<T>(out + i * n + first, b + i * C, width);
  }
}

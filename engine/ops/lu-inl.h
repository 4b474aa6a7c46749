// P A = L U with row interchanges, one column after the other, in place; row-major.
//
// V is a number, or a pack whose lanes are different matrices: every lane has its own pivots, and lanes exchange their
// rows one by one. The pivot is the first of the largest in its column; one that is 0 leaves its column as it is, and U
// singular (Golub & Van Loan 2013, section 3.4). Needs engine/ops/substitution-inl.h.

// Exchanges rows i and j of a matrix of `cols` columns in one lane of many; T is the number that packs are made of.
template <class T>
BRENIER_INLINE void exchange_rows(T* a, std::int64_t cols, std::int64_t lanes, std::int64_t i, std::int64_t j) {
  T *from = a + i * cols * lanes, *to = a + j * cols * lanes;
  for (std::int64_t k = 0; k < cols * lanes; k += lanes) {
    const T kept = from[k];
    from[k] = to[k];
    to[k] = kept;
  }
}

// The row of the largest entry of column k from row k on.
template <class V>
BRENIER_INLINE V find_pivot(const V* a, std::int64_t n, std::int64_t k) {
  V best = abs(a[k * n + k]), row = V(static_cast<double>(k));
  for (std::int64_t i = k + 1; i < n; ++i) {
    const V size = abs(a[i * n + k]);
    const auto larger = size > best;
    best = select(larger, size, best);
    row = select(larger, V(static_cast<double>(i)), row);
  }
  return row;
}

// Rows i … i + R - 1 less their multiples of row k, which stay in column k.
template <int R, class V>
BRENIER_INLINE void eliminate(V* a, std::int64_t n, std::int64_t k, std::int64_t i, V reciprocal) {
  const V* pivot_row = a + k * n;
  V factors[R];
  for (int r = 0; r < R; ++r) {
    V& entry = a[(i + r) * n + k];
    entry = factors[r] = entry * reciprocal;
    factors[r] = -factors[r];
  }
  for (std::int64_t j = k + 1; j < n; ++j)
    for (int r = 0; r < R; ++r) a[(i + r) * n + j] = plus_product(a[(i + r) * n + j], factors[r], pivot_row[j]);
}

// T is the number that V is made of. pivots[k]: the row exchanged with row k before step k.
template <class T, class V>
BRENIER_INLINE void factor_lu(V* a, V* pivots, std::int64_t n) {
  constexpr auto lanes = static_cast<std::int64_t>(sizeof(V) / sizeof(T));
  for (std::int64_t k = 0; k < n; ++k) {
    pivots[k] = find_pivot(a, n, k);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const auto row = static_cast<std::int64_t>(reinterpret_cast<const T*>(pivots + k)[lane]);
      if (row != k) exchange_rows(reinterpret_cast<T*>(a) + lane, n, lanes, k, row);
    }
    const V pivot = a[k * n + k];
    const V reciprocal = select(pivot == V(0), V(1), V(1) / pivot);
    std::int64_t i = k + 1;
    for (; i + 4 <= n; i += 4) eliminate<4>(a, n, k, i, reciprocal);
    for (; i < n; ++i) eliminate<1>(a, n, k, i, reciprocal);
  }
}

// P A = L U with row interchanges, one column after the other, in place.
//
// V is a number, or a pack whose lanes are different matrices: every lane has its own pivots, and lanes exchange their
// rows one by one. The pivot is the first of the largest in its column; one that is 0 leaves its column as it is, and U
// singular (Golub & Van Loan 2013, section 3.4). Needs engine/ops/substitution-inl.h.

// Exchanges `count` numbers, `step` apart.
template <class T>
BRENIER_INLINE void exchange_rows(T* a, T* b, std::int64_t count, std::int64_t step) {
  for (std::int64_t k = 0; k < count * step; k += step) {
    const T kept = a[k];
    a[k] = b[k];
    b[k] = kept;
  }
}

// The row of the largest entry of column k from row k on.
template <class V>
BRENIER_INLINE V find_pivot(const Strided<V>& a, std::int64_t n, std::int64_t k) {
  V best = abs(a.at(k, k)), row = V(static_cast<double>(k));
  for (std::int64_t i = k + 1; i < n; ++i) {
    const V size = abs(a.at(i, k));
    const auto larger = size > best;
    best = select(larger, size, best);
    row = select(larger, V(static_cast<double>(i)), row);
  }
  return row;
}

// Rows i … i + R - 1 less their multiples of row k; the factors stay in column k.
template <int R, class V>
BRENIER_INLINE void eliminate(const Strided<V>& a, std::int64_t n, std::int64_t k, std::int64_t i, V reciprocal) {
  V factors[R];
  BRENIER_UNROLL
  for (int r = 0; r < R; ++r) {
    const V factor = a.at(i + r, k) * reciprocal;
    a.at(i + r, k) = factor;
    factors[r] = -factor;
  }
  for (std::int64_t j = k + 1; j < n; ++j) {
    const V pivot = a.at(k, j);
    BRENIER_UNROLL
    for (int r = 0; r < R; ++r) a.at(i + r, j) = plus_product(a.at(i + r, j), factors[r], pivot);
  }
}

// T is the number that V is made of; rows are contiguous. pivots[k]: the row exchanged with row k before step k.
template <class T, class V>
BRENIER_INLINE void factor_lu(const Strided<V>& a, V* pivots, std::int64_t n) {
  constexpr auto lanes = static_cast<std::int64_t>(sizeof(V) / sizeof(T));
  for (std::int64_t k = 0; k < n; ++k) {
    pivots[k] = find_pivot(a, n, k);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const auto row = static_cast<std::int64_t>(reinterpret_cast<const T*>(pivots + k)[lane]);
      if (row != k)
        exchange_rows(reinterpret_cast<T*>(&a.at(k, 0)) + lane, reinterpret_cast<T*>(&a.at(row, 0)) + lane, n, lanes);
    }
    const V pivot = a.at(k, k);
    const V reciprocal = select(pivot == V(0), V(1), V(1) / pivot);
    std::int64_t i = k + 1;
    for (; i + 4 <= n; i += 4) eliminate<4>(a, n, k, i, reciprocal);
    for (; i < n; ++i) eliminate<1>(a, n, k, i, reciprocal);
  }
}

// Triangular systems by substitution, R rows and C right-hand sides at a time.
//
//   down:  x_i = (b_i - Σ_{k<i} l_ik x_k) / l_ii        up:  x_i = (b_i - Σ_{k>i} u_ik x_k) / u_ii
//
// V is what a right-hand side is made of and E what the factor is made of: a number, or a pack. Lanes of a pack are
// different matrices where both are packs, and different columns where only V is one. The sums of R x C unknowns stay
// in registers while both run through memory once: R + C loads for R C multiply-adds. Right-hand sides are rows of C
// numbers.
//
// Every unknown is a sum in ascending (down) or descending (up) order of k, whatever R, C, V and E.

template <class V>
BRENIER_INLINE V plus_product(V sum, V a, V b) {
  if constexpr (std::is_floating_point_v<V>) {
#ifdef __CUDA_ARCH__
    return fma(a, b, sum);
#else
    return a * b + sum;
#endif
  } else {
    return fma(a, b, sum);
  }
}

// A matrix with any strides.
template <class E>
struct Strided {
  E* data;
  std::int64_t row, col;
  BRENIER_INLINE E& at(std::int64_t i, std::int64_t j) const { return data[i * row + j * col]; }
  BRENIER_INLINE Strided transposed() const { return {data, col, row}; }
  BRENIER_INLINE Strided<const E> read_only() const { return {data, row, col}; }
};

// sums += f b
template <int C, class V>
BRENIER_INLINE void add_scaled(V (&sums)[C], V f, const V* b) {
  BRENIER_UNROLL
  for (int c = 0; c < C; ++c) sums[c] = plus_product(sums[c], f, b[c]);
}

// sums += (R numbers, `step` apart) x (C numbers, `b_step` apart)
template <int R, int C, class V, class E>
BRENIER_INLINE void add_outer(V (&sums)[R][C], const E* factor, std::int64_t step, const V* b,
                              std::int64_t b_step = 1) {
  V x[C];
  BRENIER_UNROLL
  for (int c = 0; c < C; ++c) x[c] = b[c * b_step];
  BRENIER_UNROLL
  for (int r = 0; r < R; ++r) {
    const V f = V(factor[r * step]);
    BRENIER_UNROLL
    for (int c = 0; c < C; ++c) sums[r][c] = plus_product(sums[r][c], f, x[c]);
  }
}

template <int R, int C, class V>
BRENIER_INLINE void clear(V (&sums)[R][C]) {
  BRENIER_UNROLL
  for (int r = 0; r < R; ++r) {
    BRENIER_UNROLL
    for (int c = 0; c < C; ++c) sums[r][c] = V(0);
  }
}

// x = (x - sums) reciprocal, where null stands for 1.
template <int C, class V, class E>
BRENIER_INLINE void finish_row(V* x, const V (&sums)[C], const E* reciprocal) {
  BRENIER_UNROLL
  for (int c = 0; c < C; ++c) {
    const V rest = x[c] - sums[c];
    x[c] = reciprocal ? rest * V(*reciprocal) : rest;
  }
}

// Rows begin … end - 1, a multiple of R of them, with terms from k = first on. `reciprocals`, of the diagonal, are
// null where that is 1.
template <int R, int C, class V, class E>
BRENIER_INLINE void solve_down(const Strided<const E>& l, const E* reciprocals, std::int64_t first, std::int64_t begin,
                               std::int64_t end, V* b) {
  for (std::int64_t i = begin; i < end; i += R) {
    const E* factor = &l.at(i, 0);
    V sums[R][C];
    clear(sums);
    for (std::int64_t k = first; k < i; ++k) add_outer(sums, factor + k * l.col, l.row, b + k * C);
    V* x = b + i * C;
    BRENIER_UNROLL
    for (int r = 0; r < R; ++r) {
      BRENIER_UNROLL
      for (int q = 0; q < r; ++q) add_scaled(sums[r], V(factor[r * l.row + (i + q) * l.col]), x + q * C);
      finish_row(x + r * C, sums[r], reciprocals ? reciprocals + i + r : nullptr);
    }
  }
}

// Rows end - 1 … begin, with terms from k = last - 1 down.
template <int R, int C, class V, class E>
BRENIER_INLINE void solve_up(const Strided<const E>& u, const E* reciprocals, std::int64_t last, std::int64_t begin,
                             std::int64_t end, V* b) {
  for (std::int64_t i = end - R; i >= begin; i -= R) {
    const E* factor = &u.at(i, 0);
    V sums[R][C];
    clear(sums);
    for (std::int64_t k = last - 1; k >= i + R; --k) add_outer(sums, factor + k * u.col, u.row, b + k * C);
    V* x = b + i * C;
    BRENIER_UNROLL
    for (int r = R - 1; r >= 0; --r) {
      BRENIER_UNROLL
      for (int q = R - 1; q > r; --q) add_scaled(sums[r], V(factor[r * u.row + (i + q) * u.col]), x + q * C);
      finish_row(x + r * C, sums[r], reciprocals ? reciprocals + i + r : nullptr);
    }
  }
}

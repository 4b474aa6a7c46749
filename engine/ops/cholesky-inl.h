// The Cholesky factor of a matrix in panels, its inverse, and the inverse of the matrix; R rows at a time.
//
//   L_ij = (A_ij - Σ_{k<j} L_ik L_jkᵀ) L_jjᵀ⁻¹ for blocks of R x R        (Golub & Van Loan 2013, section 4.2)
//   A⁻¹ = L⁻ᵀ L⁻¹, where L⁻¹ solves L X = I
//
// V is a number, or a pack whose lanes are different matrices. Needs engine/ops/substitution-inl.h.

// The square root of a pivot: NaN unless it is positive, and then all that follows is NaN too.
template <class V>
BRENIER_INLINE V root_of_pivot(V d) {
  return select(d > V(0), sqrt(d), V(std::numeric_limits<double>::quiet_NaN()));
}

// sums += the products of R rows of one panel with R rows of another over k = first … last - 1.
template <int R, class V>
BRENIER_INLINE void add_products(V (&sums)[R][R], const V* rows, const V* cols, std::int64_t first, std::int64_t last) {
  for (std::int64_t k = first; k < last; ++k) add_outer(sums, rows + k * R, 1, cols + k * R);
}

// The lower triangle of a block, entry (r, c) at block[c * R + r], replaced by its factor; zeros above.
template <int R, class V>
BRENIER_INLINE void factor_block(V* block, V* reciprocals) {
  for (int c = 0; c < R; ++c) {
    for (int r = 0; r < c; ++r) block[c * R + r] = V(0);
    const V root = root_of_pivot(block[c * R + c]);
    reciprocals[c] = V(1) / root;
    block[c * R + c] = root;
    for (int r = c + 1; r < R; ++r) {
      block[c * R + r] = block[c * R + r] * reciprocals[c];
      for (int q = c + 1; q <= r; ++q) block[q * R + r] = block[q * R + r] - block[c * R + r] * block[c * R + q];
    }
  }
}

// block = block L^T⁻¹ for the factor of a diagonal block.
template <int R, class V>
BRENIER_INLINE void divide_block(V* block, const V* factor, const V* reciprocals) {
  for (int c = 0; c < R; ++c)
    for (int r = 0; r < R; ++r) {
      V sum = V(0);
      for (int q = 0; q < c; ++q) sum = plus_product(sum, block[q * R + r], factor[q * R + c]);
      block[c * R + r] = (block[c * R + r] - sum) * reciprocals[c];
    }
}

// The lower triangle replaced by the factor; reciprocals of its diagonal. Blocks above the diagonal are not touched.
template <int R, class V>
BRENIER_INLINE void factor_panels(const Panels<V, R>& a, V* reciprocals) {
  for (std::int64_t j = 0; j < a.size; j += R)
    for (std::int64_t i = j; i < a.size; i += R) {
      V sums[R][R];
      clear(sums);
      add_products<R>(sums, a.panel(i), a.panel(j), 0, j);
      V* block = a.panel(i) + j * R;
      for (int c = 0; c < R; ++c)
        for (int r = 0; r < R; ++r) block[c * R + r] = block[c * R + r] - sums[r][c];
      if (i == j)
        factor_block<R>(block, reciprocals + j);
      else
        divide_block<R>(block, a.panel(j) + j * R, reciprocals + j);
    }
}

// The reciprocals of the diagonal of a factor.
template <int R, class V>
BRENIER_INLINE void invert_diagonal(const Panels<V, R>& l, V* reciprocals) {
  for (std::int64_t i = 0; i < l.size; ++i) reciprocals[i] = V(1) / l.at(i, i);
}

// The lower triangle of L replaced by that of (L Lᵀ)⁻¹. `columns`, as large as L, holds L⁻¹ afterwards: R columns after
// another, each row of them together.
template <int R, class V>
BRENIER_INLINE void invert_factored(const Panels<V, R>& l, const V* reciprocals, V* columns) {
  for (std::int64_t j = 0; j < l.size; j += R) {
    V* x = columns + j * l.size;
    for (std::int64_t i = j; i < l.size; ++i)
      for (int c = 0; c < R; ++c) x[i * R + c] = V(i == j + c ? 1 : 0);
    solve_down<R, R>(l, reciprocals, j, j, l.size, x);
  }
  for (std::int64_t i = 0; i < l.size; i += R)
    for (std::int64_t j = 0; j <= i; j += R) {
      V sums[R][R];
      clear(sums);
      add_products<R>(sums, columns + i * l.size, columns + j * l.size, i, l.size);
      for (int c = 0; c < R; ++c)
        for (int r = 0; r < R; ++r) l.panel(i)[(j + c) * R + r] = sums[r][c];
    }
}

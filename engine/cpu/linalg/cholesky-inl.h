// The Cholesky factor of a matrix, its inverse, and the inverse of the matrix; R rows at a time.
//
//   L_ij = (A_ij - Σ_{k<j} L_ik L_jkᵀ) L_jjᵀ⁻¹ for blocks of R x R        (Golub & Van Loan 2013, section 4.2)
//   A⁻¹ = L⁻ᵀ L⁻¹, where L⁻¹ solves L X = I
//
// V is a number, or a pack whose lanes are different matrices. The order `size` is a multiple of R. Needs
// engine/ops/substitution-inl.h.

// The square root of a pivot: NaN unless it is positive, and then all that follows is NaN too.
template <class V>
BRENIER_INLINE V root_of_pivot(V d) {
  return select(d > V(0), sqrt(d), V(std::numeric_limits<double>::quiet_NaN()));
}

// A block of R x R numbers in registers.
template <int R, class V>
struct Block {
  V of[R][R];
  BRENIER_INLINE void load(const Strided<V>& a, std::int64_t i, std::int64_t j) {
    BRENIER_UNROLL
    for (int r = 0; r < R; ++r) {
      BRENIER_UNROLL
      for (int c = 0; c < R; ++c) of[r][c] = a.at(i + r, j + c);
    }
  }
  BRENIER_INLINE void store(const Strided<V>& a, std::int64_t i, std::int64_t j) const {
    BRENIER_UNROLL
    for (int r = 0; r < R; ++r) {
      BRENIER_UNROLL
      for (int c = 0; c < R; ++c) a.at(i + r, j + c) = of[r][c];
    }
  }
};

// The lower triangle replaced by its factor, with zeros above; reciprocals of the diagonal.
template <int R, class V>
BRENIER_INLINE void factor_block(Block<R, V>& block, V* reciprocals) {
  auto& x = block.of;
  BRENIER_UNROLL
  for (int c = 0; c < R; ++c) {
    const V root = root_of_pivot(x[c][c]), reciprocal = V(1) / root;
    reciprocals[c] = reciprocal;
    x[c][c] = root;
    BRENIER_UNROLL
    for (int r = 0; r < c; ++r) x[r][c] = V(0);
    BRENIER_UNROLL
    for (int r = c + 1; r < R; ++r) x[r][c] = x[r][c] * reciprocal;
    BRENIER_UNROLL
    for (int r = c + 1; r < R; ++r) {
      BRENIER_UNROLL
      for (int q = c + 1; q <= r; ++q) x[r][q] = plus_product(x[r][q], -x[r][c], x[q][c]);
    }
  }
}

// block = block L^T⁻¹ for the factor on the diagonal at (j, j).
template <int R, class V>
BRENIER_INLINE void divide_block(Block<R, V>& block, const Strided<V>& l, std::int64_t j, const V* reciprocals) {
  auto& x = block.of;
  BRENIER_UNROLL
  for (int c = 0; c < R; ++c) {
    BRENIER_UNROLL
    for (int q = 0; q < c; ++q) {
      const V factor = -l.at(j + c, j + q);
      BRENIER_UNROLL
      for (int r = 0; r < R; ++r) x[r][c] = plus_product(x[r][c], x[r][q], factor);
    }
    BRENIER_UNROLL
    for (int r = 0; r < R; ++r) x[r][c] = x[r][c] * reciprocals[j + c];
  }
}

// The lower triangle replaced by the factor; what blocks on the diagonal have above it becomes 0, blocks above are not
// touched.
template <int R, class V>
BRENIER_INLINE void factor_in_place(const Strided<V>& a, std::int64_t size, V* reciprocals) {
  for (std::int64_t j = 0; j < size; j += R)
    for (std::int64_t i = j; i < size; i += R) {
      V sums[R][R];
      clear(sums);
      for (std::int64_t k = 0; k < j; ++k) add_outer(sums, &a.at(i, k), a.row, &a.at(j, k), a.row);
      Block<R, V> block;
      block.load(a, i, j);
      BRENIER_UNROLL
      for (int r = 0; r < R; ++r) {
        BRENIER_UNROLL
        for (int c = 0; c < R; ++c) block.of[r][c] = block.of[r][c] - sums[r][c];
      }
      if (i == j)
        factor_block(block, reciprocals + j);
      else
        divide_block(block, a, j, reciprocals);
      block.store(a, i, j);
    }
}

// L replaced by (L Lᵀ)⁻¹, both triangles. `columns` has room for size² numbers and holds L⁻¹ afterwards: R columns
// after another, each row of them together.
template <int R, class V>
BRENIER_INLINE void invert_factored(const Strided<V>& l, std::int64_t size, const V* reciprocals, V* columns) {
  for (std::int64_t j = 0; j < size; j += R) {
    V* x = columns + j * size;
    for (std::int64_t i = j; i < size; ++i)
      for (int c = 0; c < R; ++c) x[i * R + c] = V(i == j + c ? 1 : 0);
    solve_down<R, R>(l.read_only(), reciprocals, j, j, size, x);
  }
  for (std::int64_t i = 0; i < size; i += R)
    for (std::int64_t j = 0; j <= i; j += R) {
      const V *rows = columns + i * size, *cols = columns + j * size;
      V sums[R][R];
      clear(sums);
      for (std::int64_t k = i; k < size; ++k) add_outer(sums, rows + k * R, 1, cols + k * R);
      BRENIER_UNROLL
      for (int r = 0; r < R; ++r) {
        BRENIER_UNROLL
        for (int c = 0; c < R; ++c) l.at(i + r, j + c) = l.at(j + c, i + r) = sums[r][c];
      }
    }
}

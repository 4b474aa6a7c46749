// Eigenvalues and eigenvectors of one symmetric matrix of numbers of type T.
//
// Householder reflections make the matrix tridiagonal, A = Q T Qᵀ, and implicit QL steps with Wilkinson's shift make
// that diagonal (Golub & Van Loan 2013, sections 8.3.1 and 8.3.3; Bowdler, Martin, Reinsch & Wilkinson 1968). The
// matrix is first scaled by a power of two to entries of size one. All inner loops run along rows; eigenvectors are
// rows here.

template <class T>
struct EigenWork {
  T* matrix;    // [n, n]
  T* vectors;   // [n, cols]: rows that the rotations act on
  T* diagonal;  // [n]
  T* beside;    // [n]: beside[i] couples i and i + 1
  T* row;       // [n]
  std::int64_t n, cols;
};

// to += f from
template <class T>
BRENIER_INLINE void add_multiple(T* __restrict to, T f, const T* __restrict from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += f * from[i];
}

// The power of two that brings `largest` to [1, 2): its exponent, negative. 0 for 0.
template <class T>
BRENIER_INLINE int scaling_exponent(T largest) {
  return largest > T(0) ? -std::ilogb(largest) : 0;
}

// The reflection I - beta v vᵀ that turns x into (-/+ |x|, 0, …), with v in the place of x. Returns beta and the new
// first entry; beta is 0 where there is nothing to do.
template <class T>
struct Reflection {
  T beta, first;
};
template <class T>
BRENIER_INLINE Reflection<T> make_reflection(T* x, std::int64_t count) {
  T rest = T(0);
  for (std::int64_t i = 1; i < count; ++i) rest += x[i] * x[i];
  // Below this it has lost digits; what it stands for is below a rounding error of the largest entry.
  if (!(rest > std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon())) return {T(0), x[0]};
  const T length = sqrt(x[0] * x[0] + rest);
  const T first = x[0] > T(0) ? -length : length;
  const T beta = T(1) / (length * (length + abs(x[0])));
  x[0] -= first;
  return {beta, first};
}

// The trailing block [count, count] becomes H block H for a reflection H; `work` has room for a row.
template <class T>
BRENIER_INLINE void reflect_both_sides(T* block, std::int64_t stride, std::int64_t count, const T* v, T beta,
                                       T* __restrict work) {
  for (std::int64_t j = 0; j < count; ++j) work[j] = T(0);
  for (std::int64_t i = 0; i < count; ++i) add_multiple(work, beta * v[i], block + i * stride, count);
  T inner = T(0);
  for (std::int64_t j = 0; j < count; ++j) inner += work[j] * v[j];
  add_multiple(work, -T(0.5) * beta * inner, v, count);
  for (std::int64_t i = 0; i < count; ++i) {
    T* __restrict row = block + i * stride;
    const T vi = v[i], wi = work[i];
    for (std::int64_t j = 0; j < count; ++j) row[j] -= vi * work[j] + wi * v[j];
  }
}

// The matrix to tridiagonal form; reflection k stays in row k, right of the diagonal, and its beta in `betas`.
template <class T>
BRENIER_INLINE void tridiagonalize(const EigenWork<T>& w, T* betas) {
  for (std::int64_t k = 0; k + 1 < w.n; ++k) {
    T* v = w.matrix + k * w.n + k + 1;
    const Reflection<T> reflection = make_reflection(v, w.n - k - 1);
    betas[k] = reflection.beta;
    w.beside[k] = reflection.first;
    if (reflection.beta != T(0))
      reflect_both_sides(w.matrix + (k + 1) * (w.n + 1), w.n, w.n - k - 1, v, reflection.beta, w.row);
  }
  for (std::int64_t k = 0; k < w.n; ++k) w.diagonal[k] = w.matrix[k * (w.n + 1)];
}

// The product of the reflections, applied to the identity from the last to the first. Its transpose, in `vectors`.
template <class T>
BRENIER_INLINE void collect_reflections(const EigenWork<T>& w, const T* betas, T* __restrict q) {
  const std::int64_t n = w.n;
  for (std::int64_t i = 0; i < n * n; ++i) q[i] = T(0);
  for (std::int64_t i = 0; i < n; ++i) q[i * (n + 1)] = T(1);
  for (std::int64_t k = n - 2; k >= 0; --k) {
    if (betas[k] == T(0)) continue;
    const T* v = w.matrix + k * n + k + 1;
    const std::int64_t count = n - k - 1;
    T* block = q + (k + 1) * (n + 1);
    for (std::int64_t j = 0; j < count; ++j) w.row[j] = T(0);
    for (std::int64_t i = 0; i < count; ++i) add_multiple(w.row, v[i], block + i * n, count);
    for (std::int64_t i = 0; i < count; ++i) add_multiple(block + i * n, -betas[k] * v[i], w.row, count);
  }
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) w.vectors[j * n + i] = q[i * n + j];
}

// Rows i and i + 1 of the eigenvectors turned by the angle with this cosine and sine.
template <class T>
BRENIER_INLINE void turn_rows(const EigenWork<T>& w, std::int64_t i, T c, T s) {
  T* __restrict upper = w.vectors + i * w.cols;
  T* __restrict lower = upper + w.cols;
  for (std::int64_t j = 0; j < w.cols; ++j) {
    const T a = upper[j], b = lower[j];
    lower[j] = s * a + c * b;
    upper[j] = c * a - s * b;
  }
}

// The angle that turns (g, f) to (r, 0), without squaring numbers that are too small for it. Returns r, up to its sign.
template <class T>
BRENIER_INLINE T turn_to_axis(T f, T g, T& c, T& s) {
  if (abs(g) <= abs(f)) {
    const T ratio = g / f, root = sqrt(ratio * ratio + T(1));
    s = T(1) / root;
    c = ratio * s;
    return f * root;
  }
  const T ratio = f / g, root = sqrt(ratio * ratio + T(1));
  c = T(1) / root;
  s = ratio * c;
  return g * root;
}

// One implicit QL step on rows first … last of an unreduced tridiagonal matrix.
template <class T>
BRENIER_INLINE void ql_step(const EigenWork<T>& w, std::int64_t first, std::int64_t last) {
  T *d = w.diagonal, *e = w.beside;
  // Wilkinson's shift: the eigenvalue of the leading 2 x 2 block that is nearer to its first entry.
  const T half_gap = (d[first + 1] - d[first]) / (T(2) * e[first]);
  const T length = sqrt(half_gap * half_gap + T(1));
  T g = d[last] - d[first] + e[first] / (half_gap + (half_gap < T(0) ? -length : length));
  T s = T(1), c = T(1), p = T(0);
  for (std::int64_t i = last - 1; i >= first; --i) {
    const T f = s * e[i], b = c * e[i];
    if (f == T(0) && g == T(0)) {  // the matrix has come apart here
      e[i + 1] = T(0);
      d[i + 1] -= p;
      e[last] = T(0);
      return;
    }
    e[i + 1] = turn_to_axis(f, g, c, s);
    g = d[i + 1] - p;
    const T t = (d[i] - g) * s + T(2) * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    turn_rows(w, i, c, s);
  }
  d[first] -= p;
  e[first] = g;
  e[last] = T(0);
}

// The end of the unreduced part that begins with row `first`: couplings too small beside their neighbours, or not above
// `floor`, are taken for 0.
template <class T>
BRENIER_INLINE std::int64_t end_of_part(const EigenWork<T>& w, std::int64_t first, T floor) {
  std::int64_t m = first;
  for (; m + 1 < w.n; ++m) {
    const T size = abs(w.diagonal[m]) + abs(w.diagonal[m + 1]);
    if (abs(w.beside[m]) <= std::numeric_limits<T>::epsilon() * size + floor) break;
  }
  return m;
}

// Tridiagonal to diagonal; false if some eigenvalue took more than 60 steps, which only numbers that are not finite do.
// Small eigenvalues of a graded matrix come out accurately as long as couplings are compared with their neighbours alone.
// In a matrix of low rank those neighbours are rounding errors of the large entries, stirred up by every step: after 20
// steps a coupling is dropped if it is within the rounding of the whole matrix, whose largest entry is in [1, 2).
template <class T>
BRENIER_INLINE bool diagonalize(const EigenWork<T>& w) {
  constexpr int kMostSteps = 60, kPatience = 20;
  if (w.n > 0) w.beside[w.n - 1] = T(0);
  for (std::int64_t i = 0; i < w.n; ++i) {
    T floor = std::numeric_limits<T>::min();
    std::int64_t last = end_of_part(w, i, floor);
    for (int steps = 0; last != i; last = end_of_part(w, i, floor)) {
      if (++steps > kMostSteps) return false;
      if (steps > kPatience) floor = std::numeric_limits<T>::epsilon();
      ql_step(w, i, last);
    }
  }
  return true;
}

// The number of eigenvalues that come before number i: ties in the order in which they stand.
template <class T>
BRENIER_INLINE std::int64_t rank_of(const T* values, std::int64_t n, std::int64_t i) {
  std::int64_t before = 0;
  for (std::int64_t j = 0; j < n; ++j)
    if (values[j] < values[i] || (values[j] == values[i] && j < i)) ++before;
  return before;
}

// Eigenvalues scaled back and eigenvectors as columns, [1 + cols, n], ascending; NaN if `valid` is false.
template <class T>
BRENIER_INLINE void write_eigen(const EigenWork<T>& w, int exponent, bool valid, T* out) {
  for (std::int64_t i = 0; i < w.n; ++i) {
    const std::int64_t column = valid ? rank_of(w.diagonal, w.n, i) : i;
    const T nan = std::numeric_limits<T>::quiet_NaN();
    out[column] = valid ? static_cast<T>(std::scalbn(w.diagonal[i], exponent)) : nan;
    for (std::int64_t j = 0; j < w.cols; ++j) out[(j + 1) * w.n + column] = valid ? w.vectors[i * w.cols + j] : nan;
  }
}

// The largest size among `count` numbers, NaN if one is; the size of infinity is NaN too.
template <class T>
BRENIER_INLINE T largest_size(const T* x, std::int64_t count) {
  T largest = T(0);
  for (std::int64_t i = 0; i < count; ++i) {
    const T size = abs(x[i]) - T(0) * x[i];
    if (!(size <= largest)) largest = size;
    if (size != size) break;
  }
  return largest;
}

// w.matrix holds the matrix, w.cols is w.n; `spare` has room for n² + n numbers.
template <class T>
BRENIER_INLINE void symmetric_eigen(const EigenWork<T>& w, T* spare, T* out) {
  const T largest = largest_size(w.matrix, w.n * w.n);
  if (largest != largest) return write_eigen(w, 0, false, out);
  const int exponent = scaling_exponent(largest);
  for (std::int64_t i = 0; i < w.n * w.n; ++i) w.matrix[i] = static_cast<T>(std::scalbn(w.matrix[i], exponent));
  tridiagonalize(w, spare);
  collect_reflections(w, spare, spare + w.n);
  write_eigen(w, -exponent, diagonalize(w), out);
}

// w.diagonal and w.beside hold the matrix, w.cols is 1: the first components, not negative.
template <class T>
BRENIER_INLINE void tridiagonal_eigen(const EigenWork<T>& w, T* out) {
  const T a = largest_size(w.diagonal, w.n), b = largest_size(w.beside, w.n - 1);
  if (a != a || b != b) return write_eigen(w, 0, false, out);
  const int exponent = scaling_exponent(a > b ? a : b);
  for (std::int64_t i = 0; i < w.n; ++i) {
    w.diagonal[i] = static_cast<T>(std::scalbn(w.diagonal[i], exponent));
    if (i + 1 < w.n) w.beside[i] = static_cast<T>(std::scalbn(w.beside[i], exponent));
    w.vectors[i] = T(i == 0 ? 1 : 0);
  }
  const bool valid = diagonalize(w);
  for (std::int64_t i = 0; i < w.n; ++i) w.vectors[i] = abs(w.vectors[i]);
  write_eigen(w, -exponent, valid, out);
}

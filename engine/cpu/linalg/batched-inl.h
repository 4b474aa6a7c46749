// Small matrices, n <= kLargestInLanes: as many at a time as a pack has lanes, one in each. See lanes-inl.h.
//
// Every lane goes through the same instructions, so a result depends on its matrix alone. Matrices are copied to
// memory of the thread, filled up with the identity to whole blocks.

inline constexpr std::int64_t kLargestInLanes = 64;
// What reading and writing an entry takes, in multiply-adds.
inline constexpr std::int64_t kCopyTerms = 8;

// Room for a matrix of m rows in packs, row-major. Rows are an odd number of packs apart, or columns would all fall
// into the same sets of the cache.
inline std::int64_t lane_row(std::int64_t m) { return m | 1; }
inline std::int64_t lane_size(std::int64_t m) { return m * lane_row(m); }
template <class V>
Strided<V> lane_matrix(V* data, std::int64_t m) {
  return {data, lane_row(m), 1};
}

// Beyond n x n the identity, m x m in all.
template <class V>
void fill_up(const Strided<V>& a, std::int64_t n, std::int64_t m) {
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = i < n ? n : 0; j < m; ++j) a.at(i, j) = V(i == j ? 1 : 0);
}

template <class T>
void read_matrix(const LaneMatrices<T, const T>& from, const Strided<Number<T>>& a, std::int64_t rows,
                 std::int64_t cols) {
  for (std::int64_t i = 0; i < rows; ++i) read_row<T>(from, i, 0, cols, &a.at(i, 0));
}

// The symmetric part, in the lower triangle.
template <class T>
void read_symmetric(const LaneMatrices<T, const T>& from, const Strided<Number<T>>& a, std::int64_t n) {
  read_matrix<T>(from.col == 1 ? from : from.transposed(), a, n, n);
  for (std::int64_t i = 1; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) a.at(i, j) = (a.at(i, j) + a.at(j, i)) * Number<T>(0.5);
}

// The lower triangle.
template <class T>
void read_lower(const LaneMatrices<T, const T>& from, const Strided<Number<T>>& l, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) read_row<T>(from, i, 0, i + 1, &l.at(i, 0));
}

// Outputs are row-major.
template <class T>
LaneMatrices<T, T> lane_results(Tensor& output, std::int64_t begin, int active) {
  const std::int64_t size = output.shape()[-1] * output.shape()[-2];
  LaneMatrices<T, T> result{{}, output.shape()[-1], 1};
  for (int lane = 0; lane < active; ++lane)
    result.first[static_cast<std::size_t>(lane)] = output.mutable_data<T>() + (begin + lane) * size;
  return result;
}

template <class T, int R>
void cholesky_in_lanes(const KernelCall& call) {
  using V = Number<T>;
  const Tensor& input = *call.inputs[0];
  const std::int64_t n = input.shape()[-1], m = rounded_up(n, R), matrices = input.size() / (n * n);
  const BatchOffsets offsets = batch_offsets(input, batch_shape(input));
  for_each_group<T>(matrices, n * n * (n / 6 + kCopyTerms) * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* reciprocals = work_numbers<V>(Scratch::Factor, lane_size(m) + m);
    const Strided<V> a = lane_matrix(reciprocals + m, m);
    read_symmetric<T>(lane_matrices<T>(input, offsets, begin, matrices), a, n);
    fill_up(a, n, m);
    factor_in_place<R>(a, m, reciprocals);
    const LaneMatrices<T, T> to = lane_results<T>(call.output, begin, active);
    for (std::int64_t i = 0; i < n; ++i) {
      std::fill(&a.at(i, i + 1), &a.at(i, n), V(0));
      write_row<T>(to, active, i, 0, n, &a.at(i, 0));
    }
  });
}

template <class T, int R>
void spd_inverse_in_lanes(const KernelCall& call) {
  using V = Number<T>;
  const Tensor& factor = *call.inputs[1];
  const std::int64_t n = factor.shape()[-1], m = rounded_up(n, R), matrices = factor.size() / (n * n);
  const BatchOffsets offsets = batch_offsets(factor, batch_shape(factor));
  for_each_group<T>(matrices, n * n * (n / 3 + kCopyTerms) * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* reciprocals = work_numbers<V>(Scratch::Factor, lane_size(m) + m * m + m);
    V* columns = reciprocals + m;
    const Strided<V> l = lane_matrix(columns + m * m, m);
    read_lower<T>(lane_matrices<T>(factor, offsets, begin, matrices), l, n);
    fill_up(l, n, m);
    for (std::int64_t i = 0; i < m; ++i) reciprocals[i] = V(1) / l.at(i, i);
    invert_factored<R>(l, m, reciprocals, columns);
    const LaneMatrices<T, T> to = lane_results<T>(call.output, begin, active);
    for (std::int64_t i = 0; i < n; ++i) write_row<T>(to, active, i, 0, n, &l.at(i, 0));
  });
}

// -- systems --

enum class System { Lower, Upper, Spd, Lu, LuTransposed };

// A factored matrix in packs: reciprocals of its diagonal, pivots if it has them, and the triangles that are read.
template <class V>
struct LaneFactor {
  Strided<V> matrix;
  V *reciprocals, *pivots;
};

template <class T>
void read_factor(System system, LaneMatrices<T, const T> from, const LaneFactor<Number<T>>& factor, std::int64_t n,
                 std::int64_t m) {
  using V = Number<T>;
  if (system == System::Lu || system == System::LuTransposed) read_row<T>(from, n, 0, n, factor.pivots);
  if (system == System::LuTransposed) from = from.transposed();
  const bool lower_only = system == System::Lower || system == System::Spd;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t first = system == System::Upper ? i : 0;
    read_row<T>(from, i, first, lower_only ? i + 1 : n, &factor.matrix.at(i, first));
  }
  fill_up(factor.matrix, n, m);
  for (std::int64_t i = 0; i < m; ++i) factor.reciprocals[i] = V(1) / factor.matrix.at(i, i);
}

// Exchanges rows of right-hand sides, in each lane by its own pivots; backwards for the transposed system.
template <class T, int C>
void exchange_in_lanes(Number<T>* b, const Number<T>* pivots, std::int64_t n, bool backwards) {
  constexpr std::int64_t lanes = kBatchLanes<T>;
  T* numbers = reinterpret_cast<T*>(b);
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t k = backwards ? n - 1 - step : step;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const auto row = static_cast<std::int64_t>(reinterpret_cast<const T*>(pivots + k)[lane]);
      if (row != k) exchange_rows(numbers + k * C * lanes + lane, numbers + row * C * lanes + lane, C, lanes);
    }
  }
}

// Unknowns beyond row n stay 0, whatever the others are.
template <class T, int C, int R>
void substitute(System system, const LaneFactor<Number<T>>& factor, std::int64_t n, std::int64_t m, Number<T>* b) {
  using V = Number<T>;
  const Strided<const V> f = factor.matrix.read_only();
  const V *const none = nullptr, *const reciprocals = factor.reciprocals;
  if (system == System::Lu) exchange_in_lanes<T, C>(b, factor.pivots, n, false);
  if (system != System::Upper) solve_down<R, C>(f, system == System::Lu ? none : reciprocals, 0, 0, m, b);
  std::fill(b + n * C, b + m * C, V(0));
  if (system == System::Spd) solve_up<R, C>(f.transposed(), reciprocals, m, 0, m, b);
  if (system == System::Upper || system == System::Lu) solve_up<R, C>(f, reciprocals, m, 0, m, b);
  if (system == System::LuTransposed) {
    solve_up<R, C>(f, none, m, 0, m, b);
    exchange_in_lanes<T, C>(b, factor.pivots, n, true);
  }
}

// Columns begin … end - 1, at most C, of the right-hand sides, or of the identity if they are null; zeros beside and
// below.
template <class T, int C>
void read_right_sides(const LaneMatrices<T, const T>* from, std::int64_t n, std::int64_t m, std::int64_t begin,
                      std::int64_t end, Number<T>* b) {
  using V = Number<T>;
  std::fill_n(b, m * C, V(0));
  for (std::int64_t i = begin; !from && i < end; ++i) b[i * C + i - begin] = V(1);
  if (!from) return;
  for (std::int64_t i = 0; i < n; ++i) read_row<T>(*from, i, begin, end, b + i * C);
}

// `right_sides` is null for the identity.
template <class T, int R, int C>
void solve_in_lanes(System system, const Tensor& factor, const Tensor* right_sides, Tensor& output) {
  using V = Number<T>;
  const std::int64_t n = output.shape()[-2], k = output.shape()[-1], m = rounded_up(n, R);
  const std::int64_t matrices = output.size() / (n * k);
  const Shape batch = batch_shape(output);
  const BatchOffsets factor_offsets = batch_offsets(factor, batch);
  const BatchOffsets right_offsets = right_sides ? batch_offsets(*right_sides, batch) : BatchOffsets{};
  for_each_group<T>(matrices, n * n * (k + kCopyTerms) * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* memory = work_numbers<V>(Scratch::Factor, 2 * m + m * C + lane_size(m));
    const LaneFactor<V> packed{lane_matrix(memory + 2 * m + m * C, m), memory, memory + m};
    V* b = memory + 2 * m;
    read_factor<T>(system, lane_matrices<T>(factor, factor_offsets, begin, matrices), packed, n, m);
    LaneMatrices<T, const T> given{};
    if (right_sides) given = lane_matrices<T>(*right_sides, right_offsets, begin, matrices);
    const LaneMatrices<T, T> to = lane_results<T>(output, begin, active);
    for (std::int64_t first = 0; first < k; first += C) {
      const std::int64_t last = std::min<std::int64_t>(first + C, k);
      read_right_sides<T, C>(right_sides ? &given : nullptr, n, m, first, last, b);
      substitute<T, C, R>(system, packed, n, m, b);
      for (std::int64_t i = 0; i < n; ++i) write_row<T>(to, active, i, first, last, b + i * C);
    }
  });
}

// -- factors with interchanges --

template <class T>
void lu_in_lanes(const KernelCall& call) {
  using V = Number<T>;
  const Tensor& input = *call.inputs[0];
  const std::int64_t n = input.shape()[-1], matrices = input.size() / (n * n);
  const BatchOffsets offsets = batch_offsets(input, batch_shape(input));
  for_each_group<T>(matrices, n * n * (n / 2 + kCopyTerms) * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* pivots = work_numbers<V>(Scratch::Factor, n + lane_size(n));
    const Strided<V> a = lane_matrix(pivots + n, n);
    read_matrix<T>(lane_matrices<T>(input, offsets, begin, matrices), a, n, n);
    factor_lu<T>(a, pivots, n);
    const LaneMatrices<T, T> to = lane_results<T>(call.output, begin, active);
    for (std::int64_t i = 0; i < n; ++i) write_row<T>(to, active, i, 0, n, &a.at(i, 0));
    write_row<T>(to, active, n, 0, n, pivots);
  });
}

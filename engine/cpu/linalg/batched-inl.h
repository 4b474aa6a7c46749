// Small matrices, n <= kLargestInLanes: as many at a time as a pack has lanes, one in each. See lanes-inl.h.
//
// Every lane goes through the same instructions, so a result depends on its matrix alone. Matrices are read into blocks in
// memory of the thread (Panels in engine/ops/substitution-inl.h), filled up with the identity to whole blocks.

inline constexpr std::int64_t kLargestInLanes = 64;

// Ones on the diagonal beyond row n, zeros beside them, and zeros in what blocks on the diagonal have above it.
template <class V, int R>
void fill_up(const Panels<V, R>& a, std::int64_t n) {
  for (std::int64_t i = 0; i < a.size; ++i) {
    for (std::int64_t j = i + 1; j < i / R * R + R; ++j) a.at(i, j) = V(0);
    if (i < n) continue;
    for (std::int64_t j = 0; j <= i; ++j) a.at(i, j) = V(i == j ? 1 : 0);
  }
}

// The symmetric part, in the lower triangle. An entry above the diagonal comes before the one it is added to.
template <class T, int R>
void read_symmetric(LaneMatrices<T, const T> from, const Panels<Number<T>, R>& a, std::int64_t n) {
  if (from.col != 1) from = from.transposed();
  for (std::int64_t i = 0; i < n; ++i)
    read_row<T>(from, i, 0, n, [&](std::int64_t row, std::int64_t j, Number<T> x) {
      if (j < row)
        a.at(row, j) = (a.at(row, j) + x) * Number<T>(0.5);
      else
        a.at(j, row) = x;
    });
  fill_up(a, n);
}

template <class T, int R>
void read_lower(const LaneMatrices<T, const T>& from, const Panels<Number<T>, R>& l, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    read_row<T>(from, i, 0, i + 1, [&](std::int64_t row, std::int64_t j, Number<T> x) { l.at(row, j) = x; });
  fill_up(l, n);
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
  for_each_group<T>(matrices, n * n * n / 6 * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* reciprocals = work_numbers<V>(Scratch::Factor, m * m + m);
    const Panels<V, R> a{reciprocals + m, m};
    read_symmetric<T>(lane_matrices<T>(input, offsets, begin, matrices), a, n);
    factor_panels<R>(a, reciprocals);
    const LaneMatrices<T, T> to = lane_results<T>(call.output, begin, active);
    for (std::int64_t i = 0; i < n; ++i)
      write_row<T>(to, active, i, 0, n,
                   [&](std::int64_t row, std::int64_t j) { return j <= row ? a.at(row, j) : V(0); });
  });
}

template <class T, int R>
void spd_inverse_in_lanes(const KernelCall& call) {
  using V = Number<T>;
  const Tensor& factor = *call.inputs[1];
  const std::int64_t n = factor.shape()[-1], m = rounded_up(n, R), matrices = factor.size() / (n * n);
  const BatchOffsets offsets = batch_offsets(factor, batch_shape(factor));
  for_each_group<T>(matrices, n * n * n / 3 * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* reciprocals = work_numbers<V>(Scratch::Factor, 2 * m * m + m);
    const Panels<V, R> l{reciprocals + m, m};
    read_lower<T>(lane_matrices<T>(factor, offsets, begin, matrices), l, n);
    invert_diagonal(l, reciprocals);
    invert_factored(l, reciprocals, l.data + m * m);
    const LaneMatrices<T, T> to = lane_results<T>(call.output, begin, active);
    for (std::int64_t i = 0; i < n; ++i)
      write_row<T>(to, active, i, 0, n,
                   [&](std::int64_t row, std::int64_t j) { return j <= row ? l.at(row, j) : l.at(j, row); });
  });
}

// -- systems --

// A lower and an upper triangular factor, one of which may be missing; reciprocals of their diagonals, null for ones.
template <class V, int R>
struct Factors {
  Panels<V, R> lower{}, upper{};
  const V *lower_reciprocals = nullptr, *upper_reciprocals = nullptr;
};

// Which factors there are and how right-hand sides are exchanged.
enum class System { Lower, Upper, Spd, Lu, LuTransposed };

template <class T, int R>
Factors<Number<T>, R> read_factors(System system, LaneMatrices<T, const T> from, Number<T>* memory, std::int64_t n,
                                   std::int64_t m) {
  using V = Number<T>;
  const Panels<V, R> lower{memory + m, m}, upper{memory + m + m * m, m};
  if (system == System::LuTransposed) from = from.transposed();
  const bool has_lower = system != System::Upper, has_upper = system != System::Lower;
  const bool mirrored = system == System::Spd;
  for (std::int64_t i = 0; i < n; ++i)
    read_row<T>(from, i, has_lower ? 0 : i, has_upper && !mirrored ? n : i + 1,
                [&](std::int64_t row, std::int64_t j, V x) {
                  if (j == row) memory[row] = V(1) / x;
                  if (j < row) lower.at(row, j) = x;
                  if (j < row && mirrored) upper.at(j, row) = x;
                  if (j > row) upper.at(row, j) = x;
                });
  // Beyond row n: nothing couples there. Diagonals are read from the reciprocals.
  for (std::int64_t i = n; i < m; ++i) {
    memory[i] = V(1);
    for (std::int64_t j = 0; j < i; ++j) lower.at(i, j) = upper.at(j, i) = V(0);
  }
  Factors<V, R> result;
  if (has_lower) result.lower = lower;
  if (has_upper) result.upper = upper;
  if (system != System::Lu) result.lower_reciprocals = memory;
  if (system != System::LuTransposed) result.upper_reciprocals = memory;
  return result;
}

// Exchanges rows of right-hand sides, in each lane by its own pivots; backwards for the transposed system.
template <class T, int C>
void exchange_in_lanes(Number<T>* b, const Number<T>* pivots, std::int64_t n, bool backwards) {
  constexpr std::int64_t lanes = kBatchLanes<T>;
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t k = backwards ? n - 1 - step : step;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const auto row = static_cast<std::int64_t>(reinterpret_cast<const T*>(pivots + k)[lane]);
      if (row != k) exchange_rows(reinterpret_cast<T*>(b) + lane, C, lanes, k, row);
    }
  }
}

// Unknowns beyond row n are 0, whatever the others are.
template <int C, int R, class V>
void substitute(const Factors<V, R>& factors, std::int64_t n, std::int64_t m, V* b) {
  if (factors.lower.data) solve_down<R, C>(factors.lower, factors.lower_reciprocals, 0, 0, m, b);
  std::fill(b + n * C, b + m * C, V(0));
  if (factors.upper.data) solve_up<R, C>(factors.upper, factors.upper_reciprocals, m, 0, m, b);
}

// Columns begin … begin + C - 1 of the right-hand sides solved for; those beyond the last are 0.
template <class T, int C, int R>
void solve_columns_in_lanes(System system, const Factors<Number<T>, R>& factors, const Number<T>* pivots,
                            const LaneMatrices<T, const T>* right_sides, const LaneMatrices<T, T>& to, int active,
                            std::int64_t n, std::int64_t m, std::int64_t begin, std::int64_t end, Number<T>* b) {
  using V = Number<T>;
  std::fill_n(b, m * C, V(0));
  for (std::int64_t i = 0; i < n; ++i) {
    if (right_sides)
      read_row<T>(*right_sides, i, begin, end,
                  [&](std::int64_t row, std::int64_t j, V x) { b[row * C + j - begin] = x; });
    else if (i >= begin && i < end)
      b[i * C + i - begin] = V(1);
  }
  if (system == System::Lu) exchange_in_lanes<T, C>(b, pivots, n, false);
  substitute<C>(factors, n, m, b);
  if (system == System::LuTransposed) exchange_in_lanes<T, C>(b, pivots, n, true);
  for (std::int64_t i = 0; i < n; ++i)
    write_row<T>(to, active, i, begin, end, [&](std::int64_t row, std::int64_t j) { return b[row * C + j - begin]; });
}

// `right_sides` is null for the identity.
template <class T, int R>
void solve_in_lanes(System system, const Tensor& factor, const Tensor* right_sides, Tensor& output) {
  using V = Number<T>;
  const std::int64_t n = output.shape()[-2], k = output.shape()[-1], m = rounded_up(n, R);
  const std::int64_t matrices = output.size() / (n * k);
  const Shape batch = batch_shape(output);
  const BatchOffsets factor_offsets = batch_offsets(factor, batch);
  const BatchOffsets right_offsets = right_sides ? batch_offsets(*right_sides, batch) : BatchOffsets{};
  const bool interchanges = system == System::Lu || system == System::LuTransposed;
  for_each_group<T>(matrices, n * n * k * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* memory = work_numbers<V>(Scratch::Factor, 2 * m * m + m + n + m * kBlockRows);
    V *pivots = memory + 2 * m * m + m, *b = pivots + n;
    const LaneMatrices<T, const T> from = lane_matrices<T>(factor, factor_offsets, begin, matrices);
    const Factors<V, R> factors = read_factors<T, R>(system, from, memory, n, m);
    if (interchanges) read_row<T>(from, n, 0, n, [&](std::int64_t, std::int64_t j, V x) { pivots[j] = x; });
    LaneMatrices<T, const T> given{};
    if (right_sides) given = lane_matrices<T>(*right_sides, right_offsets, begin, matrices);
    const LaneMatrices<T, T> to = lane_results<T>(output, begin, active);
    const auto solve = [&](auto width, std::int64_t first) {
      constexpr int columns = decltype(width)::value;
      solve_columns_in_lanes<T, columns, R>(system, factors, pivots, right_sides ? &given : nullptr, to, active, n, m,
                                            first, std::min<std::int64_t>(first + columns, k), b);
    };
    for (std::int64_t first = 0; first < k; first += k == 1 ? 1 : kBlockRows)
      k == 1 ? solve(std::integral_constant<int, 1>(), first) : solve(std::integral_constant<int, kBlockRows>(), first);
  });
}

// -- factors with interchanges --

template <class T>
void lu_in_lanes(const KernelCall& call) {
  using V = Number<T>;
  const Tensor& input = *call.inputs[0];
  const std::int64_t n = input.shape()[-1], matrices = input.size() / (n * n);
  const BatchOffsets offsets = batch_offsets(input, batch_shape(input));
  for_each_group<T>(matrices, n * n * n / 2 * kBatchLanes<T>, [&](std::int64_t begin, int active) {
    V* a = work_numbers<V>(Scratch::Factor, n * n + n);
    const LaneMatrices<T, const T> from = lane_matrices<T>(input, offsets, begin, matrices);
    for (std::int64_t i = 0; i < n; ++i)
      read_row<T>(from, i, 0, n, [&](std::int64_t row, std::int64_t j, V x) { a[row * n + j] = x; });
    factor_lu<T>(a, a + n * n, n);
    const LaneMatrices<T, T> to = lane_results<T>(call.output, begin, active);
    for (std::int64_t i = 0; i <= n; ++i)
      write_row<T>(to, active, i, 0, n, [&](std::int64_t row, std::int64_t j) { return a[row * n + j]; });
  });
}

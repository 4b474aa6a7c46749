// y_i = ln sum_j e^(s a_ij + v_j): one pass over each row of a, and nothing of the size of a is written.
//
// A row is cut into tiles. The exponents of a tile and the largest of them are computed first and stay in the L1 cache;
// then its terms are added relative to the largest exponent so far, to which the sum of earlier tiles is rescaled
// (Milakov & Gimelshein, Online normalizer calculation for softmax, 2018). A row fills the lanes of packs; where the
// columns of a are contiguous, each lane has a row. Rows are shared among threads, and a result depends on nothing but
// its row, the vector and the layout.

inline constexpr std::int64_t kExponentTile = 1024;
inline constexpr std::int64_t kExponentTerms = 16;  // what an element costs, in multiply-adds

// e_j = scale a_j + v_j, and -infinity behind the last one up to a whole pack. Returns the largest. e may be a.
template <class T>
T fill_exponents(T* e, const T* a, const T* v, T scale, std::int64_t n) {
  T largest = -std::numeric_limits<T>::infinity();
  if constexpr (kPacksCompute<T>) {
    constexpr std::int64_t lanes = kLanes<T>;
    Pack<T> high[2] = {Pack<T>(largest), Pack<T>(largest)};
    std::int64_t j = 0;
    for (; j + 2 * lanes <= n; j += 2 * lanes) {
      const Pack<T> x = fma(Pack<T>(scale), load(a + j), load(v + j));
      const Pack<T> y = fma(Pack<T>(scale), load(a + j + lanes), load(v + j + lanes));
      store(e + j, x);
      store(e + j + lanes, y);
      high[0] = max(high[0], x);
      high[1] = max(high[1], y);
    }
    for (; j < n; j += lanes) {
      const auto rest = static_cast<int>(std::min<std::int64_t>(lanes, n - j));
      const Pack<T> x = fma(Pack<T>(scale), load_part(a + j, rest), load_part(v + j, rest));
      store(e + j, Pack<T>(largest));
      store_part(e + j, x, rest);
      high[0] = max(high[0], load(e + j));
    }
    largest = combined_lanes(max(high[0], high[1]), [](Pack<T> a, Pack<T> b) { return max(a, b); });
  } else {
    for (std::int64_t j = 0; j < n; ++j) {
      e[j] = mul_add(scale, a[j], v[j]);
      largest = max(largest, e[j]);
    }
  }
  return largest;
}

// The sum of e^(e_j - shift). Packs of terms that are 0 are passed over, most of them where the exponents are large.
template <class T>
T sum_of_exponentials(const T* e, T shift, std::int64_t n) {
  if constexpr (kPacksCompute<T>) {
    Pack<T> sum(T(0));
    for (std::int64_t j = 0; j < n; j += kLanes<T>) {
      const Pack<T> x = load(e + j) - Pack<T>(shift);
      if (!exp_is_zero(x)) sum += exp(x);
    }
    return combined_lanes(sum, [](Pack<T> a, Pack<T> b) { return a + b; });
  } else {
    T sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += exp(e[j] - shift);
    return sum;
  }
}

// sum e^shift = the terms so far. An infinite exponent makes the sum 0 or infinite by itself, and NaN passes through it.
template <class T>
struct RunningSum {
  T largest = -std::numeric_limits<T>::infinity(), shift = 0, sum = 0;

  void add_tile(const T* e, T largest_here, std::int64_t n) {
    const T before = shift;
    largest = max(largest, largest_here);
    shift = std::isfinite(largest) ? largest : T(0);
    if (sum != T(0)) sum *= exp(before - shift);
    sum += sum_of_exponentials(e, shift, n);
  }
  T logarithm() const { return log(sum) + shift; }
};

// One row of a, whose entries are `stride` apart.
template <class T>
T log_sum_of_row(const T* a, std::int64_t stride, const T* v, T scale, std::int64_t n) {
  alignas(64) T e[kExponentTile];
  RunningSum<T> running;
  for (std::int64_t j = 0; j < n; j += kExponentTile) {
    const std::int64_t count = std::min(n - j, kExponentTile);
    const T* tile = a + j * stride;
    if (stride != 1) {
      for (std::int64_t i = 0; i < count; ++i) e[i] = tile[i * stride];
      tile = e;
    }
    running.add_tile(e, fill_exponents(e, tile, v + j, scale, count), count);
  }
  return running.logarithm();
}

// The same for Packs packs of rows, a lane each.
template <class T, int Packs>
struct RunningSums {
  Pack<T> largest[Packs], shift[Packs], sum[Packs];

  RunningSums() {
    for (int p = 0; p < Packs; ++p) largest[p] = -std::numeric_limits<T>::infinity(), shift[p] = sum[p] = T(0);
  }
  // e holds exponents of all packs, column after column; `largest` has seen them.
  void add_tile(const T* e, std::int64_t columns) {
    for (int p = 0; p < Packs; ++p) {
      const Pack<T> before = shift[p];
      shift[p] = select(largest[p] - largest[p] == T(0), largest[p], Pack<T>(0));
      sum[p] = select(sum[p] == T(0), sum[p], sum[p] * exp(before - shift[p]));
    }
    for (; columns > 0; --columns) {
      for (int p = 0; p < Packs; ++p, e += kLanes<T>) {
        const Pack<T> x = load(e) - shift[p];
        if (!exp_is_zero(x)) sum[p] += exp(x);
      }
    }
  }
};

// Rows side by side in a matrix whose columns are contiguous and `stride` apart; `last` counts those in the last pack.
template <class T, int Packs>
void log_sums_of_packs(const T* a, std::int64_t stride, const T* v, T scale, std::int64_t n, int last, T* out) {
  constexpr int lanes = kLanes<T>;
  constexpr std::int64_t tile = 64;
  alignas(64) T e[tile * Packs * lanes];
  RunningSums<T, Packs> running;
  for (std::int64_t first = 0; first < n; first += tile) {
    const std::int64_t columns = std::min(n - first, tile);
    T* next = e;
    for (std::int64_t j = first; j < first + columns; ++j) {
      const T* from = a + j * stride;
      for (int p = 0; p < Packs; ++p, from += lanes, next += lanes) {
        const Pack<T> entries = p < Packs - 1 || last == lanes ? load(from) : load_part(from, last);
        const Pack<T> x = fma(Pack<T>(scale), entries, Pack<T>(v[j]));
        store(next, x);
        running.largest[p] = max(running.largest[p], x);
      }
    }
    running.add_tile(e, columns);
  }
  for (int p = 0; p < Packs; ++p)
    store_part(out + p * lanes, log(running.sum[p]) + running.shift[p], p < Packs - 1 ? lanes : last);
}

// Rows whose entries lie in contiguous columns.
template <class T>
void log_sums_of_columns(const T* a, std::int64_t stride, const T* v, T scale, std::int64_t n, T* out,
                         std::int64_t rows) {
  constexpr std::int64_t lanes = kLanes<T>, together = 4;
  std::int64_t i = 0;
  for (; i + together * lanes <= rows; i += together * lanes)
    log_sums_of_packs<T, together>(a + i, stride, v, scale, n, lanes, out + i);
  for (; i < rows; i += lanes)
    log_sums_of_packs<T, 1>(a + i, stride, v, scale, n, static_cast<int>(std::min(lanes, rows - i)), out + i);
}

// Rows begin … end - 1 of a matrix.
template <class T>
void log_sums(const MatrixView<T>& a, const T* v, T scale, std::int64_t n, T* out, std::int64_t begin,
              std::int64_t end) {
  if constexpr (kPacksCompute<T>) {
    if (a.row_stride == 1 && a.col_stride != 1)
      return log_sums_of_columns(a.data + begin, a.col_stride, v, scale, n, out + begin, end - begin);
  }
  for (std::int64_t i = begin; i < end; ++i) out[i] = log_sum_of_row(a.at(i, 0).data, a.col_stride, v, scale, n);
}

template <class T>
void log_matvec(const KernelCall& call) {
  const Tensor &a = *call.inputs[0], &v = *call.inputs[1];
  const std::int64_t rows = a.shape()[-2], n = a.shape()[-1], v_stride = v.strides()[-1];
  const T scale = *call.inputs[2]->data<T>();
  T* out = call.output.mutable_data<T>();
  std::vector<T> collected(v_stride == 1 ? 0 : static_cast<std::size_t>(n));
  const Walk<2> batch = make_walk<2>(a.shape().part(0, a.rank() - 2),
                                     {a.strides().part(0, a.rank() - 2), v.strides().part(0, v.rank() - 1)});
  for_each_element(batch, [&](const Offsets<2>& offset) {
    const MatrixView<T> matrix{a.data<T>() + offset[0], a.strides()[-2], a.strides()[-1]};
    const T* vector = v.data<T>() + offset[1];
    for (std::size_t j = 0; j < collected.size(); ++j) collected[j] = vector[static_cast<std::int64_t>(j) * v_stride];
    if (!collected.empty()) vector = collected.data();
    parallel_for(rows, steps_per_piece(rows, n * kExponentTerms),
                 [&](std::int64_t begin, std::int64_t end) { log_sums(matrix, vector, scale, n, out, begin, end); });
    out += rows;
  });
}

inline void log_matvec_kernel(const KernelCall& call) {
  for_floating("log_matvec", call.output.dtype(), [&](auto type) { log_matvec<typename decltype(type)::type>(call); });
}

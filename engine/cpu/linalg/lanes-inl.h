// Matrices side by side in the lanes of packs: reading kBatchLanes matrices at a time, entry (i, j) of all of them in
// one pack, and writing them back. Where memory has entries of a row one after the other, a pack is read from each
// matrix and the square of numbers is transposed in registers.

// What kernels compute with: a pack, or one number where the target has no packs for arithmetic.
template <class T>
using Number = std::conditional_t<kPacksCompute<T>, Pack<T>, T>;
template <class T>
inline constexpr int kBatchLanes = static_cast<int>(sizeof(Number<T>) / sizeof(T));

// Rows of a block whose sums fit the registers: 4 x 4 of 32, 3 x 3 of 16.
#if defined(__aarch64__)
inline constexpr int kBlockRows = 4;
#else
inline constexpr int kBlockRows = sizeof(Pack<float>) == 64 ? 4 : 3;
#endif

// How many of `count` equal steps a thread takes at a time; each takes so many multiply-adds.
inline std::int64_t pieces_of(std::int64_t count, std::int64_t terms_each) {
  constexpr std::int64_t worth_a_turn = 1 << 18;
  const std::int64_t pieces = std::clamp<std::int64_t>(count * terms_each / worth_a_turn, 1, count > 0 ? count : 1);
  return (count + pieces - 1) / pieces;
}

// Memory of the thread for `count` numbers.
template <class V>
V* work_numbers(Scratch name, std::int64_t count) {
  return static_cast<V*>(scratch(name, sizeof(V) * static_cast<std::size_t>(count)));
}

inline Shape batch_shape(const Tensor& x) { return x.shape().part(0, x.rank() - 2); }

template <class Body>
void for_floating_inputs(const char* op, const KernelCall& call, const Body& body) {
  check_inputs(op, call, call.output.dtype());
  if (call.output.size() > 0) for_floating(op, call.output.dtype(), body);
}

// Leading axes of an input, as they repeat for the matrices of the result.
struct BatchOffsets {
  Walk<1> walk;
  std::int64_t operator()(std::int64_t index) const {
    std::int64_t offset = 0;
    for (int axis = walk.rank - 1; axis >= 0; --axis) {
      const auto at = static_cast<std::size_t>(axis);
      offset += index % walk.length[at] * walk.stride[at][0];
      index /= walk.length[at];
    }
    return offset;
  }
};
inline BatchOffsets batch_offsets(const Tensor& x, const Shape& batch) {
  const Tensor first = x.view(x.shape().part(0, x.rank() - 2), x.strides().part(0, x.rank() - 2), x.offset());
  return {make_walk<1>(batch, {broadcast_strides(first, batch)})};
}

// Where the same matrix of kBatchLanes problems lies.
template <class T, class Data>
struct LaneMatrices {
  std::array<Data*, kBatchLanes<T>> first;
  std::int64_t row, col;  // strides
  LaneMatrices transposed() const { return {first, col, row}; }
};

// Matrices begin … begin + kBatchLanes - 1 of an input; the last one again where there are fewer.
template <class T>
LaneMatrices<T, const T> lane_matrices(const Tensor& x, const BatchOffsets& offsets, std::int64_t begin,
                                       std::int64_t count) {
  LaneMatrices<T, const T> result{{}, x.strides()[-2], x.strides()[-1]};
  for (int lane = 0; lane < kBatchLanes<T>; ++lane)
    result.first[static_cast<std::size_t>(lane)] = x.data<T>() + offsets(std::min(begin + lane, count - 1));
  return result;
}

// One step of a transposition: exchanges the off-diagonal Step x Step squares of each 2 Step x 2 Step square.
template <int Step, class Vector, int... Lane>
BRENIER_INLINE void exchange_squares(Vector& a, Vector& b, std::integer_sequence<int, Lane...>) {
  constexpr int lanes = sizeof...(Lane);
  const Vector upper = __builtin_shufflevector(a, b, (Lane & Step ? Lane - Step + lanes : Lane)...);
  const Vector lower = __builtin_shufflevector(a, b, (Lane & Step ? Lane + lanes : Lane + Step)...);
  a = upper;
  b = lower;
}

// x[i] lane j becomes x[j] lane i.
template <int Step, class Vector, int Lanes>
BRENIER_INLINE void transpose(Vector (&x)[Lanes]) {
  if constexpr (Step < Lanes) {
    BRENIER_UNROLL
    for (int i = 0; i < Lanes; ++i)
      if ((i & Step) == 0) exchange_squares<Step>(x[i], x[i + Step], std::make_integer_sequence<int, Lanes>());
    transpose<2 * Step>(x);
  }
}

// The first `count` of kBatchLanes entries of each matrix, packs of one matrix, to packs of one entry each.
template <class T>
BRENIER_INLINE void read_contiguous(const T* const* rows, std::int64_t offset, int count, Number<T>* to) {
  constexpr int lanes = kBatchLanes<T>;
  decltype(Number<T>::v) x[lanes];
  BRENIER_UNROLL
  for (int lane = 0; lane < lanes; ++lane)
    x[lane] = (count == lanes ? load<T>(rows[lane] + offset) : load_part<T>(rows[lane] + offset, count)).v;
  transpose<1>(x);
  BRENIER_UNROLL
  for (int q = 0; q < lanes; ++q)
    if (q < count) to[q].v = x[q];
}

template <class T>
BRENIER_INLINE void write_contiguous(T* const* rows, std::int64_t offset, int active, int count,
                                     const Number<T>* from) {
  constexpr int lanes = kBatchLanes<T>;
  decltype(Number<T>::v) x[lanes];
  BRENIER_UNROLL
  for (int q = 0; q < lanes; ++q) x[q] = from[q < count ? q : 0].v;
  transpose<1>(x);
  BRENIER_UNROLL
  for (int lane = 0; lane < lanes; ++lane) {
    if (lane >= active) break;
    T* const to = rows[lane] + offset;
    count == lanes ? store<T>(to, Number<T>(x[lane])) : store_part<T>(to, Number<T>(x[lane]), count);
  }
}

// `count` <= kBatchLanes entries, `step` apart, of each matrix: entry q of all of them in to[q].
template <class T>
BRENIER_INLINE void read_lanes(const LaneMatrices<T, const T>& from, std::int64_t offset, std::int64_t step, int count,
                               Number<T>* to) {
  constexpr int lanes = kBatchLanes<T>;
  if constexpr (lanes > 1) {
    if (step == 1 && count == lanes) return read_contiguous<T>(from.first.data(), offset, lanes, to);
    if (step == 1) return read_contiguous<T>(from.first.data(), offset, count, to);
  }
  T* numbers = reinterpret_cast<T*>(to);
  for (int q = 0; q < count; ++q)
    for (int lane = 0; lane < lanes; ++lane)
      numbers[q * lanes + lane] = from.first[static_cast<std::size_t>(lane)][offset + q * step];
}

// Entries begin … end - 1 of row i, one after the other.
template <class T>
BRENIER_INLINE void read_row(const LaneMatrices<T, const T>& from, std::int64_t i, std::int64_t begin, std::int64_t end,
                             Number<T>* to) {
  for (std::int64_t j = begin; j < end; j += kBatchLanes<T>, to += kBatchLanes<T>)
    read_lanes<T>(from, i * from.row + j * from.col, from.col,
                  static_cast<int>(std::min<std::int64_t>(kBatchLanes<T>, end - j)), to);
}

// Writes `active` lanes of entries begin … end - 1 of row i, whose numbers lie one after the other.
template <class T>
BRENIER_INLINE void write_row(const LaneMatrices<T, T>& to, int active, std::int64_t i, std::int64_t begin,
                              std::int64_t end, const Number<T>* from) {
  constexpr int lanes = kBatchLanes<T>;
  for (std::int64_t j = begin; j < end; j += lanes, from += lanes) {
    const int count = static_cast<int>(std::min<std::int64_t>(lanes, end - j));
    const std::int64_t offset = i * to.row + j;
    if constexpr (lanes == 1)
      to.first[0][offset] = *from;
    else if (count == lanes && active == lanes)
      write_contiguous<T>(to.first.data(), offset, lanes, lanes, from);
    else
      write_contiguous<T>(to.first.data(), offset, active, count, from);
  }
}

// Groups of matrices for the lanes of packs, shared among threads. Calls body(begin, active) for each; `terms` is the
// work for one matrix in multiply-adds.
template <class T, class Body>
void for_each_group(std::int64_t matrices, std::int64_t terms, const Body& body) {
  constexpr std::int64_t lanes = kBatchLanes<T>;
  const std::int64_t groups = (matrices + lanes - 1) / lanes;
  parallel_for(groups, pieces_of(groups, terms), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t group = first; group < last; ++group)
      body(group * lanes, static_cast<int>(std::min(lanes, matrices - group * lanes)));
  });
}

// The rows of a block for a matrix of order n: a block is never larger than the matrix.
template <class Body>
void with_block_rows(std::int64_t n, const Body& body) {
  if (n == 1) return body(std::integral_constant<int, 1>());
  if (n == 2) return body(std::integral_constant<int, 2>());
  if (n == 3) return body(std::integral_constant<int, 3>());
  body(std::integral_constant<int, kBlockRows>());
}
inline std::int64_t rounded_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

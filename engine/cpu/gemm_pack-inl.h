// Packing: copying a part of a matrix into the order in which the micro-kernel will read it.
//
// A panel is `depth` rows of kTileCols numbers, one after another: a stretch of B as wide as a tile of C, or a stretch
// of the transpose of A as wide as a tile of C is tall. Strides disappear here, so a transposed factor costs no more
// than another. Where a panel is narrower than its room, the rest repeats some of its numbers or is 0; tiles of C never
// read it.

template <class T>
struct MatrixView {
  const T* data;
  std::int64_t row_stride, col_stride;
  MatrixView at(std::int64_t row, std::int64_t col) const {
    return {data + row * row_stride + col * col_stride, row_stride, col_stride};
  }
  MatrixView transposed() const { return {data, col_stride, row_stride}; }
};

// Contiguous rows: copied pack by pack. Room is a multiple of the lanes of a pack.
template <class T, int Room>
void copy_rows(T* to, const MatrixView<T>& x, std::int64_t depth, int width) {
  constexpr int lanes = kLanes<T>;
  for (std::int64_t p = 0; p < depth; ++p, to += Room) {
    const T* from = x.data + p * x.row_stride;
    int j = 0;
    for (; j + lanes <= width; j += lanes) store(to + j, load<T>(from + j));
    if (j < width) store(to + j, load_first<T>(from + j, width - j));
  }
}

template <class T>
struct QuadOf {
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};

template <class T>
using Quad = typename QuadOf<T>::type;

// Transposes 4 x 4 numbers.
template <class T>
inline void transpose_quads(Quad<T> (&x)[4]) {
  const Quad<T> low01 = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
  const Quad<T> high01 = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const Quad<T> low23 = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
  const Quad<T> high23 = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
  x[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
  x[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

// Contiguous columns: transposed, four columns at a time, a cache line of each before the next four.
template <class T, int Room>
void transpose_columns(T* to, const MatrixView<T>& x, std::int64_t depth, int width) {
  constexpr std::int64_t line = 64 / sizeof(T);
  for (std::int64_t begin = 0; begin < depth; begin += line) {
    const std::int64_t end = std::min(begin + line, depth);
    for (int j = 0; j < width; j += 4) {
      const T* from[4];
      for (int i = 0; i < 4; ++i) from[i] = x.data + std::min(j + i, width - 1) * x.col_stride;
      std::int64_t p = begin;
      for (; p + 4 <= end; p += 4) {
        Quad<T> x[4];
        for (int i = 0; i < 4; ++i) std::memcpy(&x[i], from[i] + p, sizeof(x[i]));
        transpose_quads<T>(x);
        for (int i = 0; i < 4; ++i) std::memcpy(to + (p + i) * Room + j, &x[i], sizeof(x[i]));
      }
      for (; p < end; ++p) {
        for (int i = 0; i < 4; ++i) to[p * Room + j + i] = from[i][p];
      }
    }
  }
}

// Packs `width` <= Room neighbouring columns of x, `depth` long, into rows of Room numbers.
template <class T, int Room>
void pack_panel(T* to, const MatrixView<T>& x, std::int64_t depth, int width) {
  static_assert(Room % 4 == 0 && Room % kLanes<T> == 0);
  if (x.col_stride == 1) return copy_rows<T, Room>(to, x, depth, width);
  if (x.row_stride == 1) return transpose_columns<T, Room>(to, x, depth, width);
  for (std::int64_t p = 0; p < depth; ++p, to += Room) {
    for (int j = 0; j < width; ++j) to[j] = *x.at(p, j).data;
  }
}

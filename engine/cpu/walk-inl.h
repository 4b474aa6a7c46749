// Walking several strided operands over one shape.
//
// An axis of length 1 is dropped, and an axis is merged into the one before it when every operand steps from the end
// of the inner one to the next entry of the outer one: stride[outer] = stride[inner] * length[inner]. Contiguous
// tensors of any rank thus become one long row, a matrix plus a row vector becomes rows, and kernels are loops over
// rows. Strides may be 0 (broadcast) or negative (flipped). Rows are visited in row-major order.
//
// Like all -inl.h files this is compiled once per instruction set, inside the namespace of that target.

template <std::size_t N>
using Offsets = std::array<std::int64_t, N>;

template <std::size_t N>
struct Walk {
  int rank = 0;  // at least 1 once made
  std::array<std::int64_t, kMaxRank> length{};
  std::array<Offsets<N>, kMaxRank> stride{};

  std::int64_t row_length() const { return length[static_cast<std::size_t>(rank - 1)]; }
  const Offsets<N>& row_stride() const { return stride[static_cast<std::size_t>(rank - 1)]; }
  bool empty() const { return std::find(length.begin(), length.begin() + rank, 0) != length.begin() + rank; }
};

// Whether a new innermost axis continues the last axis of the walk for every operand.
template <std::size_t N>
bool continues(const Walk<N>& walk, std::int64_t length, const Offsets<N>& stride) {
  if (walk.rank == 0) return false;
  for (std::size_t i = 0; i < N; ++i) {
    if (walk.row_stride()[i] != stride[i] * length) return false;
  }
  return true;
}

// The strides of each operand belong to the axes of `shape`, one by one.
template <std::size_t N>
Walk<N> make_walk(const Shape& shape, const std::array<Strides, N>& strides) {
  Walk<N> walk;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    Offsets<N> stride;
    for (std::size_t i = 0; i < N; ++i) stride[i] = strides[i][axis];
    std::int64_t length = shape[axis];
    if (continues(walk, length, stride)) length *= walk.length[static_cast<std::size_t>(--walk.rank)];
    walk.length[static_cast<std::size_t>(walk.rank)] = length;
    walk.stride[static_cast<std::size_t>(walk.rank++)] = stride;
  }
  if (walk.rank == 0) walk.length[static_cast<std::size_t>(walk.rank++)] = 1;
  return walk;
}

// The strides of x seen in a larger shape it broadcasts to: 0 along the axes it repeats.
inline Strides broadcast_strides(const Tensor& x, const Shape& shape) {
  Strides strides = shape;
  for (int d = 1; d <= shape.rank(); ++d) {
    strides[-d] = d <= x.rank() && x.shape()[-d] != 1 ? x.strides()[-d] : 0;
  }
  return strides;
}

// Moves the offsets to the next row; false after the last one.
template <std::size_t N>
bool next_row(const Walk<N>& walk, std::array<std::int64_t, kMaxRank>& index, Offsets<N>& offset) {
  for (int a = walk.rank - 2; a >= 0; --a) {
    const auto axis = static_cast<std::size_t>(a);
    const bool wraps = ++index[axis] == walk.length[axis];
    const std::int64_t steps = wraps ? 1 - walk.length[axis] : 1;
    for (std::size_t i = 0; i < N; ++i) offset[i] += steps * walk.stride[axis][i];
    if (!wraps) return true;
    index[axis] = 0;
  }
  return false;
}

// Calls row(offsets of its first element) for every row of walk.row_length() elements.
template <std::size_t N, class Row>
void for_each_row(const Walk<N>& walk, Row&& row) {
  if (walk.empty()) return;
  std::array<std::int64_t, kMaxRank> index{};
  Offsets<N> offset{};
  do {
    row(offset);
  } while (next_row(walk, index, offset));
}

// Calls element(offsets) for every element.
template <std::size_t N, class Element>
void for_each_element(const Walk<N>& walk, Element&& element) {
  for_each_row(walk, [&](Offsets<N> offset) {
    for (std::int64_t j = 0; j < walk.row_length(); ++j) {
      element(offset);
      for (std::size_t i = 0; i < N; ++i) offset[i] += walk.row_stride()[i];
    }
  });
}

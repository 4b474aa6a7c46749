// Sum, Max and ArgMax over any axes of a strided tensor.
//
// Numbers are combined pairwise (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section 4.2):
// blocks of fixed size are combined directly, and block results meet like the carries of a binary counter, so that a
// sum of n numbers has an error of order log2(n) rounding errors instead of n. The order depends on shape, strides and
// the instruction set only, hence results repeat bit for bit on one of them; wider packs mean more sums side by side.
// Attributes: axes, counted from the end; keep_axes only changes the shape.
//
// Two ways to go through memory. If the reduced axis is the contiguous one, each result is a reduction of runs with
// several independent lanes. Otherwise many neighbouring results are computed at once, row by row.

struct Summation {
  template <class T>
  static T combine(T a, T b) {
    return a + b;
  }
};
struct Largest {
  // A NaN wins on either side.
  template <class T>
  static T combine(T a, T b) {
    return select((b > a) | (b != b), b, a);
  }
};

// Results of blocks, combined like a binary counter: partial_[i] stands for 2^k blocks with falling k. Width results
// are carried side by side.
template <class R, class T, int Width>
class Cascade {
 public:
  explicit Cascade(int width) : width_(width) {}
  // Where the result of the next block has to be written before push().
  T* slot() { return partial_[depth_]; }
  void push() {
    ++depth_;
    for (std::uint64_t carry = ++count_; carry % 2 == 0; carry /= 2) merge();
  }
  const T* finish() {
    while (depth_ > 1) merge();
    return partial_[0];
  }

 private:
  void merge() {
    --depth_;
    T* __restrict left = partial_[depth_ - 1];
    const T* right = partial_[depth_];
    for (int j = 0; j < width_; ++j) left[j] = R::combine(left[j], right[j]);
  }
  static constexpr int kLevels = 48;  // enough for 2^47 blocks
  int width_;
  int depth_ = 0;
  std::uint64_t count_ = 0;
  alignas(64) T partial_[kLevels][Width];
};

// How many sums advance side by side where the compiler makes the packs: 16 bytes each, enough in flight to hide the
// latency of an addition.
inline constexpr int kReduceLanes = 16;

// A block: 16 rounds of side-by-side sums.
template <class T>
constexpr std::int64_t run_block() {
  if constexpr (kPacksCompute<T>) return 16 * 4 * kLanes<T>;
  return 16 * kReduceLanes;
}
template <class T>
inline constexpr std::int64_t kRunBlock = run_block<T>();

// lane[0] … lane[lanes - 1] to one number; Lanes is a power of two.
template <class R, int Lanes, class T>
T reduce_lanes_to_one(T (&lane)[Lanes], int lanes) {
  for (int half = Lanes / 2; half > 0; half /= 2) {
    for (int j = 0; j < half && half + j < lanes; ++j) lane[j] = R::combine(lane[j], lane[half + j]);
  }
  return lane[0];
}

// n >= 1 elements to one number.
template <class R, class T, class Operand>
T reduce_run(Operand x, std::int64_t n) {
  constexpr int all = kReduceLanes;
  T lane[all];
  const auto lanes = static_cast<int>(std::min<std::int64_t>(n, all));
  for (int j = 0; j < lanes; ++j) lane[j] = x[j];
  std::int64_t i = all;
  for (; i + all <= n; i += all) {
    for (int j = 0; j < all; ++j) lane[j] = R::combine(lane[j], x[i + j]);
  }
  for (int j = 0; i + j < n; ++j) lane[j] = R::combine(lane[j], x[i + j]);
  return reduce_lanes_to_one<R>(lane, lanes);
}

// The same for contiguous elements, n at least one pack: four packs side by side, then single ones, then the rest into
// the lanes of one.
template <class R, class T>
T reduce_packs(const T* x, std::int64_t n) {
  constexpr int lanes = kLanes<T>;
  Pack<T> a = load(x);
  std::int64_t i = lanes;
  if (n >= 4 * lanes) {
    Pack<T> b = load(x + lanes), c = load(x + 2 * lanes), d = load(x + 3 * lanes);
    for (i = 4 * lanes; i + 4 * lanes <= n; i += 4 * lanes) {
      a = R::combine(a, load(x + i));
      b = R::combine(b, load(x + i + lanes));
      c = R::combine(c, load(x + i + 2 * lanes));
      d = R::combine(d, load(x + i + 3 * lanes));
    }
    a = R::combine(R::combine(a, b), R::combine(c, d));
  }
  for (; i + lanes <= n; i += lanes) a = R::combine(a, load(x + i));
  T lane[lanes];
  store(lane, a);
  for (int j = 0; i + j < n; ++j) lane[j] = R::combine(lane[j], x[i + j]);
  return reduce_lanes_to_one<R>(lane, lanes);
}
template <class R, class T>
T reduce_contiguous(const T* x, std::int64_t n) {
  if constexpr (kPacksCompute<T>) {
    if (n >= kLanes<T>) return reduce_packs<R>(x, n);
  }
  return reduce_run<R, T>(Contiguous<T>{x}, n);
}

// One result: everything the walk visits, at least one element.
template <class R, class T>
T reduce_one(const T* x, const Walk<1>& reduced) {
  const std::int64_t n = reduced.row_length();
  const std::int64_t stride = reduced.row_stride()[0];
  const auto run = [&](const T* data, std::int64_t count) {
    return stride == 1 ? reduce_contiguous<R>(data, count) : reduce_run<R, T>(Spaced<T>{data, stride}, count);
  };
  if (reduced.rank == 1 && n <= kRunBlock<T>) return run(x, n);
  Cascade<R, T, 1> cascade(1);
  for_each_row(reduced, [&](const Offsets<1>& offset) {
    for (std::int64_t start = 0; start < n; start += kRunBlock<T>) {
      *cascade.slot() = run(x + offset[0] + start * stride, std::min(n - start, kRunBlock<T>));
      cascade.push();
    }
  });
  return *cascade.finish();
}

// A tile of side-by-side results is this wide: wide enough for long rows, small enough for the L1 cache.
inline constexpr int kTileWidth = 128;
inline constexpr std::int64_t kRowBlock = 32;

// out[j] = out[j] and the operands' j-th numbers, combined in pairs.
template <class R, class T, class Operand>
void combine_row(T* out, int width, Operand a) {
  int j = 0;
  if constexpr (kPacksCompute<T> && std::is_same_v<Operand, Contiguous<T>>) {
    for (; j + kLanes<T> <= width; j += kLanes<T>) store(out + j, R::combine(load(out + j), a.pack(j)));
  }
  for (; j < width; ++j) out[j] = R::combine(out[j], a[j]);
}
template <class R, class T, class Operand>
void combine_four_rows(T* out, int width, Operand a, Operand b, Operand c, Operand d) {
  int j = 0;
  if constexpr (kPacksCompute<T> && std::is_same_v<Operand, Contiguous<T>>) {
    for (; j + kLanes<T> <= width; j += kLanes<T>) {
      const auto four = R::combine(R::combine(a.pack(j), b.pack(j)), R::combine(c.pack(j), d.pack(j)));
      store(out + j, R::combine(load(out + j), four));
    }
  }
  for (; j < width; ++j) out[j] = R::combine(out[j], R::combine(R::combine(a[j], b[j]), R::combine(c[j], d[j])));
}

// `count` rows, spaced `row_stride`, combined into one. Four rows at a time, so that the result is loaded less often.
template <class R, class T, class MakeOperand>
void reduce_rows(T* __restrict out, int width, const T* x, std::int64_t row_stride, std::int64_t count,
                 MakeOperand operand) {
  const auto first = operand(x);
  for (int j = 0; j < width; ++j) out[j] = first[j];
  std::int64_t r = 1;
  for (; r + 4 <= count; r += 4) {
    const T* row = x + r * row_stride;
    combine_four_rows<R>(out, width, operand(row), operand(row + row_stride), operand(row + 2 * row_stride),
                         operand(row + 3 * row_stride));
  }
  for (; r < count; ++r) combine_row<R>(out, width, operand(x + r * row_stride));
}

// `width` results side by side in x, spaced `lane_stride`.
template <class R, class T>
void reduce_tile(T* out, int width, const T* x, std::int64_t lane_stride, const Walk<1>& reduced) {
  Cascade<R, T, kTileWidth> cascade(width);
  const std::int64_t n = reduced.row_length();
  const std::int64_t stride = reduced.row_stride()[0];
  for_each_row(reduced, [&](const Offsets<1>& offset) {
    for (std::int64_t start = 0; start < n; start += kRowBlock) {
      const T* block = x + offset[0] + start * stride;
      const std::int64_t count = std::min(n - start, kRowBlock);
      if (lane_stride == 1) {
        reduce_rows<R>(cascade.slot(), width, block, stride, count, [](const T* row) { return Contiguous<T>{row}; });
      } else {
        reduce_rows<R>(cascade.slot(), width, block, stride, count, [=](const T* row) {
          return Spaced<T>{row, lane_stride};
        });
      }
      cascade.push();
    }
  });
  std::copy_n(cascade.finish(), width, out);
}

struct ReductionWalks {
  Walk<1> kept, reduced;
};

inline ReductionWalks make_reduction_walks(const Tensor& x, const Axes& axes) {
  Dims shape[2], strides[2];  // of the kept and of the reduced axes
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int reduced = axes.contains(x.rank() - axis);
    shape[reduced].push_back(x.shape()[axis]);
    strides[reduced].push_back(x.strides()[axis]);
  }
  return {make_walk<1>(shape[0], {strides[0]}), make_walk<1>(shape[1], {strides[1]})};
}

template <class R, class T>
void reduce(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  const ReductionWalks walks = make_reduction_walks(x, call.attributes.axes);
  const Walk<1>&kept = walks.kept, &reduced = walks.reduced;
  T* out = call.output.mutable_data<T>();
  if (reduced.empty()) {
    std::fill_n(out, call.output.size(), T(0));
    return;
  }
  const std::int64_t n = kept.row_length();
  const std::int64_t stride = kept.row_stride()[0];
  const bool long_runs = reduced.row_stride()[0] == 1 && reduced.row_length() >= kReduceLanes;
  const bool one_by_one = long_runs || n < 8;
  const std::int64_t tile = one_by_one ? 1 : kTileWidth;
  for_each_row(kept, [&](const Offsets<1>& offset) {
    const T* row = x.data<T>() + offset[0];
    for (std::int64_t j = 0; j < n; j += tile) {
      if (one_by_one) {
        out[j] = reduce_one<R>(row + j * stride, reduced);
      } else {
        reduce_tile<R>(out + j, static_cast<int>(std::min(n - j, tile)), row + j * stride, stride, reduced);
      }
    }
    out += n;
  });
}

inline void sum_kernel(const KernelCall& call) {
  for_any("sum", call.output.dtype(), [&](auto type) { reduce<Summation, typename decltype(type)::type>(call); });
}

inline void max_kernel(const KernelCall& call) {
  for_any("max", call.output.dtype(), [&](auto type) { reduce<Largest, typename decltype(type)::type>(call); });
}

// The first position of the largest element; a NaN counts as larger than any number.
template <class T>
std::int64_t position_of_largest(Spaced<T> x, std::int64_t n) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    const T a = x[best], b = x[i];
    if (b > a || (b != b && a == a)) best = i;
  }
  return best;
}

inline void argmax_kernel(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  const int axis = static_cast<int>(call.attributes.axes[0]);
  const std::int64_t n = x.shape()[-axis], stride = x.strides()[-axis];
  const Walk<1> kept = make_reduction_walks(x, call.attributes.axes).kept;
  std::int64_t* out = call.output.mutable_data<std::int64_t>();
  for_any("argmax", x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_element(kept, [&](const Offsets<1>& offset) {
      *out++ = position_of_largest(Spaced<T>{x.data<T>() + offset[0], stride}, n);
    });
  });
}

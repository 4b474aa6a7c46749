// What a matrix product is, how threads share its rows, and what follows it.
//
// A program may name a fused group that reads the product element for element, its epilogue. It is run on some rows as
// soon as they are final, by the thread that computed them: they are then read from the cache, and what threads share is
// one loop instead of two. Elements do not depend on each other, so results are those of a separate group.

struct BlockSize {
  std::int64_t rows, cols, depth;
};

// The group that follows a product, if not null; `result` is the first element that the group reads of it.
template <class T>
struct Epilogue {
  const FusedKernel* group = nullptr;
  const T* result = nullptr;
  void run(const T* begin, const T* end) const {
    if (group) group->run_range(begin - result, end - result);
  }
};

// C = A B, or with `accumulate` C += A B; C is row-major and contiguous. `packed`, if not null, holds B as made by
// pack_factor() in matmul-inl.h.
template <class T>
struct Product {
  BlockSize size;
  MatrixView<T> a, b;
  T* c;
  bool accumulate;
  const T* packed;
  Epilogue<T> epilogue{};

  void run_epilogue(std::int64_t begin, std::int64_t end) const {  // on rows that are final
    epilogue.run(c + begin * size.cols, c + end * size.cols);
  }
  Product transposed() const {
    return {{size.cols, size.rows, size.depth}, b.transposed(), a.transposed(), c, accumulate, nullptr, {}};
  }
};

// Work worth a turn of a thread, in multiply-adds: some 4 microseconds in float, where joining the pool takes one while
// its threads are awake. Two such pieces are the smallest loop that is shared.
inline constexpr std::int64_t kPieceTerms = 1 << 18;

// How many of `count` equal steps a thread should take at a time: even pieces, none of them too small.
inline std::int64_t steps_per_piece(std::int64_t count, std::int64_t terms_each) {
  const std::int64_t pieces = std::max<std::int64_t>(1, count * terms_each / kPieceTerms);
  return (count + pieces - 1) / pieces;
}

// A length cut into the fewest pieces of at most `limit`, which differ by one at most.
struct Pieces {
  std::int64_t count, base, longer;
  Pieces(std::int64_t length, std::int64_t limit)
      : count((length + limit - 1) / limit), base(length / count), longer(length % count) {}
  std::int64_t begin(std::int64_t i) const { return i * base + std::min(i, longer); }
  std::int64_t length(std::int64_t i) const { return base + (i < longer ? 1 : 0); }
};

// How many bytes of C are computed before the epilogue is run on them: enough to repay the call, and few enough to
// be still in the L2 cache, however large C is.
inline constexpr std::int64_t kEpilogueBytes = 32 << 10;
// An epilogue counts as so many multiply-adds for each number: some operations, of which one takes as long as ten.
inline constexpr std::int64_t kEpilogueTerms = 64;

// Shares steps of rows among threads: `compute(first, last)` computes steps first … last - 1 for the last time, after
// which the epilogue is run on them. An entry of C takes `terms` multiply-adds.
template <class T, class Compute>
BRENIER_INLINE void share_last_rows(const Product<T>& product, const Pieces& steps, std::int64_t terms,
                                    const Compute& compute) {
  const bool follows = product.epilogue.group != nullptr;
  const std::int64_t step_size = steps.length(0) * product.size.cols;
  const std::int64_t block =
      follows ? std::max<std::int64_t>(1, kEpilogueBytes / (step_size * static_cast<std::int64_t>(sizeof(T))))
              : steps.count;
  const std::int64_t step_terms = (follows ? terms + kEpilogueTerms : terms) * step_size;
  parallel_for(steps.count, steps_per_piece(steps.count, step_terms), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t last; begin < end; begin = last) {
      last = std::min(begin + block, end);
      compute(begin, last);
      product.run_epilogue(steps.begin(begin), steps.begin(last));
    }
  });
}

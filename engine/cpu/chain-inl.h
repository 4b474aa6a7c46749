// A chain of simple operations, each on the result of the one before: for a block of numbers that stay in registers,
// one operation after another. Operation by operation, every result would be stored and loaded again, and that is most of
// the time that an addition takes in the L1 cache.

// The operations that a chain may consist of.
inline constexpr OpCode kChainCodes[] = {OpCode::Add, OpCode::Sub, OpCode::Mul, OpCode::Neg, OpCode::Square};

// Packs packs of T, or part of one pack.
template <class T, int Packs>
struct Block {
  Pack<T> x[Packs];
};

template <class T, int Packs, bool Part>
BRENIER_INLINE Block<T, Packs> load_block(const void* from, std::int64_t stride, std::int64_t i, int n) {
  const T* const data = static_cast<const T*>(from);
  Block<T, Packs> block;
#pragma GCC unroll 8
  for (int j = 0; j < Packs; ++j) {
    if (stride == 0)
      block.x[j] = Pack<T>(*data);
    else
      block.x[j] = Part ? load_part(data + i, n) : load(data + i + j * kLanes<T>);
  }
  return block;
}

template <class T, int Packs, class F>
BRENIER_INLINE Block<T, Packs> apply_link(const Block<T, Packs>& a, const Block<T, Packs>& b, const F& f) {
  Block<T, Packs> result;
#pragma GCC unroll 8
  for (int j = 0; j < Packs; ++j) result.x[j] = f(a.x[j], b.x[j]);
  return result;
}

template <class T, int Packs, bool Part>
BRENIER_INLINE void chain_block(const ChainStart& start, std::span<const ChainLink> links, std::int64_t i, int n) {
  Block<T, Packs> y = load_block<T, Packs, Part>(start.data, start.stride, i, n);
  for (const ChainLink& link : links) {
    if (link.code == OpCode::Neg) {
      y = apply_link(y, y, [](Pack<T> a, Pack<T>) { return -a; });
    } else if (link.code == OpCode::Square) {
      y = apply_link(y, y, [](Pack<T> a, Pack<T>) { return a * a; });
    } else {
      const Block<T, Packs> other = load_block<T, Packs, Part>(link.operand, link.stride, i, n);
      if (link.code == OpCode::Mul)
        y = apply_link(y, other, [](Pack<T> a, Pack<T> b) { return a * b; });
      else if (link.code == OpCode::Add)
        y = apply_link(y, other, [](Pack<T> a, Pack<T> b) { return a + b; });
      else if (link.operand_first)
        y = apply_link(other, y, [](Pack<T> a, Pack<T> b) { return a - b; });
      else
        y = apply_link(y, other, [](Pack<T> a, Pack<T> b) { return a - b; });
    }
    if (!link.result) continue;
    T* const to = static_cast<T*>(link.result) + i;
#pragma GCC unroll 8
    for (int j = 0; j < Packs; ++j) Part ? store_part(to, y.x[j], n) : store(to + j * kLanes<T>, y.x[j]);
  }
}

template <class T>
void chain(const ChainStart& start, std::span<const ChainLink> links, std::int64_t n) {
  constexpr int packs = 8;
  constexpr std::int64_t lanes = kLanes<T>;
  std::int64_t i = 0;
  for (; i + packs * lanes <= n; i += packs * lanes) chain_block<T, packs, false>(start, links, i, 0);
  for (; i + lanes <= n; i += lanes) chain_block<T, 1, false>(start, links, i, 0);
  if (i < n) chain_block<T, 1, true>(start, links, i, static_cast<int>(n - i));
}

inline ChainTable chain_table() {
  ChainTable table;
  if constexpr (kPacksCompute<float>) {
    for (OpCode code : kChainCodes) table.codes[static_cast<std::size_t>(code)] = true;
    table.functions = {chain<float>, chain<double>, nullptr};
  }
  return table;
}

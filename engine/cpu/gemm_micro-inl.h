// The micro-kernel of the matrix product: a tile of C whose sums stay in registers, and the few words it needs.
//
// A tile has up to kTileRows rows of up to kTilePacks packs. For each term of the sums it loads kTilePacks packs of B,
// repeats one number of A in all lanes, row after row, and does Rows * Packs multiply-adds. 14 x 2 sums, 2 packs of B
// and the repeated number fill 31 of the 32 registers of AVX-512, 6 x 2 sums fill 15 of the 16 of AVX2: 16 loads for 28
// multiply-adds, 8 for 12, where the processors load as often as they multiply. NEON multiplies by a lane of a
// register: 12 x 2 sums, 2 packs of B and 3 of A (in float) fill 29 of its 32, and 5 loads pay for 24. Every sum runs
// through its terms in ascending order, starting from 0 or from what C holds; no choice of tiles changes a result.

inline constexpr int kTilePacks = 2;
template <class T>
inline constexpr int kTileCols = kTilePacks* kLanes<T>;
// Without fused multiply-adds the product needs a register of its own.
#if defined(__aarch64__)
inline constexpr int kTileRows = 12;
#else
inline constexpr int kTileRows = sizeof(Pack<float>) == 64 ? 14 : sizeof(Pack<float>) == 32 ? 6 : 4;
#endif

// The words below name what a pack can do. A plain GCC vector, the pack of the scalar target, does it by operators.
template <class T>
inline constexpr bool kPlainVector = !std::is_class_v<Pack<T>>;

template <class T>
inline Pack<T> repeat(T x) {
  if constexpr (kPlainVector<T>)
    return x - Pack<T>{};
  else
    return Pack<T>(x);
}

template <class T>
inline Pack<T> multiply_add(Pack<T> a, Pack<T> b, Pack<T> c) {
  if constexpr (kPlainVector<T>)
    return a * b + c;
  else
    return fma(a, b, c);
}

// The first `count` lanes, 0 in the others.
template <class T>
inline Pack<T> load_first(const T* from, int count) {
  if constexpr (kPlainVector<T>) {
    Pack<T> pack{};
    for (int i = 0; i < count; ++i) pack[i] = from[i];
    return pack;
  } else {
    return load_part(from, count);
  }
}

template <class T>
inline void store_first(T* to, Pack<T> pack, int count) {
  if constexpr (kPlainVector<T>) {
    for (int i = 0; i < count; ++i) to[i] = pack[i];
  } else {
    store_part(to, pack, count);
  }
}

// What a micro-kernel works on. B has contiguous rows. `last` counts the columns in the last pack.
template <class T>
struct Tile {
  std::int64_t depth;
  const T* a;
  std::int64_t a_row_stride, a_col_stride;
  const T* b;
  std::int64_t b_stride;
  T* c;
  std::int64_t c_stride;
  int last;
  bool accumulate;
};

// A panel of packed A holds one tile: for each term this many numbers, a row of C each.
template <class T>
inline constexpr int kPanelRows = (kTileRows + kLanes<T> - 1) / kLanes<T>* kLanes<T>;

// Where a tile finds A, and whether its last pack is narrower than a pack. Known when the kernel is compiled.
enum class TileKind { Packed, Strided, StridedPartial };

// Hides where a pointer came from, so that the compiler keeps it in a register and does not derive it anew.
template <class T>
inline T* anchored(T* pointer) {
  asm("" : "+r"(pointer));
  return pointer;
}

// GCC would load a pack anew for each multiply-add that uses it, as an operand in memory, and loads would set the pace.
template <class T>
inline void keep_in_register(Pack<T>& pack) {
#if defined(__x86_64__)
  if constexpr (kPlainVector<T>)
    asm("" : "+x"(pack));
  else
    asm("" : "+v"(pack.v));
#endif
  static_cast<void>(pack);
}

// Whether a multiply-add can take one lane of a register as a factor for all. Then the packed numbers of A are loaded
// as packs, and repeating them costs nothing.
#if defined(__aarch64__)
inline constexpr bool kLaneIsFactor = true;
#else
inline constexpr bool kLaneIsFactor = false;
#endif
template <class T>
inline Pack<T> repeat_lane(Pack<T> pack, int lane) {
  if constexpr (kPlainVector<T>)
    return repeat<T>(pack[lane]);
  else
    return repeat<T>(pack.v[lane]);
}

// Asks for the tile of C while the sums are formed, if they are long enough to repay it.
inline constexpr std::int64_t kPrefetchDepth = 128;

template <int Rows, int Packs, class T>
inline void prefetch_tile(const Tile<T>& tile) {
  const T* c = tile.c;
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i, c = anchored(c + tile.c_stride)) {
    for (int v = 0; v < Packs; ++v) __builtin_prefetch(c + v * kLanes<T>, 1);
  }
}

template <class T, int Rows, int Packs, TileKind Kind>
void micro_kernel(const Tile<T>& given) {
  constexpr int lanes = kLanes<T>;
  constexpr bool packed = Kind == TileKind::Packed, partial = Kind == TileKind::StridedPartial;
  const Tile<T> tile = given;  // no store can change the copy
  const auto load_row = [&](const T* from, Pack<T>* row) {
    for (int v = 0; v < Packs - 1; ++v) row[v] = load<T>(from + v * lanes);
    const T* last = from + (Packs - 1) * lanes;
    row[Packs - 1] = partial ? load_first<T>(last, tile.last) : load<T>(last);
  };
  Pack<T> sums[Rows][Packs];
  for (int i = 0; i < Rows; ++i) {
    for (int v = 0; v < Packs; ++v) sums[i][v] = repeat<T>(T(0));
  }
  if (tile.accumulate) {
    T* c = tile.c;
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i, c = anchored(c + tile.c_stride)) load_row(c, sums[i]);
  }
  // Three pointers and two strides, once and three times, reach all rows within the addressing modes of x86.
  const std::int64_t row_stride = packed ? 1 : tile.a_row_stride;
  const std::int64_t col_stride = packed ? kPanelRows<T> : tile.a_col_stride;
  const T* a[3] = {tile.a, anchored(tile.a + 5 * row_stride), anchored(tile.a + 10 * row_stride)};
  const T* b = tile.b;
  if (tile.depth >= kPrefetchDepth) prefetch_tile<Rows, Packs>(tile);
  for (std::int64_t p = 0; p < tile.depth; ++p, b += tile.b_stride) {
    Pack<T> row[Packs];
    load_row(b, row);
    for (int v = 0; v < Packs; ++v) keep_in_register<T>(row[v]);
    const auto factor_of_row = [&](int i) {
      if constexpr (packed && kLaneIsFactor)
        return repeat_lane<T>(load<T>(a[0] + i / lanes * lanes), i % lanes);
      else
        return repeat<T>(packed ? a[0][i] : a[i / 5][i % 5 * row_stride]);
    };
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Pack<T> factor = factor_of_row(i);
#pragma GCC unroll 2
      for (int v = 0; v < Packs; ++v) sums[i][v] = multiply_add<T>(factor, row[v], sums[i][v]);
    }
    for (const T*& group : a) group += col_stride;
  }
  T* c = anchored(tile.c);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i, c = anchored(c + tile.c_stride)) {
    for (int v = 0; v < Packs - 1; ++v) store(c + v * lanes, sums[i][v]);
    T* last = c + (Packs - 1) * lanes;
    if constexpr (partial)
      store_first<T>(last, sums[i][Packs - 1], tile.last);
    else
      store(last, sums[i][Packs - 1]);
  }
}

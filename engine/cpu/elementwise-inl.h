// One loop for all elementwise operations: out[i] = f(x0[i], x1[i], …).
//
// Each operand of a row is contiguous or a single repeated value; the loop is compiled for the combinations. Where the
// target computes on packs, the rest of a row that does not fill a pack is computed by the same instructions with some
// lanes idle, and spaced operands are first collected: a result depends on the numbers, not on where they lie. The
// functors are those of engine/ops/functors-inl.h. Output memory is new or, element for element, that of an input.

template <class T>
struct Contiguous {
  const T* data;
  T operator[](std::int64_t i) const { return data[i]; }
  Pack<T> pack(std::int64_t i) const { return load(data + i); }
  Pack<T> part(std::int64_t i, int n) const { return load_part(data + i, n); }
};
template <class T>
struct Single {
  T value;
  T operator[](std::int64_t) const { return value; }
  Pack<T> pack(std::int64_t) const { return Pack<T>(value); }
  Pack<T> part(std::int64_t, int) const { return Pack<T>(value); }
};
template <class T>
struct Spaced {
  const T* data;
  std::int64_t stride;
  T operator[](std::int64_t i) const { return data[i * stride]; }
};

template <class F, class T, class... Operands>
__attribute__((noinline)) void pack_loop(T* out, std::int64_t n, Operands... operands) {
  constexpr int lanes = kLanes<T>;
  const F f;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(out + i, f(operands.pack(i)...));
  const auto rest = static_cast<int>(n - i);
  if (rest > 0) store_part(out + i, f(operands.part(i, rest)...), rest);
}

// Functors are written for packs, unless they say that they are for numbers.
template <class F>
inline constexpr bool for_numbers_only = requires {
  F::numbers_only;
};

template <class F, class Out, class... Operands>
void row_loop(Out* out, std::int64_t n, Operands... operands) {
  if constexpr (kPacksCompute<Out> && !for_numbers_only<F>) {
    pack_loop<F>(out, n, operands...);
  } else {
    const F f;
    for (std::int64_t i = 0; i < n; ++i) out[i] = f(operands[i]...);
  }
}

// Strides 0 and 1 only, not all 0: decides one operand after another.
template <class F, class Out, class In, std::size_t N, class... Decided>
void dense_row(Out* out, std::int64_t n, const std::array<const In*, N>& x, const Offsets<N>& stride,
               Decided... decided) {
  constexpr std::size_t next = sizeof...(Decided);
  constexpr bool only_singles = (std::is_same_v<Decided, Single<In>> && ...);
  if constexpr (next == N) {
    row_loop<F>(out, n, decided...);
  } else if constexpr (next == N - 1 && only_singles) {
    row_loop<F>(out, n, decided..., Contiguous<In>{x[next]});
  } else if (stride[next] == 0) {
    dense_row<F>(out, n, x, stride, decided..., Single<In>{*x[next]});
  } else {
    dense_row<F>(out, n, x, stride, decided..., Contiguous<In>{x[next]});
  }
}

// Any strides: spaced operands are collected, a stretch at a time. At least one operand has to advance.
template <class F, class Out, class In, std::size_t N>
void spaced_row(Out* out, std::int64_t n, std::array<const In*, N> x, const Offsets<N>& stride) {
  constexpr std::int64_t stretch = 128;
  alignas(64) In collected[N][stretch];
  const bool none_advances = std::count(stride.begin(), stride.end(), 0) == std::ptrdiff_t(N);
  for (std::int64_t start = 0; start < n; start += stretch) {
    const std::int64_t count = std::min(stretch, n - start);
    std::array<const In*, N> from;
    Offsets<N> step;
    for (std::size_t k = 0; k < N; ++k) {
      const In* first = x[k] + start * stride[k];
      const bool dense = stride[k] == 1 || (stride[k] == 0 && (k > 0 || !none_advances));
      for (std::int64_t i = 0; !dense && i < count; ++i) collected[k][i] = first[i * stride[k]];
      from[k] = dense ? first : collected[k];
      step[k] = dense ? stride[k] : 1;
    }
    dense_row<F>(out + start, count, from, step);
  }
}

template <class F, class Out, class In, std::size_t N>
void row(Out* out, std::int64_t n, const std::array<const In*, N>& x, const Offsets<N>& stride) {
  const auto count = [&](std::int64_t s) { return std::count(stride.begin(), stride.end(), s); };
  const auto ones = count(1);
  if (ones > 0 && ones + count(0) == static_cast<std::ptrdiff_t>(N)) {
    dense_row<F>(out, n, x, stride);
  } else {
    spaced_row<F>(out, n, x, stride);
  }
}

// The walk does not depend on the functor: it reaches the row loops through a pointer, which keeps the program small.
template <class Out, class In, std::size_t N>
using RowFunction = void (*)(Out*, std::int64_t, const std::array<const In*, N>&, const Offsets<N>&);

template <class Out, class In, std::size_t N>
void for_each_output_row(const KernelCall& call, RowFunction<Out, In, N> function) {
  std::array<Strides, N> strides;
  for (std::size_t i = 0; i < N; ++i) strides[i] = broadcast_strides(*call.inputs[i], call.output.shape());
  const Walk<N> walk = make_walk(call.output.shape(), strides);
  Out* out = call.output.mutable_data<Out>();
  for_each_row(walk, [&](const Offsets<N>& offset) {
    std::array<const In*, N> x;
    for (std::size_t i = 0; i < N; ++i) x[i] = call.inputs[i]->template data<In>() + offset[i];
    function(out, walk.row_length(), x, walk.row_stride());
    out += walk.row_length();
  });
}

#define BRENIER_NAME(op_name, code, text) \
  inline const char* name_of(code) { return #op_name; }
BRENIER_UNARY_OPS(BRENIER_NAME)
BRENIER_BINARY_OPS(BRENIER_NAME)
#undef BRENIER_NAME
inline const char* name_of(Where) { return "where"; }

template <class F, std::size_t N>
void elementwise_kernel(const KernelCall& call) {
  const char* name = name_of(F());
  const DType dtype = call.output.dtype();
  check_inputs(name, call, dtype);
  if constexpr (accepts_integers<F>) {
    if (dtype == DType::Int64) return for_each_output_row(call, row<F, std::int64_t, std::int64_t, N>);
  }
  for_floating(name, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_output_row(call, row<F, T, T, N>);
  });
}

// The same rows without a walk, for fused groups: strides of 0 or 1.
template <class F, class T, std::size_t N>
void tile(const void* const* inputs, const std::int64_t* strides, void* const* outputs, std::int64_t n) {
  std::array<const T*, N> x;
  Offsets<N> stride;
  for (std::size_t i = 0; i < N; ++i) {
    x[i] = static_cast<const T*>(inputs[i]);
    stride[i] = strides[i];
  }
  row<F>(static_cast<T*>(outputs[0]), n, x, stride);
}

// By dtype.
template <class F, std::size_t N>
constexpr std::array<TileFunction, 3> tile_functions() {
  std::array<TileFunction, 3> functions{tile<F, float, N>, tile<F, double, N>, nullptr};
  if constexpr (accepts_integers<F>) functions[static_cast<std::size_t>(DType::Int64)] = tile<F, std::int64_t, N>;
  return functions;
}

// All members of a family at once. One text for every choice of outputs: what is not wanted costs little.
template <class F, class T>
void family_tile(const void* const* inputs, const std::int64_t*, void* const* outputs, std::int64_t n) {
  const T* x = static_cast<const T*>(inputs[0]);
  T* const to[] = {static_cast<T*>(outputs[0]), static_cast<T*>(outputs[1]), static_cast<T*>(outputs[2])};
  const F f;
  if constexpr (kPacksCompute<T>) {
    constexpr std::int64_t lanes = kLanes<T>;
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
      f(load(x + i), [&](int k, Pack<T> y) {
        if (to[k] != nullptr) store(to[k] + i, y);
      });
    const auto rest = static_cast<int>(n - i);
    if (rest > 0)
      f(load_part(x + i, rest), [&](int k, Pack<T> y) {
        if (to[k] != nullptr) store_part(to[k] + i, y, rest);
      });
  } else {
    for (std::int64_t i = 0; i < n; ++i)
      f(x[i], [&](int k, T y) {
        if (to[k] != nullptr) to[k][i] = y;
      });
  }
}
template <class F>
constexpr std::array<TileFunction, 3> family_functions() {
  return {family_tile<F, float>, family_tile<F, double>, nullptr};
}

inline void cast_kernel(const KernelCall& call) {
  for_any("cast", call.output.dtype(), [&](auto to) {
    for_any("cast", call.inputs[0]->dtype(), [&](auto from) {
      using To = typename decltype(to)::type;
      for_each_output_row(call, row<Convert<To>, To, typename decltype(from)::type, 1>);
    });
  });
}

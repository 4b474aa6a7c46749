// Random tensors from Philox. Element i is a function of (seed, counter, i) alone: seed is attributes.seed, counter is
// the int64 scalar input 0. A block of the stream has four 32-bit words w0…w3; with v0 = w0 + 2^32 w1 and
// v1 = w2 + 2^32 w3,
//
//   uniform      element 2b + j of block b: (v_j >> 11) 2^-53, in [0, 1)
//   normal       element 2b: r cos(2 pi u), 2b + 1: r sin(2 pi u), r = sqrt(-2 ln(((v0 >> 11) + 1) 2^-53)),
//                u = (v1 >> 11) 2^-53 (Box & Muller 1958; no value lies beyond 8.6)
//   Rademacher   element i: bit i mod 128 of block i / 128, lowest bit of w0 first: 0 is -1, 1 is +1
//   permutation  the order that sorts the keys v_j, ties by position
//
// Numbers are computed in double and rounded for float32, so both dtypes see the same stream.

inline PhiloxStream stream_of(const KernelCall& call) {
  return {call.attributes.seed, static_cast<std::uint64_t>(*call.inputs[0]->data<std::int64_t>())};
}

// Writes elements 2b and 2b + 1 from make(v0, v1) of block b.
template <class Out, class Make>
void fill_pairs(const PhiloxStream& stream, Out* out, std::int64_t n, Make make) {
  for (std::int64_t i = 0; i < n; i += 2) {
    const auto pair = make(pair_of(stream.block(static_cast<std::uint64_t>(i / 2))));
    out[i] = pair.first;
    if (i + 1 < n) out[i + 1] = pair.second;
  }
}

inline void random_uniform_kernel(const KernelCall& call) {
  for_floating("random_uniform", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    fill_pairs(stream_of(call), call.output.mutable_data<T>(), call.output.size(), uniform_pair<T>);
  });
}

inline void random_normal_kernel(const KernelCall& call) {
  for_floating("random_normal", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    fill_pairs(stream_of(call), call.output.mutable_data<T>(), call.output.size(), normal_pair<T>);
  });
}

template <class T>
void rademacher(const PhiloxStream& stream, T* out, std::int64_t n) {
  for (std::int64_t start = 0; start < n; start += 128) {
    const PhiloxWords words = stream.block(static_cast<std::uint64_t>(start / 128));
    const std::int64_t count = std::min<std::int64_t>(n - start, 128);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t bit = words[static_cast<int>(i / 32)] >> (i % 32) & 1u;
      out[start + i] = bit ? T(1) : T(-1);
    }
  }
}

inline void random_rademacher_kernel(const KernelCall& call) {
  for_floating("random_rademacher", call.output.dtype(), [&](auto type) {
    rademacher(stream_of(call), call.output.mutable_data<typename decltype(type)::type>(), call.output.size());
  });
}

inline void random_permutation_kernel(const KernelCall& call) {
  if (call.output.dtype() != DType::Int64) no_kernel("random_permutation", call.output.dtype());
  const std::int64_t n = call.output.size();
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(n));
  fill_pairs(stream_of(call), keys.data(), n, [](const PhiloxPair& bits) { return bits; });
  std::int64_t* out = call.output.mutable_data<std::int64_t>();
  std::iota(out, out + n, 0);
  std::sort(out, out + n, [&](std::int64_t i, std::int64_t j) {
    const std::uint64_t a = keys[static_cast<std::size_t>(i)], b = keys[static_cast<std::size_t>(j)];
    return a != b ? a < b : i < j;
  });
}

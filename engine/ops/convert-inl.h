// What Cast computes, for all backends. Compiled inside each target's region like engine/ops/functors-inl.h.

// Towards zero for integers; numbers beyond their range become the nearest end of it, and NaN becomes 0.
template <class To>
struct Convert {
  static constexpr bool numbers_only = true;
  template <class From>
  BRENIER_INLINE To operator()(From x) const {
    if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
      constexpr From limit = From(9223372036854775808.0);  // 2^63
      constexpr To least = std::numeric_limits<To>::min(), largest = std::numeric_limits<To>::max();
      if (!(x >= -limit)) return x != x ? To(0) : least;
      if (x >= limit) return largest;
    }
    return static_cast<To>(x);
  }
};

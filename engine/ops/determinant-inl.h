// Determinants from factors: of L L^T the square of the product of the diagonal of L, of P A = L U the product of the
// diagonal of U with the sign of P. Needs engine/ops/substitution-inl.h.

// ln |product of the diagonal|, with exponents taken out of the product before it overflows.
template <class T>
BRENIER_INLINE double log_of_diagonal(const Strided<const T>& a, std::int64_t n) {
  double product = 1;
  std::int64_t exponent = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    product *= std::abs(static_cast<double>(a.at(i, i)));
    const bool moderate = product > 0x1p-100 && product < 0x1p100;
    if (moderate || !(product > 0 && product < std::numeric_limits<double>::infinity())) continue;
    const int e = std::ilogb(product);
    product = std::scalbn(product, -e);
    exponent += e;
  }
  constexpr double ln2 = 0.69314718055994530942;
  return std::log(product) + static_cast<double>(exponent) * ln2;
}

// 1, -1, 0 or NaN: the signs on the diagonal times that of the row interchanges.
template <class T>
BRENIER_INLINE T sign_of_determinant(const Strided<const T>& f, std::int64_t n) {
  T sign = T(1);
  for (std::int64_t k = 0; k < n; ++k) {
    const T pivot = f.at(k, k);
    if (f.at(n, k) != static_cast<T>(k)) sign = -sign;
    sign *= pivot > T(0) ? T(1) : pivot < T(0) ? T(-1) : pivot;
  }
  return sign;
}

// How many elements a shape from outside claims to have, computed so that nothing can overflow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace brenier::experiments {

// Empty if a length is negative or the product of the non-zero lengths exceeds `limit`. Zero lengths are left out of
// that product because the engine multiplies strides even where there are no elements.
inline std::optional<std::uint64_t> bounded_element_count(std::span<const std::int64_t> lengths, std::uint64_t limit) {
  std::uint64_t product = 1;
  for (const std::int64_t length : lengths) {
    if (length < 0) return std::nullopt;
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(length, 1));
    if (product > limit / factor) return std::nullopt;
    product *= factor;
  }
  return std::find(lengths.begin(), lengths.end(), 0) == lengths.end() ? product : 0;
}

}  // namespace brenier::experiments

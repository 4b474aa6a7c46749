// Numbers that every language makes alike: element i of stream s is an integer hash of both (Wellons' lowbias32),
// divided by a power of two. Hence a peer in Python and a workload in C++ start from the same bits, and what they
// compute can be compared. bench/peers/numbers.py is the other spelling.
//
// This header needs nothing but the standard library, so that peers that are not built on the engine can use it.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace brenier::bench {

// In [-1, 1), a multiple of 2^-23, so exact in float32.
inline double number(std::uint32_t stream, std::uint32_t index) {
  std::uint32_t h = index * 2654435761u + stream * 2654435769u;
  h ^= h >> 16;
  h *= 0x7feb352du;
  h ^= h >> 15;
  h *= 0x846ca68bu;
  h ^= h >> 16;
  return static_cast<double>(h >> 8) / 8388608.0 - 1.0;
}

// What two sides compare instead of all results: the Euclidean norm of all numbers in order, and their product with
// a fixed vector, which sees entries that have changed places or signs.
struct Digest {
  double norm = 0, projection = 0;
};

constexpr std::uint32_t kDigestStream = 999;

inline Digest digest(const std::vector<double>& values) {
  Digest result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    result.norm += values[i] * values[i];
    result.projection += values[i] * number(kDigestStream, static_cast<std::uint32_t>(i));
  }
  result.norm = std::sqrt(result.norm);
  return result;
}

}  // namespace brenier::bench

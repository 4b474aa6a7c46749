// Philox4x32-10: a random function of a counter. Ten rounds of multiplication turn 128 bits of counter and 64 bits of
// key into 128 random bits; there is no state, so any number of a stream can be computed alone and in any order.
// Reference: Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3 (SC 2011), sections 3.3 and 4.
//
// The second half says which bits become which number, for all backends alike.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/host_device.h"

namespace brenier {

struct PhiloxWords {
  std::uint32_t word[4];
  BRENIER_HOST_DEVICE std::uint32_t operator[](int i) const { return word[i]; }
  friend bool operator==(const PhiloxWords&, const PhiloxWords&) = default;
};
struct PhiloxKey {
  std::uint32_t low, high;
};

// One round: two 32 x 32 -> 64 bit products; the high halves are mixed with the other words and the key.
BRENIER_HOST_DEVICE inline PhiloxWords philox_round(const PhiloxWords& c, const PhiloxKey& key) {
  const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0];
  const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c[2];
  return {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ key.low, static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ key.high, static_cast<std::uint32_t>(a)};
}

// The key moves on by the golden ratio and by sqrt(3) - 1, as fractions of 2^32, between rounds.
BRENIER_HOST_DEVICE inline PhiloxWords philox4x32_10(PhiloxWords counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    counter = philox_round(counter, key);
    key = {key.low + 0x9E3779B9u, key.high + 0xBB67AE85u};
  }
  return counter;
}

// One stream of the engine: key = seed, upper half of the counter = stream number, lower half = block number.
struct PhiloxStream {
  std::uint64_t seed = 0;
  std::uint64_t number = 0;

  BRENIER_HOST_DEVICE PhiloxWords block(std::uint64_t index) const {
    return philox4x32_10({low(index), high(index), low(number), high(number)}, {low(seed), high(seed)});
  }
  BRENIER_HOST_DEVICE static std::uint32_t low(std::uint64_t bits) { return static_cast<std::uint32_t>(bits); }
  BRENIER_HOST_DEVICE static std::uint32_t high(std::uint64_t bits) { return static_cast<std::uint32_t>(bits >> 32); }
};

// A block has four 32-bit words w0 ... w3: v0 = w0 + 2^32 w1, v1 = w2 + 2^32 w3.
template <class T>
struct RandomPair {
  T first, second;
};
using PhiloxPair = RandomPair<std::uint64_t>;
BRENIER_HOST_DEVICE inline PhiloxPair pair_of(const PhiloxWords& w) {
  return {w[0] | std::uint64_t{w[1]} << 32, w[2] | std::uint64_t{w[3]} << 32};
}

BRENIER_HOST_DEVICE inline double unit_interval(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

// Rounding to float32 could give 1, which does not belong to the interval.
template <class T>
inline constexpr T kLargestBelowOne = T(1) - std::numeric_limits<T>::epsilon() / 2;
template <class T>
BRENIER_HOST_DEVICE T uniform_number(std::uint64_t bits) {
  const T rounded = static_cast<T>(unit_interval(bits));
  return rounded < kLargestBelowOne<T> ? rounded : kLargestBelowOne<T>;
}
template <class T>
BRENIER_HOST_DEVICE RandomPair<T> uniform_pair(const PhiloxPair& bits) {
  return {uniform_number<T>(bits.first), uniform_number<T>(bits.second)};
}

// Box & Muller 1958; no value lies beyond 8.6.
template <class T>
BRENIER_HOST_DEVICE RandomPair<T> normal_pair(const PhiloxPair& bits) {
  constexpr double two_pi = 6.283185307179586476925287;
  const double radius = std::sqrt(-2.0 * std::log(unit_interval(bits.first) + 0x1p-53));
  const double angle = two_pi * unit_interval(bits.second);
  return {static_cast<T>(radius * std::cos(angle)), static_cast<T>(radius * std::sin(angle))};
}

}  // namespace brenier

// Philox4x32-10: a random function of a counter. Ten rounds of multiplication turn 128 bits of counter and 64 bits of
// key into 128 random bits; there is no state, so any number of a stream can be computed alone and in any order.
// Reference: Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3 (SC 2011), sections 3.3 and 4.
#pragma once

#include <array>
#include <cstdint>

namespace brenier::cpu {

using PhiloxWords = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// One round: two 32 x 32 -> 64 bit products; the high halves are mixed with the other words and the key.
inline PhiloxWords philox_round(const PhiloxWords& c, const PhiloxKey& key) {
  const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0];
  const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c[2];
  return {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(a)};
}

// The key moves on by the golden ratio and by sqrt(3) - 1, as fractions of 2^32, between rounds.
inline PhiloxWords philox4x32_10(PhiloxWords counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    counter = philox_round(counter, key);
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

// One stream of the engine: key = seed, upper half of the counter = stream number, lower half = block number.
struct PhiloxStream {
  std::uint64_t seed = 0;
  std::uint64_t number = 0;

  PhiloxWords block(std::uint64_t index) const {
    return philox4x32_10({low(index), high(index), low(number), high(number)}, {low(seed), high(seed)});
  }
  static std::uint32_t low(std::uint64_t bits) { return static_cast<std::uint32_t>(bits); }
  static std::uint32_t high(std::uint64_t bits) { return static_cast<std::uint32_t>(bits >> 32); }
};

}  // namespace brenier::cpu

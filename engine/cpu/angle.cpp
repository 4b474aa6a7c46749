// With x = m 2^e, m an integer of 53 bits, the bits of 2^e (2/pi) that count 4 or more only add whole turns to
// x (2/pi). Of the others 192 suffice: they leave an error of 2^-137 quarter turns, and no double comes nearer to a
// multiple of pi/2 than 2^-62.
#include "engine/cpu/angle.h"

#include <cmath>
#include <cstdint>

namespace brenier::cpu {

namespace {

__extension__ typedef unsigned __int128 Unsigned128;
__extension__ typedef __int128 Signed128;

// The binary digits of 2/pi after the point; 64 zeros before them, where the window of a small x begins.
constexpr std::uint64_t kTwoOverPi[] = {
    0,
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
    0xf0cfbc209af4361d,
};

// 64 digits from a position in the table.
std::uint64_t digits_at(int position) {
  const std::uint64_t* word = kTwoOverPi + position / 64;
  const int shift = position % 64;
  return shift == 0 ? word[0] : word[0] << shift | word[1] >> (64 - shift);
}

}  // namespace

ReducedAngle reduce_huge_angle(double x) {
  int exponent = 0;
  const auto m = static_cast<std::uint64_t>(std::ldexp(std::frexp(x, &exponent), 53));
  const int start = 64 + (exponent - 53) - 2;  // the digit that counts 2 quarter turns
  // m times the window, modulo 4 quarter turns, as 192 bits of which the uppermost two are the quadrant.
  const Unsigned128 low = static_cast<Unsigned128>(m) * digits_at(start + 128);
  const Unsigned128 middle = static_cast<Unsigned128>(m) * digits_at(start + 64) + (low >> 64);
  const std::uint64_t high = m * digits_at(start) + static_cast<std::uint64_t>(middle >> 64);
  const Unsigned128 turns = static_cast<Unsigned128>(high) << 64 | static_cast<std::uint64_t>(middle);
  const Unsigned128 rest = turns << 2 | static_cast<std::uint64_t>(low) >> 62;

  // The rest is a signed part of a quarter turn, in [-1/2, 1/2); half of it converts to double and back safely.
  const Signed128 half = static_cast<Signed128>(rest) >> 1;
  const int quadrant = static_cast<int>((turns >> 126) + (turns >> 125 & 1)) & 3;
  const auto leading = static_cast<double>(half);
  const auto trailing = static_cast<double>(half - static_cast<Signed128>(leading));
  constexpr double half_pi = 0x1.921fb54442d18p+0, half_pi_error = 0x1.1a62633145c07p-54;
  const double part = leading * 0x1p-127, part_error = trailing * 0x1p-127;
  const double r = part * half_pi;
  return {quadrant, r, std::fma(part, half_pi, -r) + (part * half_pi_error + part_error * half_pi)};
}

}  // namespace brenier::cpu

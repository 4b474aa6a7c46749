// Random bytes as a PNG picture: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must survive being written as PNG and read again. Every input is read as it is, and once more with the right
// checksums, without which nothing behind them would be reached.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/png_fuzz.cpp …
#include <zlib.h>

#include <string>
#include <string_view>

#include "experiments/support/images.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static std::uint32_t big_endian(const std::string& bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

static std::string with_checksums(std::string bytes) {
  for (std::size_t offset = 8; offset + 12 <= bytes.size();) {
    const std::size_t length = big_endian(bytes, offset);
    if (length > bytes.size() - offset - 12) break;
    const auto* checked = reinterpret_cast<const Bytef*>(bytes.data() + offset + 4);
    const uLong sum = crc32(0, checked, static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) bytes[offset + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i) & 0xFF);
    offset += length + 12;
  }
  return bytes;
}

static void read_picture(std::string_view bytes) {
  const Image image = from_png(bytes, "input", 1 << 16);
  if (from_png(to_png(image), "written").values != image.values) __builtin_trap();
}

static void read(std::string_view bytes) {
  try {
    read_picture(bytes);
  } catch (const InputError&) {
    read_picture(with_checksums(std::string(bytes)));
  }
}

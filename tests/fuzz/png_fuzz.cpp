// Random bytes as a PNG picture: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must survive being written as PNG and read again.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/png_fuzz.cpp …
#include <string_view>

#include "experiments/support/images.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static void read(std::string_view bytes) {
  const Image image = from_png(bytes, "input", 1 << 16);
  if (from_png(to_png(image), "written").values != image.values) __builtin_trap();
}

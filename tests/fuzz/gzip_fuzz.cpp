// Random bytes as a gzip stream: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must survive being written and read again.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/gzip_fuzz.cpp …
#include <string>
#include <string_view>

#include "experiments/support/gzip.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static void read(std::string_view bytes) {
  const std::string text = gunzip(bytes, "input", 1 << 20);
  if (gunzip(gzip(text), "written") != text) __builtin_trap();
}

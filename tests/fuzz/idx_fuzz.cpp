// Random bytes as an IDX file: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must survive being written and read again.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/idx_fuzz.cpp …
#include <string>
#include <string_view>

#include "experiments/support/idx.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static void read(std::string_view bytes) {
  const std::string written = to_idx(from_idx(bytes, "input"));
  if (to_idx(from_idx(written, "written")) != written) __builtin_trap();
}

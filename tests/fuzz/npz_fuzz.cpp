// Random bytes as an archive of arrays: the reader may refuse them with a sentence, and do nothing else. Every array that
// it accepts must survive being written and read again.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/npz_fuzz.cpp …
#include <string>
#include <string_view>

#include "experiments/support/npz.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static void read(std::string_view bytes) {
  const NpzFile file(std::string(bytes), "input", 1 << 20);
  for (const std::string& name : file.names()) {
    const std::string written = to_npy(file.at(name));
    if (to_npy(from_npy(written, "written")) != written) __builtin_trap();
  }
}

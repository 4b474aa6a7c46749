// Random bytes as a table: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must survive being written and read again.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/csv_fuzz.cpp …
#include <string>
#include <string_view>

#include "experiments/support/csv.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static void read(std::string_view bytes) {
  const brenier::Tensor values = from_csv(bytes, "input");
  if (from_csv(to_csv(values), "written").to_vector<double>() != values.to_vector<double>()) __builtin_trap();
}

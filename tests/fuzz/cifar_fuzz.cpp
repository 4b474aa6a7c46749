// Random bytes as CIFAR-10 records: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must be written as it was.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz/cifar_fuzz.cpp …
#include <string_view>

#include "experiments/support/cifar.h"
#include "tests/fuzz/entry.h"

using namespace brenier::experiments;

static void read(std::string_view bytes) {
  if (to_cifar(from_cifar(bytes, "input")) != bytes) __builtin_trap();
}

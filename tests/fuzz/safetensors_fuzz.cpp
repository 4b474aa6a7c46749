// Random bytes as a safetensors file: the reader may refuse them with a sentence, and do nothing else. What it accepts
// must survive being written and read again.
//
//   clang++ -std=c++20 -fsized-deallocation -g -O1 -fsanitize=fuzzer,address,undefined -I.
//   tests/fuzz/safetensors_fuzz.cpp …
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "experiments/support/input_error.h"
#include "experiments/support/safetensors.h"

using namespace brenier::experiments;

namespace {

void read(std::string_view bytes) {
  const std::string written = to_safetensors(from_safetensors(bytes, "input"));
  if (to_safetensors(from_safetensors(written, "written")) != written) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    read({reinterpret_cast<const char*>(data), size});
  } catch (const InputError&) {
    return 0;
  }
  return 0;
}

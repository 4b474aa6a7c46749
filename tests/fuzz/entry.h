// The entry point that all fuzz targets share. A target defines read(bytes), which may refuse its input with an InputError
// and do nothing else, and includes this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "experiments/support/input_error.h"

static void read(std::string_view bytes);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    read({reinterpret_cast<const char*>(data), size});
  } catch (const brenier::experiments::InputError&) {
    return 0;
  }
  return 0;
}

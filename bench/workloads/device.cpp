#include "bench/workloads/device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "engine/backend.h"

namespace brenier::bench {
namespace {

[[noreturn]] void fail(const char* program, const char* what, int status) {
  std::cerr << program << ": " << what << '\n';
  std::exit(status);
}

}  // namespace

void choose_device(int& argc, char** argv) {
  char** const option =
      std::find_if(argv, argv + argc, [](const char* word) { return !std::strcmp(word, "--device"); });
  const auto at = option - argv;
  if (at == argc) return;
  if (at + 1 == argc) fail(argv[0], "--device needs a name: cpu, cuda or cuda-on-host", 2);
  const char* const name = argv[at + 1];
  try {
    set_default_backend(backend_named(name));
  } catch (const std::invalid_argument& error) {
    fail(argv[0], error.what(), std::strcmp(name, "cuda") ? 2 : 3);
  }
  std::copy(option + 2, argv + argc + 1, option);  // with the null at the end
  argc -= 2;
}

bool on_cpu() { return &default_backend() == &cpu_backend(); }

void finish_device() {
  if (default_backend().synchronize) default_backend().synchronize();
}

}  // namespace brenier::bench

// The entry point of the test program: doctest's own, after choosing the device.
//
// `brenier_tests --test-case="*Hessian*"` runs a selection, `--list-test-cases` prints all names. BRENIER_DEVICE=NAME
// makes tensors on another device than the CPU: cuda-on-host runs the CUDA kernels without a GPU, cuda with one.
// Every random number in the tests comes from a seeded std::mt19937_64; the seed is part of the failure message.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "engine/backend.h"

int main(int argument_count, char** arguments) {
  try {
    if (const char* name = std::getenv("BRENIER_DEVICE")) brenier::set_default_backend(brenier::backend_named(name));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 3;
  }
  return doctest::Context(argument_count, arguments).run();
}

// A number of threads for one test.
#pragma once

#include "engine/backend.h"

namespace brenier::testing {

struct WithThreads {
  explicit WithThreads(int count) : before(threads()) { set_threads(count); }
  ~WithThreads() { set_threads(before); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;
  int before;
};

}  // namespace brenier::testing

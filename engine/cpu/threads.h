// A small pool of threads that lives as long as the program, for kernels that split their work by rows.
//
//   parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) { … rows begin … end - 1 … });
//
// The calling thread works too, and whoever is free takes the next `grain` rows. A body must therefore compute the
// same numbers however the rows are cut and whoever computes them: no sums across pieces. set_threads() and threads()
// are in engine/backend.h. The loop runs in the calling thread alone when there is one thread or one piece, inside
// another parallel_for, and while another thread of the program is using the pool: two loops at a time would only
// compete for the same cores.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backend.h"

namespace brenier::cpu {

// The untyped form: run(body, begin, end). An exception of a piece is thrown again here, after all have ended.
void parallel_run(std::int64_t count, std::int64_t grain, void (*run)(const void*, std::int64_t, std::int64_t),
                  const void* body);

template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
  if (count <= grain || threads() == 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
  const auto run = [](const void* b, std::int64_t begin, std::int64_t end) {
    (*static_cast<const Body*>(b))(begin, end);
  };
  parallel_run(count, grain, run, &body);
}

// Memory of the calling thread, aligned to 64 bytes and uninitialised. It grows to the largest size asked for and
// stays, so a kernel that has run once allocates nothing. A second call with the same name returns the same memory.
enum class Scratch { SharedPanels, OwnPanel, Result, Group, Factor, Reciprocals, kCount };
void* scratch(Scratch name, std::size_t bytes);

}  // namespace brenier::cpu

// Ten elementwise operations in a row on 16 million numbers. Compiled into one pass they read every number once and
// write it once, and memory is the bound; eagerly each operation reads and writes.
#include "bench/workloads/recording.h"

namespace brenier::bench {

void add_stream(std::vector<Workload>& list) {
  constexpr std::int64_t kCount = std::int64_t{1} << 24;
  const auto make = []() -> std::pair<Formula, Tensors> {
    const Formula chain = [](const Tensors& in) {
      Tensor x = in[0];
      for (int i = 0; i < 5; ++i) x = x * 0.5 + 1.0;
      return Tensors{x};
    };
    return {chain, {formula_tensor(kPoints, {kCount}, 1.0)}};
  };
  add_formula(list, "stream/16M/ten_operations", {.bytes = 2.0 * sizeof(float) * static_cast<double>(kCount)},
              evaluated, make);
  list.back().has_peers = false;
}

}  // namespace brenier::bench

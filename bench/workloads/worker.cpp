// Brenier's own worker for bench/compare.py: the workloads in their best form, compiled where there is one.
// usage: brenier_worker [--threads N] [--device NAME] [--eager]
#include "bench/workloads/worker.h"

#include <algorithm>
#include <string_view>

#include "bench/workloads/device.h"
#include "bench/workloads/workload.h"
#include "engine/backend.h"

namespace {

using namespace brenier;
using namespace brenier::bench;

std::vector<double> flatten(const Tensors& results) {
  std::vector<double> flat;
  for (const Tensor& result : results) {
    const std::vector<double> values = result.to_vector<double>();
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

std::optional<Task> prepare(const Workload& workload, const std::function<Prepared()>& form, int threads) {
  const auto prepared = std::make_shared<Prepared>(form());
  return Task{.run = [prepared] { prepared->run(); },
              .values = [prepared] { return flatten(prepared->values ? prepared->values() : prepared->run()); },
              .operations = workload.operations,
              .bound_us = on_cpu() ? 1e6 * bound_seconds(workload.work, threads) / workload.operations : 0,
              .finish = finish_device};
}

}  // namespace

int main(int argc, char** argv) {
  choose_device(argc, argv);
  const int threads = threads_option(argc, argv);
  const bool eager = std::find(argv + 1, argv + argc, std::string_view("--eager")) != argv + argc;
  set_threads(threads);
  Worker worker{.peer = "brenier",
                .version = BRENIER_VERSION,
                .threads = threads,
                .on_cpu = on_cpu(),
                .names = {},
                .prepare = {}};
  for (const Workload& workload : workloads())
    if (workload.has_peers) worker.names.push_back(workload.name);
  worker.prepare = [=](const std::string& name, std::string& why) -> std::optional<Task> {
    for (const Workload& workload : workloads()) {
      if (workload.name != name) continue;
      const auto& form = eager ? workload.eager : best_form(workload);
      if (form) return prepare(workload, form, threads);
      why = "has no eager form";
    }
    return std::nullopt;
  };
  serve(worker);
}

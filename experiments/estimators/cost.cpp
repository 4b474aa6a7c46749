// Figures 2 and 9 of the paper: peak memory and seconds of one gradient of ln det, through m steps of Lanczos and by the
// surrogate with k iterations of conjugate gradients.
//
// Peak memory is that of the engine's own counter, beyond what was there before. Both gradients are taken on a tape, which
// keeps every intermediate value until it ends, as the paper's framework does.
#include <chrono>
#include <vector>

#include "engine/brenier.h"
#include "engine/memory.h"
#include "experiments/estimators/flow_potential.h"
#include "experiments/estimators/studies.h"
#include "experiments/support/map_fitting.h"

namespace brenier::experiments {

std::vector<std::int64_t> step_counts(std::int64_t d) {
  std::vector<std::int64_t> result;
  for (std::int64_t m : {1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 36})
    if (m < d) result.push_back(m);
  result.push_back(d);
  return result;
}

namespace {

struct Cost {
  double seconds = 0, megabytes = 0;  // the latter at the peak, beyond what was there before
};

// One call of `work`; its result lives until the end.
template <class Work>
Cost cost_of(const Work& work) {
  using Clock = std::chrono::steady_clock;
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  const auto start = Clock::now();
  const auto result = work();
  result.quadratic.item();  // waits for the device
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {seconds, static_cast<double>(memory_stats().peak_bytes - before) / 1e6};
}

}  // namespace

void study_cost(Run& run, const Settings& settings) {
  const Tensor x = random_normal({run.seed(), 100}, {settings.batch, settings.dim}, run.dtype());
  const Tensor v = random_rademacher({run.seed(), 101}, x.shape(), run.dtype());
  const auto u = FlowPotential::random({run.seed(), 102}, x, settings.units, settings.layers);
  LinePlot memory{.name = "memory", .title = "One gradient of ln det of a flow"};
  memory.x_label = "steps of Lanczos or conjugate gradients";
  memory.y_label = "peak memory (MB)";
  LinePlot seconds = memory;
  seconds.name = "seconds";
  seconds.y_label = "seconds";
  for (const Method& method : kMethods) memory.curves.push_back({method.name}), seconds.curves.push_back({method.name});
  for (std::int64_t steps : step_counts(settings.dim)) {
    std::vector<double> times[2];
    Cost cost[2];
    for (std::int64_t i = 0; i < settings.repetitions; ++i)
      for (std::size_t k = 0; k < 2; ++k) {
        run.poll_interrupt();
        cost[k] = cost_of([&] { return kMethods[k].gradient(u, x, v, steps); });
        times[k].push_back(cost[k].seconds);
      }
    for (std::size_t k = 0; k < 2; ++k) {
      run.add_result({{"study", "cost"},
                      {"method", kMethods[k].name},
                      {"steps", steps},
                      {"peak_megabytes", cost[k].megabytes},
                      {"seconds", median(times[k])}});
      memory.curves[k].x.push_back(static_cast<double>(steps));
      memory.curves[k].y.push_back(cost[k].megabytes);
      seconds.curves[k].x.push_back(static_cast<double>(steps));
      seconds.curves[k].y.push_back(median(times[k]));
    }
  }
  run.draw(memory);
  run.draw(seconds);
}

}  // namespace brenier::experiments

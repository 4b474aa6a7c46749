// Figures 2 and 9 of the paper: peak memory and seconds of one gradient of ln det, through m steps of Lanczos and by the
// surrogate with k iterations of conjugate gradients.
//
// Peak memory is that of the engine's own counter, beyond what was there before. Both gradients are taken on a tape, which
// keeps every intermediate value until it ends, as the paper's framework does.
#include <array>
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
  result.quadratic_weight.item();  // waits for the device
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return {seconds, static_cast<double>(memory_stats().peak_bytes - before) / 1e6};
}

// Both methods in turn; the seconds are medians.
std::array<Cost, 2> costs_of(Run& run, const Settings& settings, const FlowPotential& u, const Tensor& x,
                             std::int64_t steps) {
  const Tensor v = random_rademacher({run.seed(), 101}, x.shape(), x.dtype());
  std::array<std::vector<double>, 2> seconds;
  std::array<Cost, 2> costs;
  for (std::int64_t i = 0; i < settings.repetitions; ++i)
    for (std::size_t k = 0; k < 2; ++k) {
      run.poll_interrupt();
      costs[k] = cost_of([&] { return kMethods[k].gradient(u, x, v, steps); });
      seconds[k].push_back(costs[k].seconds);
    }
  for (std::size_t k = 0; k < 2; ++k) costs[k].seconds = median(seconds[k]);
  return costs;
}

void add_point(Curve& curve, std::int64_t x, double y) {
  curve.x.push_back(static_cast<double>(x));
  curve.y.push_back(y);
}

}  // namespace

void study_cost(Run& run, const Settings& settings) {
  const Tensor x = random_normal({run.seed(), 100}, {settings.batch, settings.dim}, run.dtype());
  const auto u = random_potential({run.seed(), 102}, x, settings.units, settings.layers);
  LinePlot memory{.name = "memory", .title = "One gradient of ln det of a flow"};
  memory.x_label = "steps of Lanczos or conjugate gradients";
  memory.y_label = "peak memory (MB)";
  for (const Method& method : kMethods) memory.curves.push_back({method.name});
  LinePlot seconds = memory;
  seconds.name = "seconds";
  seconds.y_label = "seconds";
  for (std::int64_t steps : step_counts(settings.dim)) {
    const std::array<Cost, 2> costs = costs_of(run, settings, u, x, steps);
    for (std::size_t k = 0; k < 2; ++k) {
      run.add_result({{"study", "cost"},
                      {"method", kMethods[k].name},
                      {"steps", steps},
                      {"peak_megabytes", costs[k].megabytes},
                      {"seconds", costs[k].seconds}});
      add_point(memory.curves[k], steps, costs[k].megabytes);
      add_point(seconds.curves[k], steps, costs[k].seconds);
    }
  }
  run.draw(memory);
  run.draw(seconds);
}

}  // namespace brenier::experiments

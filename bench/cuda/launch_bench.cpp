// What a launch costs: a thousand additions of 32 numbers, one by one, recorded, and repeated from the recording. Times
// are per addition.
#include <chrono>

#include "bench/cuda/gemm.h"
#include "bench/cuda/register.h"
#include "engine/backend.h"
#include "engine/ops.h"

namespace brenier::bench {
namespace {

constexpr int kLaunches = 1000;

class Additions {
 public:
  void run() {
    const Tensor* const inputs[] = {&x_, &x_};
    const Kernel add = backend_.kernels[static_cast<std::size_t>(OpCode::Add)];
    for (int i = 0; i < kLaunches; ++i) add({inputs, sum_, attributes_});
  }
  std::unique_ptr<LaunchSequence> record() {
    return backend_.record([this] { run(); });
  }

 private:
  const Backend& backend_ = default_backend();
  const Tensor x_ = random_matrix(1, 1, 32, DType::Float32);
  Tensor sum_ = Tensor::uninitialized(x_.shape(), x_.dtype(), backend_);
  const Attributes attributes_{};
};

GpuTime per_launch(const std::function<void()>& run) {
  const GpuTime time = gpu_time(run, 1, Cache::Kept);
  return {time.us / kLaunches, time.spread};
}

GpuRow one_by_one() {
  Additions additions;
  const GpuTime time = per_launch([&] { additions.run(); });
  return {.name = {}, .us = time.us, .spread = time.spread};
}

GpuRow replayed() {
  Additions additions;
  const auto sequence = additions.record();
  const GpuTime time = per_launch([&] { sequence->run(); });
  return {.name = {}, .us = time.us, .spread = time.spread, .peer = "one by one", .peer_us = one_by_one().us};
}

// On the host.
GpuRow recorded() {
  using Clock = std::chrono::steady_clock;
  Additions additions;
  additions.run();
  const auto start = Clock::now();
  additions.record();
  return {.name = {}, .us = 1e6 * std::chrono::duration<double>(Clock::now() - start).count() / kLaunches};
}

}  // namespace

void add_launches(std::vector<GpuCase>& cases) {
  cases.push_back({"launch/one_by_one", one_by_one});
  cases.push_back({"launch/record", recorded});
  cases.push_back({"launch/replay", replayed});
}

}  // namespace brenier::bench

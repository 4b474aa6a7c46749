// Programs on a device: recorded when their memory comes for the second time, repeated after that, recorded anew for
// other memory.
#include <doctest/doctest.h>

#include <vector>

#include "engine/backend.h"
#include "engine/ops.h"
#include "engine/program/program.h"
#include "engine/tape.h"
#include "tests/support/compiled.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

int recordings = 0;
int replays = 0;

class CountedSequence : public LaunchSequence {
 public:
  explicit CountedSequence(std::unique_ptr<LaunchSequence> sequence) : sequence_(std::move(sequence)) {}
  void run() override {
    ++replays;
    sequence_->run();
  }

 private:
  std::unique_ptr<LaunchSequence> sequence_;
};

// The device with its recordings counted, as default as long as this lives.
class CountedDevice {
 public:
  CountedDevice() : before_(default_backend()) {
    static Backend counted;  // blocks of memory remember their backend
    counted = backend_named("cuda-on-host");
    counted.record = [](const std::function<void()>& body) -> std::unique_ptr<LaunchSequence> {
      ++recordings;
      return std::make_unique<CountedSequence>(backend_named("cuda-on-host").record(body));
    };
    recordings = replays = 0;
    set_default_backend(counted);
  }
  ~CountedDevice() { set_default_backend(before_); }

 private:
  const Backend& before_;
};

// Elementwise groups, products, and sums in two stages, which borrow memory while they run.
Tensor function_of(const Tensor& x, const Tensor& w) {
  return sum(softplus(matmul(x, w)) * tanh(x), {0}) + sum(x, {0}) * sum(w);
}

TEST_CASE("a program on a device is recorded for memory that comes again, and repeats its numbers") {
  Sampler sampler(3);
  const Tensor x_values = sampler.uniform({3000, 8}).to(cpu_backend()),
               w_values = sampler.uniform({8, 8}).to(cpu_backend());
  const CountedDevice device;
  const Tensor x = x_values.to(default_backend()), w = w_values.to(default_backend());
  Tape tape({.recording_program = true});
  const Tensor watched_x = tape.watch(x), watched_w = tape.watch(w);
  const Program program = compile({watched_x, watched_w}, {function_of(watched_x, watched_w)});
  const Tensor expected = function_of(x, w);

  std::vector<Tensor> outputs;
  std::vector<Tensor> borrowed;  // what a recording borrowed must not be handed out to others
  for (int run = 0; run < 6; ++run) {
    program.run({x, w}, outputs);
    CHECK(bit_mismatch(outputs[0], expected) == "");
    borrowed.push_back(Tensor::uninitialized({3000}, DType::Float64, default_backend()));
    outputs.clear();
  }
#if !defined(__SANITIZE_ADDRESS__)  // where freed memory does not come again
  CHECK(recordings == 1);
  CHECK(replays == 5);
#endif
  const Tensor other = (x + 1.0);
  CHECK(bit_mismatch(program({other, w})[0], function_of(other, w)) == "");
  CHECK(bit_mismatch(program({x, w})[0], expected) == "");
}

}  // namespace
}  // namespace brenier::testing

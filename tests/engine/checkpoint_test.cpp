// checkpoint: the same numbers in both modes and at second order, with less memory held.
#include <doctest/doctest.h>

#include <functional>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

// A block of ten layers that keep the shape; `layers` such blocks make a deep chain.
Tensor block(const std::vector<Tensor>& in) {
  Tensor z = in[0];
  for (int k = 0; k < 10; ++k) z = tanh(1.1 * z + in[1]);
  return z;
}

Tensor checkpointed_block(const std::vector<Tensor>& in) { return checkpoint(block, in); }

using Block = Tensor (*)(const std::vector<Tensor>&);
constexpr Block kBlocks[] = {block, checkpointed_block};

Tensor chain(Block f, Tensor z, const Tensor& shift, int blocks) {
  for (int k = 0; k < blocks; ++k) z = f({z, shift});
  return z;
}

// The largest number of bytes held while f runs, above what was held before.
std::size_t peak_of(const std::function<void()>& f) {
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  f();
  return memory_stats().peak_bytes - before;
}

TEST_SUITE("checkpoint") {
  TEST_CASE("values and derivatives to third order equal those without, in both modes") {
    Sampler sampler(31);
    const Tensor point = sampler.uniform({4}), offset = sampler.uniform({4}, -0.2, 0.2);
    const Tensor v = sampler.direction({4}), w = sampler.direction({4});
    std::vector<Tensor> results[2];
    for (int k = 0; k < 2; ++k) {
      Tape tape;
      const Tensor x = tape.watch(point), shift = tape.watch(offset);
      const Tensor y = chain(kBlocks[k], x, shift, 2), total = sum(square(y));
      const Tensor g = grad(total, x);
      for (const Tensor& result :
           {y, g, grad(total, shift), jvp(y, shift, v), jvp(g, x, v), grad(dot(g, v), shift), grad(jvp(total, x, v), x),
            jvp(jvp(g, x, v), shift, w), grad(dot(jvp(g, x, v), w), x), jacobian(y, x), hessian(total, shift)}) {
        results[k].push_back(result.detached());
      }
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      INFO("result ", i);
      CHECK(max_abs(results[0][i]) > 1e-6);
      CHECK(rounding_mismatch(results[1][i], results[0][i], 100) == "");
    }
  }

  TEST_CASE("the memory peak of a gradient is lower") {
    constexpr std::int64_t kSize = 1 << 13;
    constexpr int kChain = 20;
    Sampler sampler(32);
    const Tensor point = sampler.uniform({kSize}), offset = sampler.uniform({kSize});
    std::size_t peaks[2];
    for (int k = 0; k < 2; ++k) {
      peaks[k] = peak_of([&] {
        Tape tape;
        const Tensor x = tape.watch(point);
        chain(kBlocks[k], x, offset, kChain);
      });
    }
    // 30 results per block are kept without checkpoints, one with; the gradient is measured below.
    CHECK(peaks[1] * 4 < peaks[0]);
    for (int k = 0; k < 2; ++k) {
      peaks[k] = peak_of([&] {
        Tape tape;
        const Tensor x = tape.watch(point);
        grad(sum(chain(kBlocks[k], x, offset, kChain)), x);
      });
    }
    CHECK(peaks[1] * 4 < peaks[0]);
  }

  TEST_CASE("a checkpoint whose result does not depend on an input gives zeros for it") {
    Tape tape;
    const Tensor a = tape.watch(tensor({1.0, 2.0})), b = tape.watch(tensor({3.0, 4.0}));
    const Tensor y = checkpoint([](const std::vector<Tensor>& in) { return square(in[0]); }, {a, b});
    CHECK(mismatch(grad(sum(y), b), zeros({2}), 0) == "");
    CHECK(mismatch(grad(sum(y), a), tensor({2.0, 4.0}), 0) == "");
    const Tensor constant = checkpoint([](const std::vector<Tensor>&) { return tensor(5.0); }, {a});
    CHECK(mismatch(grad(constant * sum(a), a), tensor({5.0, 5.0}), 0) == "");
  }

  TEST_CASE("a checkpoint of constants is a constant, and misuse is refused") {
    CHECK(mismatch(checkpoint(block, {zeros({2}), zeros({2})}), zeros({2}), 0) == "");
    CHECK(lacks(message_of([] { checkpoint(block, {zeros({2}), index_tensor({1, 2})}); }), {"[checkpoint]"}) == "");
    CHECK(lacks(message_of([] { checkpoint(block, {zeros({2}), Tensor()}); }), {"[checkpoint]"}) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

// A tape that records a program leaves out the values that depend on watched ones: recording costs neither time nor
// memory in proportion to the data. Where the engine needs such a value after all, it is the right one.
#include <doctest/doctest.h>

#include "engine/brenier.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace brenier {
namespace {

using brenier::testing::max_abs;
using brenier::testing::message_of;

TEST_CASE("recording a program takes no memory for intermediate values") {
  const Tensor x = random_normal({1, 0}, {1000, 100});
  release_cached_memory();
  reset_peak_memory();
  const std::size_t before = memory_stats().current_bytes;
  Tape tape({.recording_program = true});
  const Tensor input = tape.watch(x);
  Tensor y = input;
  for (int k = 0; k < 50; ++k) y = tanh(y) * 1.5;
  const Tensor g = grad(sum(y), input);
  CHECK_FALSE(y.has_value());
  // Of the 150 values that depend on the input each would have 800,000 bytes. One that does not is there, the cotangent.
  CHECK(memory_stats().peak_bytes - before < 2'000'000);
  const Tensor program_g = compile({input}, {g})(x);

  Tape eager;
  Tensor z = eager.watch(x);
  const Tensor start = z;
  for (int k = 0; k < 50; ++k) z = tanh(z) * 1.5;
  CHECK(max_abs(program_g - grad(sum(z), start).detached()) < 1e-13);
}

TEST_CASE("a captured value that was left out is computed when the program is cut") {
  const Tensor x = random_normal({1, 1}, {4, 3}), v = random_normal({1, 2}, {4, 3});
  Tape tape({.recording_program = true});
  const Tensor at = tape.watch(x), direction = tape.watch(v);
  const Tensor g = grad(sum(exp(at) * sum(at, {-1}, true)), at);
  const Program product = compile({direction}, {jvp(g, at, direction)});
  // d/dx of Σ_i e^{x_i} Σ_j x_j, along v: e^x v S + e^x Σv + Σ(e^x v)
  const Tensor e = exp(x), total = sum(x, {-1}, true), slope = sum(v, {-1}, true);
  const Tensor expected = e * v * total + e * slope + sum(e * v, {-1}, true);
  CHECK(max_abs(product(v) - expected) < 1e-12);
  CHECK(max_abs(product(2.0 * v) - 2.0 * expected) < 1e-12);
}

TEST_CASE("a value that was left out cannot be read, during recording or after it") {
  Tensor y;
  {
    Tape tape({.recording_program = true});
    y = exp(tape.watch(tensor({1.0, 2.0})));
    CHECK(message_of([&] { y.to_vector<double>(); }).find("program being recorded") != std::string::npos);
  }
  CHECK(message_of([&] { y.to_vector<double>(); }) ==
        "[to_vector] a tensor of shape [2] has no value: it was recorded for a program, which computes it when it is "
        "run");
  CHECK(message_of([&] { exp(y); }) == "[exp] an argument of shape [2] has no value: it was recorded for a program");
}

TEST_CASE("a NaN trap computes what is recorded for a program") {
  Tape tape({.nan_trap = true, .recording_program = true});
  const Tensor x = tape.watch(tensor({-1.0, 4.0}));
  CHECK(sqrt(abs(x)).has_value());
  CHECK_THROWS_AS(sqrt(x), std::domain_error);
}

TEST_CASE("shapes and dtypes that do not fit are errors while recording too") {
  Tape tape({.recording_program = true});
  const Tensor x = tape.watch(zeros({2, 3}));
  CHECK(message_of([&] { matmul(x, zeros({2, 3})); }).find("[matmul]") == 0);
  CHECK(message_of([&] { x + Tensor(); }).find("undefined") != std::string::npos);
}

}  // namespace
}  // namespace brenier

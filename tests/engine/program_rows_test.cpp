// Programs that compute rows tile by tile: the same numbers up to the order of sums over rows, whatever the tile and the
// number of threads, and results that later runs leave alone.
#include <doctest/doctest.h>

#include "engine/autodiff.h"
#include "engine/memory.h"
#include "engine/ops.h"
#include "tests/support/compare.h"
#include "tests/support/compiled.h"
#include "tests/support/heap_count.h"
#include "tests/support/op_case_maps.h"
#include "tests/support/random_expression.h"
#include "tests/support/small_icnn.h"
#include "tests/support/with_threads.h"

namespace brenier::testing {
namespace {

// Sums of at most some hundred terms in another order, each off by some hundred roundings of 2^-52, and what later
// operations make of that: the random expressions are built to have slopes of at most a few hundred.
constexpr double kTolerance = 1e-9;

struct Step {
  Program program;
  Tensors inputs;   // points, targets, parameters
  Tensors outputs;  // of an eager evaluation: loss, gradient map, slopes of the loss
};

Step training_step(std::int64_t rows, std::int64_t tile_rows) {
  Sampler sampler(7);
  const SmallIcnn icnn = make_small_icnn(3, 8, sampler);
  Step step;
  Tape tape;
  step.inputs = {sampler.uniform({rows, 3}), sampler.uniform({rows, 3})};
  for (const NamedParameter& parameter : parameters_of(icnn)) step.inputs.push_back(parameter.value);
  const Tensor points = tape.watch(step.inputs[0]), targets = tape.watch(step.inputs[1]);
  const SmallIcnn recorded = tape.watch(icnn);
  Tensors watched{points, targets}, parameters;
  for (const NamedParameter& parameter : parameters_of(recorded)) parameters.push_back(parameter.value);
  watched.insert(watched.end(), parameters.begin(), parameters.end());
  const Tensor map = grad(sum(recorded(points)), points);
  Tensors outputs{mean(square(map - targets)), transpose(map)};
  for (const Tensor& slope : grad(outputs[0], parameters)) outputs.push_back(slope);
  step.program = compile(watched, outputs, {.tile_rows = tile_rows});
  for (const Tensor& y : outputs) step.outputs.push_back(y.untracked());
  return step;
}

std::string differences(const Tensors& got, const Tensors& expected, double tolerance) {
  std::string all;
  for (std::size_t i = 0; i < expected.size(); ++i)
    all += mismatch(got[i], expected[i], tolerance * max_abs(expected[i]));
  return all;
}

TEST_SUITE("program") {
  TEST_CASE("every operation and its first derivatives run in tiles of rows as they run eagerly") {
    int tiled = 0;
    for_each_row([&](const OpCase&, const Map& map, Sampler& sampler) {
      std::string wrong;
      for (std::int64_t tile : {1, 2, 100}) {
        wrong += compare_tiled(map, map.arguments, tile, kTolerance, tiled);
        if (map.active.empty()) continue;
        const Map slope = vjp_of(map, cotangents_for(map, sampler)), push = jvp_of(map, tangents_for(map, sampler));
        wrong += compare_tiled(slope, slope.arguments, tile, kTolerance, tiled);
        wrong += compare_tiled(push, push.arguments, tile, kTolerance, tiled);
      }
      return wrong;
    });
    CHECK(tiled > 300);  // else this test compares nothing
  }

  TEST_CASE("random expressions and their gradients run in tiles of rows as they run eagerly") {
    int tiled = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      INFO("seed ", seed);
      try {
        const Map map = random_expression(seed);
        Sampler sampler(seed);
        const Map gradient = vjp_of(map, cotangents_for(map, sampler));
        CHECK(compare_tiled(map, map.arguments, 1 + static_cast<std::int64_t>(seed % 3), kTolerance, tiled) == "");
        CHECK(compare_tiled(gradient, gradient.arguments, 2, kTolerance, tiled) == "");
      } catch (const std::exception& error) {
        FAIL_CHECK(error.what());
      }
    }
    CHECK(tiled > 300);
  }

  TEST_CASE("a training step in tiles agrees with the eager one for tiles that fill the batch and for others") {
    for (std::int64_t tile : {1, 4, 5, 12, 24, 40}) {
      INFO("tile ", tile);
      const Step step = training_step(24, tile);
      CHECK(differences(step.program(step.inputs), step.outputs, 1e-13) == "");
    }
  }

  TEST_CASE("tiles give the same bits for every number of threads") {
    const Step step = training_step(50, 3);
    Tensors expected;
    for (int count : {1, 2, 3, 5}) {
      const WithThreads with(count);
      const Tensors got = step.program(step.inputs);
      if (expected.empty()) expected = got;
      CHECK(differences(got, expected, 0) == "");
    }
  }

  TEST_CASE("results of one run survive the next, and inputs may change their strides") {
    const Step step = training_step(10, 4);
    const Tensors first = step.program(step.inputs);
    Tensors others = step.inputs;
    const Tensor columns = 2.0 * transpose(others[0]);
    others[0] = transpose(tensor(columns.to_vector<double>(), columns.shape()));
    const Tensors second = step.program(others);
    CHECK(differences(first, step.outputs, 1e-13) == "");
    CHECK(differences(step.program(step.inputs), step.outputs, 1e-13) == "");
    CHECK(max_abs(second[1] - first[1]) > 1e-3);
  }

  TEST_CASE("after the first run tiles take memory for outputs only") {
    const Step step = training_step(20, 4);
    Tensors outputs;
    step.program.run(step.inputs, outputs);
    const MemoryStats before = memory_stats();
    const std::uint64_t heap_before = heap_allocations();
    for (int i = 0; i < 10; ++i) step.program.run(step.inputs, outputs);
    if (kCountsAllocations) CHECK(heap_allocations() == heap_before);
    CHECK(memory_stats().requests - before.requests == 10 * outputs.size());
    CHECK(memory_stats().current_bytes <= before.current_bytes);
  }

  TEST_CASE("large programs are cut by themselves, small ones are not") {
    const auto stages = [](std::int64_t rows) {
      const std::string text = to_text(training_step(rows, 0).program);
      return text.find("for each tile of") != std::string::npos;
    };
    CHECK_FALSE(stages(50));
    CHECK(stages(5000));
  }

  TEST_CASE("the size of a tile does not depend on what the rows read first") {
    const auto text_of = [](const Tensor& factor) {
      Tape tape({.recording_program = true});
      const Tensor a = tape.watch(factor), x = tape.watch(zeros({40000, 16}));
      const Program program = compile({a, x}, {matmul(a * tanh(x), transpose(ones({3, 16})))});
      const std::string text = to_text(program);
      const std::size_t begin = text.find("for each tile of");
      return begin == std::string::npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
    };
    const std::string expected = text_of(ones({1, 16}));
    CHECK(expected != "");
    CHECK(text_of(tensor(2.0)) == expected);
    CHECK(text_of(ones({16})) == expected);
  }
}

}  // namespace
}  // namespace brenier::testing

// Programs: what they promise beside equal numbers, which tests/engine/program_parity_test.cpp compares.
#include "engine/program/program.h"

#include <doctest/doctest.h>

#include "engine/autodiff.h"
#include "engine/backend.h"
#include "engine/compile_gradient.h"
#include "engine/memory.h"
#include "engine/program/graph.h"
#include "tests/support/compare.h"
#include "tests/support/compiled.h"
#include "tests/support/heap_count.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/small_icnn.h"

namespace brenier::testing {
namespace {

using Data = std::vector<Tensor>;

Program compiled(const TensorFunction& f, const Data& arguments) {
  Tape tape({.recording_program = true});
  Data watched;
  for (const Tensor& x : arguments) watched.push_back(tape.watch(x));
  return compile(watched, {f(watched)});
}

// How many operations are left of an expression of one matrix.
std::size_t operations_left(Tensor (*f)(const Tensor&)) {
  return compiled([f](const Data& x) { return f(x[0]); }, {tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}})}).operations();
}

Tensor icnn_loss(const SmallIcnn& icnn, const Data& data) {
  const Tensor map = grad(sum(icnn(data[0])), data[0]);
  return mean(square(map - data[1]));
}

TEST_SUITE("program") {
  TEST_CASE("a program gives the results of what was recorded, at other inputs, and outlives the tape") {
    Program step;
    {
      Tape tape({.recording_program = true});
      const Tensor x = tape.watch(tensor({1.0, 2.0})), w = tape.watch(tensor(3.0));
      const Tensor loss = sum(square(x * w));
      step = compile({x, w}, {loss, grad(loss, w)});
    }
    const Data results = step({tensor({1.0, 3.0}), tensor(2.0)});
    CHECK(results[0].item() == 40);
    CHECK(results[1].item() == 40);
    CHECK_FALSE(results[0].recorded());
  }

  TEST_CASE("a Hessian product is a program of the direction alone") {
    Sampler sampler(3);
    const SmallIcnn icnn = make_small_icnn(3, 4, sampler);
    Tape tape;
    const Tensor x = tape.watch(sampler.uniform({5, 3})), probe = tape.watch(zeros({5, 3}));
    const Tensor g = grad(sum(icnn(x)), x);
    const Tensor product = jvp(g, x, probe);
    const Program hvp = compile({probe}, {product});
    const Tensor v = sampler.direction({5, 3});
    CHECK(rounding_mismatch(hvp(v), jvp(g, x, v).detached(), 4) == "");
    CHECK(hvp.operations() < static_cast<std::size_t>(tape.size()) / 3);
  }

  TEST_CASE("a model's loss and gradient are recorded once and replayed at other parameters and data") {
    Sampler sampler(5);
    const SmallIcnn first = make_small_icnn(2, 6, sampler), second = make_small_icnn(2, 6, sampler);
    const Data example{sampler.uniform({7, 2}), sampler.uniform({7, 2})};
    const Data data{sampler.uniform({7, 2}), sampler.uniform({7, 2})};
    const auto step = compile_gradient(first, example, icnn_loss);
    const auto [loss, gradient] = step(second, data);

    Tape tape;
    const SmallIcnn recorded = tape.watch(second);
    const Tensor eager = icnn_loss(recorded, {tape.watch(data[0]), data[1]});
    CHECK(bit_mismatch(loss, eager.detached()) == "");
    const auto expected = parameters_of(grad(eager, recorded)), got = parameters_of(gradient);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(expected[i].name);
      CHECK(bit_mismatch(got[i].value, expected[i].value) == "");
    }
  }

  TEST_CASE("reading a value that depends on an input throws while recording and names the way out") {
    Tape tape({.recording_program = true});
    const Tensor x = tape.watch(tensor({1.0, -2.0})), y = sum(x), fixed = tape.constant(tensor(4.0));
    const auto refused = [](const std::string& query, const std::string& message) {
      return lacks(message, {"[" + query + "]", "depends on an input of the program", "where()"});
    };
    CHECK(refused("item", message_of([&] { static_cast<void>(y.item() > 0); })) == "");
    CHECK(refused("at", message_of([&] { static_cast<void>(x.at({0})); })) == "");
    CHECK(refused("to_vector", message_of([&] { static_cast<void>(x.to_vector<double>()); })) == "");
    CHECK(refused("detached", message_of([&] { static_cast<void>(y.detached()); })) == "");
    CHECK((fixed * 2.0).item() == 8);
    CHECK(compile({x}, {stop_gradient(y)})(tensor({3.0, 4.0})).item() == 7);
    CHECK(y.shape() == Shape{});
  }

  TEST_CASE("a value can be read when the tape records no program") {
    Tape tape;
    CHECK(sum(tape.watch(ones({3}))).item() == 3);
  }

  TEST_CASE("inputs of another shape, dtype or number are refused with what was expected and what was given") {
    const Program f = compiled([](const Data& x) { return x[0] + x[1]; }, {ones({2, 3}), ones({3})});
    CHECK(lacks(message_of([&] { f({ones({2, 4}), ones({3})}); }), {"[program]", "input 0", "[2, 3]", "[2, 4]"}) == "");
    CHECK(lacks(message_of([&] {
                  f({ones({2, 3}), ones({3}, DType::Float32)});
                }),
                {"[program]", "input 1", "expected float64 [3], got float32 [3]"}) == "");
    CHECK(lacks(message_of([&] { f(Data{ones({2, 3})}); }), {"[program]", "expected 2 inputs, got 1"}) == "");
    CHECK(lacks(message_of([&] { Program()(ones({1})); }), {"[program]", "nothing has been compiled"}) == "");
  }

  TEST_CASE("a program refuses recorded inputs, because it records nothing") {
    const Program f = compiled([](const Data& x) { return exp(x[0]); }, {ones({3})});
    Tape tape;
    const Tensor x = tape.watch(ones({3}));
    CHECK(lacks(message_of([&] { f(x); }), {"[program]", "recorded", "differentiate before compiling"}) == "");
  }

  TEST_CASE("what cannot be compiled is refused by name") {
    Tape tape, other;
    const Tensor x = tape.watch(ones({3})), z = other.watch(ones({3}));
    CHECK(lacks(message_of([&] { compile({ones({3})}, {exp(x)}); }), {"[compile]", "input 0", "not recorded"}) == "");
    CHECK(lacks(message_of([&] { compile({x}, {ones({3})}); }), {"[compile]", "output 0", "not recorded"}) == "");
    CHECK(lacks(message_of([&] { compile({x}, {exp(z)}); }), {"[compile]", "another tape"}) == "");
    CHECK(lacks(message_of([&] { compile({x, x}, {exp(x)}); }), {"[compile]", "two inputs"}) == "");
    CHECK(lacks(message_of([&] { compile({}, {exp(x)}); }), {"[compile]", "needs an input"}) == "");
  }

  TEST_CASE("outputs may be inputs, views of inputs, constants, and parts of each other") {
    Tape tape;
    const Tensor x = tape.watch(tensor({{1.0, 2.0}, {3.0, 4.0}})), c = tape.constant(tensor({7.0, 8.0}));
    const Tensor y = exp(x);
    const Program f = compile({x}, {x, transpose(x), c, y, transpose(y), slice(y, 0, 1, 2)});
    const Tensor given = tensor({{5.0, 6.0}, {0.5, 0.25}});
    const Data results = f(Data{given});
    CHECK(results[0].same_view(given));
    CHECK(bit_mismatch(results[1], transpose(given)) == "");
    CHECK(bit_mismatch(results[2], c.detached()) == "");
    CHECK(bit_mismatch(results[3], exp(given)) == "");
    CHECK(bit_mismatch(results[4], transpose(exp(given))) == "");
    CHECK(bit_mismatch(results[5], slice(exp(given), 0, 1, 2)) == "");
  }

  TEST_CASE("results of one run are not changed by the next") {
    const Program f = compiled([](const Data& x) { return exp(x[0]) * 2.0; }, {ones({5})});
    const Tensor first = f(zeros({5})), second = f(ones({5}));
    CHECK(bit_mismatch(first, full({5}, 2)) == "");
    CHECK(bit_mismatch(second, exp(ones({5})) * 2.0) == "");
  }

  TEST_CASE("inputs may come in another layout than was recorded, and change it") {
    Sampler sampler(9);
    const auto f = [](const Data& x) { return matmul(x[0], transpose(x[0])) + sum(x[0], {-1}) - sum(x[0] * 0.5); };
    const Program program = compiled(f, {zeros({4, 6})});
    const Tensor a = sampler.uniform({4, 6}), b = transpose(sampler.uniform({6, 4})), c = flip(a, {0, 1}),
                 d = broadcast_to(sampler.uniform({1, 6}), {4, 6});
    for (int round = 0; round < 2; ++round)
      for (const Tensor& x : {a, b, c, d}) CHECK(bit_mismatch(program(x), f({x})) == "");
  }

  TEST_CASE("a random program draws by its counter; a counter that is no input makes a captured constant") {
    Tape tape;
    const Tensor counter = tape.watch(index_tensor(std::array<std::int64_t, 1>{1}, {}), "counter");
    const Tensor noise = random_normal(RandomKey(5, counter), {4});
    const Program draw = compile({counter}, {noise * 2.0});
    const Tensor second = index_tensor(std::array<std::int64_t, 1>{2}, {});
    CHECK(bit_mismatch(draw(second), random_normal(RandomKey(5, 2), {4}) * 2.0) == "");
    CHECK(bit_mismatch(draw(counter.detached()), noise.detached() * 2.0) == "");

    const Program frozen =
        compiled([](const Data& x) { return x[0] + random_normal(RandomKey(5, 1), {3}); }, {ones({3})});
    CHECK(to_text(frozen).find("constant  float64 [3]  = ") != std::string::npos);
  }

  TEST_CASE("simplification leaves one of equal expressions and none of those that change nothing") {
    CHECK(operations_left([](const Tensor& x) { return exp(x) * 3.0 + exp(x) * 3.0; }) == 3);
    CHECK(operations_left([](const Tensor& x) { return exp(transpose(transpose(x)) * 1.0) / 1.0; }) == 1);
    CHECK(operations_left([](const Tensor& x) { return exp(-(-x)) - 0.0; }) == 1);
    CHECK(operations_left([](const Tensor& x) {
            return reshape(reshape(reshape(x, {6}), {3, 2}), {2, 3}) + 1.0;
          }) == 1);
    CHECK(operations_left([](const Tensor& x) {
            return exp(ones({2, 3}) * x) * broadcast_to(tensor(1.0), {2, 3});
          }) == 1);
    // These are not exact: -0 + 0 = 0, 0 · NaN = NaN, and 1 · x would lose its shape.
    CHECK(operations_left([](const Tensor& x) { return exp(x) + 0.0; }) == 2);
    CHECK(operations_left([](const Tensor& x) { return exp(x) * 0.0; }) == 2);
    CHECK(operations_left([](const Tensor& x) { return sum(x, {0}) * ones({2, 3}); }) == 2);
  }

  TEST_CASE("elementwise operations form one group across broadcasting, and no group has a path through others") {
    const Program chain =
        compiled([](const Data& x) { return tanh(x[0] * x[1] + 2.0) * sigmoid(x[0]); }, {ones({40, 30}), ones({30})});
    for (const Graph::Node& node : chain.graph().nodes) CHECK(node.group == (node.op ? 0 : -1));
    CHECK(chain.arena_bytes() == 0);
    const auto detour = [](const Data& x) {
      const Tensor e = exp(x[0]);
      return e * matmul(e, x[1]);
    };
    const Data arguments{full({3, 3}, 0.5), full({3, 3}, 0.25)};
    const Program split = compiled(detour, arguments);
    int groups = 0;
    for (const Graph::Node& node : split.graph().nodes) groups = std::max(groups, node.group + 1);
    CHECK(groups == 2);
    CHECK(bit_mismatch(split(arguments)[0], detour(arguments)) == "");
  }

  TEST_CASE("after two runs a program takes memory for its outputs only") {
    Sampler sampler(11);
    const SmallIcnn icnn = make_small_icnn(3, 8, sampler);
    const Data data{sampler.uniform({20, 3}), sampler.uniform({20, 3})};
    const Program program = compile_gradient(icnn, data, icnn_loss).program();
    Data inputs = data, outputs;
    for (const NamedParameter& parameter : parameters_of(icnn)) inputs.push_back(parameter.value);
    // The results of a run are held while the next one makes its own.
    for (int i = 0; i < 2; ++i) program.run(inputs, outputs);
    const MemoryStats before = memory_stats();
    const std::uint64_t heap_before = heap_allocations();
    for (int i = 0; i < 10; ++i) program.run(inputs, outputs);
    // A launch on a device is the business of its driver, or of the shim that plays it.
    if (kCountsAllocations && default_backend().host_readable()) CHECK(heap_allocations() == heap_before);
    CHECK(memory_stats().requests - before.requests == 10 * outputs.size());
    CHECK(memory_stats().current_bytes <= before.current_bytes);
  }

  TEST_CASE("the arena of a gradient through a gradient is smaller than half of eager's peak") {
    Sampler sampler(12);
    const SmallIcnn icnn = make_small_icnn(4, 32, sampler);
    const Data data{sampler.uniform({256, 4}), sampler.uniform({256, 4})};
    const Program program = compile_gradient(icnn, data, icnn_loss).program();
    reset_peak_memory();
    const std::size_t before = memory_stats().current_bytes;
    {
      Tape tape;
      const SmallIcnn recorded = tape.watch(icnn);
      const Tensor loss = icnn_loss(recorded, {tape.watch(data[0]), data[1]});
      grad(loss, recorded);
    }
    CHECK(2 * program.arena_bytes() < memory_stats().peak_bytes - before);
  }

  TEST_CASE("a user's operation runs inside a program") {
    const CustomRule rule{
        .name = "cube",
        .value = [](const Data& in) { return transpose(in[0] * in[0] * in[0]); },
        .jvp = [](const Data& in, const Tensor&, const Data& t) { return transpose(3.0 * square(in[0]) * t[0]); }};
    const auto f = [&](const Data& x) { return matmul(apply_custom(rule, x), x[0]) + 1.0; };
    const Tensor a = tensor({{1.0, 2.0}, {3.0, 4.0}});
    CHECK(bit_mismatch(compiled(f, {ones({2, 2})})(a), f({a})) == "");
  }

  TEST_CASE("empty tensors pass through") {
    const auto f = [](const Data& x) { return exp(x[0] * 2.0) + sum(x[0], {0}); };
    const Program program = compiled(f, {zeros({0, 3})});
    CHECK(program(zeros({0, 3})).shape() == Shape{0, 3});
  }

  TEST_CASE("a printed program lists inputs, constants, steps, views, places and work") {
    Tape tape;
    const Tensor x = tape.watch(ones({2, 3}), "points");
    const Program f = compile({x}, {matmul(transpose(exp(x) * 2.5), x)});
    const std::string text = to_text(f);
    for (const char* part : {"'points'", "constant  float64 []  = 2.5", "fused over [2, 3]", "-> tile", "permute",
                             "-> output", "arena", "36 operations"}) {
      INFO(text);
      CHECK(text.find(part) != std::string::npos);
    }
    CHECK(f.profile({ones({2, 3})}, 2).find("us in 2 steps") != std::string::npos);
  }
}

}  // namespace
}  // namespace brenier::testing

// Tapes under load: long ones are neither quadratic nor recursive, training steps leave nothing behind, and the NaN
// trap names the place.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BRENIER_TEST_SANITIZED 1
#else
#define BRENIER_TEST_SANITIZED 0
#endif

namespace brenier::testing {
namespace {

// A chain of unary operations with derivative close to one, so that neither value nor gradient dies out.
Tensor long_chain(Tensor x, int length) {
  for (int i = 0; i < length; ++i) x = i % 2 ? log1p(x) : expm1(x);
  return x;
}

// Seconds of processor time since the program began: unlike the time of day, it does not run while others work.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double seconds_of(const std::function<void()>& f) {
  const double start = processor_seconds();
  f();
  return processor_seconds() - start;
}

void record_and_differentiate(int length) {
  Tape tape;
  const Tensor x = tape.watch(tensor(0.5));
  const Tensor y = long_chain(x, length);
  // expm1 and log1p cancel, apart from rounding: about one unit per pair of operations.
  const double tolerance = rounding_tolerance(DType::Float64, 1, length);
  CHECK(std::abs(grad(y, x).item() - 1) < tolerance);
  CHECK(std::abs(jvp(y, x, tensor(1.0)).item() - 1) < tolerance);
}

std::string domain_error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::domain_error& error) {
    return error.what();
  }
  return {};
}

struct Regression {
  Tensor weight, bias, readout;
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("weight", weight);
    visit("bias", bias);
    visit("readout", readout);
  }
};

// One step of gradient descent on the distance of a potential's gradient to a target: a second derivative inside.
Regression training_step(const Regression& model, const Tensor& points, const Tensor& target) {
  Tape tape;
  const Regression m = tape.watch(model);
  const Tensor x = tape.watch(points);
  const Tensor potential = sum(matmul(softplus(matmul(x, m.weight) + m.bias), m.readout));
  const Tensor loss = mean(square(grad(potential, x) - target));
  const std::vector<NamedParameter> slopes = parameters_of(grad(loss, m));
  std::vector<Tensor> updated;
  for (const NamedParameter& p : parameters_of(model))
    updated.push_back(p.value - 0.01 * slopes[updated.size()].value.detached());
  return with_parameters(model, updated);
}

TEST_SUITE("tape") {
  TEST_CASE("a tape of 100000 nodes is recorded and swept in time proportional to its length") {
    constexpr int kShort = 10000, kLong = 100000;
    double few = 1e300, many = 1e300;
    for (int repeat = 0; repeat < 3; ++repeat) {
      few = std::min(few, seconds_of([] { record_and_differentiate(kShort); }));
      many = std::min(many, seconds_of([] { record_and_differentiate(kLong); }));
    }
    INFO(few, " s for ", kShort, " nodes, ", many, " s for ", kLong);
    // Quadratic work would make a node ten times as expensive; leaving the caches makes it at most a few times so.
    CHECK(many / kLong < 5 * few / kShort);
  }

  TEST_CASE("many queries on parts of a long tape cost only their parts") {
    constexpr int kBlocks = 8, kQueries = 300, kLength = 20;
    Tape tape;
    Tensor z = tape.watch(tensor(0.5));
    double seconds[kBlocks];
    for (double& block : seconds) {
      block = seconds_of([&] {
        for (int i = 0; i < kQueries; ++i) {
          const Tensor x = z;
          z = long_chain(x, kLength);
          CHECK(std::abs(grad(z, x).item() - 1) < rounding_tolerance(DType::Float64, 1, kLength));
        }
      });
    }
    // If every query walked the whole tape, the last blocks would take several times as long as the first ones.
    const double early = std::min({seconds[0], seconds[1], seconds[2]});
    const double late = std::min({seconds[kBlocks - 1], seconds[kBlocks - 2], seconds[kBlocks - 3]});
    INFO(early, " s for ", kQueries, " early queries, ", late, " s for as many late ones");
    CHECK(late < 3 * early);
  }

  TEST_CASE("a value used 20000 times collects all its cotangents") {
    Tape tape;
    const Tensor x = tape.watch(tensor({1.0, 2.0}));
    Tensor total = zeros({2});
    for (int i = 0; i < 20000; ++i) total = total + x;
    CHECK(mismatch(grad(sum(total), x), tensor({20000.0, 20000.0}), 0) == "");
    CHECK(mismatch(jvp(total, x, tensor({1.0, -1.0})), tensor({20000.0, -20000.0}), 0) == "");
  }

  TEST_CASE("10000 training steps leave no memory behind") {
    Sampler sampler(51);
    const Tensor points = sampler.uniform({3, 2}), target = sampler.uniform({3, 2});
    Regression model{sampler.uniform({2, 2}), sampler.uniform({2}), sampler.uniform({2})};
    for (int step = 0; step < 10; ++step) model = training_step(model, points, target);
    const MemoryStats before = memory_stats();
    for (int step = 0; step < 10000; ++step) model = training_step(model, points, target);
    const MemoryStats after = memory_stats();
    CHECK(after.current_bytes == before.current_bytes);
    CHECK(after.requests > before.requests);
    CHECK(max_abs(model.weight) < 100);
    // Under AddressSanitizer nothing is cached, so every request reaches the system.
    if (!BRENIER_TEST_SANITIZED) CHECK(after.system_allocations == before.system_allocations);
  }

  TEST_CASE("the end of a tape frees what only it held") {
    const std::size_t before = memory_stats().current_bytes;
    Tensor kept;
    {
      Tape tape;
      const Tensor x = tape.watch(ones({1024}) * 2.0);
      kept = long_chain(x, 50);
      CHECK(memory_stats().current_bytes >= before + 50 * 1024 * sizeof(double));
    }
    CHECK(memory_stats().current_bytes < before + 3 * 1024 * sizeof(double));
    CHECK(kept.at({0}) > 0);
  }

  TEST_CASE("nothing is recorded unless an input is") {
    Tape tape;
    const Tensor a = ones({2}), b = exp(a) + a;
    CHECK(tape.size() == 0);
    CHECK_FALSE(b.recorded());
    const Tensor x = tape.watch(a);
    const std::int32_t leaves = tape.size();
    CHECK(exp(x).recorded());
    CHECK(tape.size() == leaves + 1);
    CHECK_FALSE(exp(x.detached()).recorded());
    CHECK(tape.size() == leaves + 1);
  }

  TEST_CASE("watching an undefined or a recorded tensor is refused") {
    Tape tape;
    const Tensor x = tape.watch(ones({2}));
    CHECK(lacks(message_of([&] { tape.watch(Tensor()); }), {"[watch]", "undefined"}) == "");
    CHECK(lacks(message_of([&] { tape.watch(x); }), {"[watch]", "already recorded"}) == "");
    CHECK(lacks(message_of([&] { tape.label(ones({2}), "a"); }), {"[label]"}) == "");
  }
}

TEST_SUITE("NaN trap") {
  TEST_CASE("it names operation, position, shapes and labels") {
    Tape tape({.nan_trap = true});
    const Tensor x = tape.watch(tensor({{1, 2, 3}, {4, 0, 6}}), "points");
    const std::int32_t position = tape.size();
    const std::string message = domain_error_of([&] { log(x); });
    CHECK(lacks(message,
                {"[log]", "-inf", "[2, 3]", "'points'", "element 4", "position " + std::to_string(position)}) == "");
    CHECK(lacks(domain_error_of([&] { sqrt(-1.0 - x); }), {"[sqrt]", "nan", "[2, 3]"}) == "");
  }

  TEST_CASE("it names the open scope") {
    Tape tape({.nan_trap = true});
    const Tensor x = tape.watch(zeros({2}));
    Tape::Scope outer(tape, "flow");
    Tape::Scope inner(tape, "block");
    CHECK(lacks(domain_error_of([&] { reciprocal(x); }), {"[reciprocal]", "'flow/block'"}) == "");
  }

  TEST_CASE("it stops inside a sweep too") {
    Tape tape({.nan_trap = true});
    const Tensor x = tape.watch(zeros({2}), "origin");
    const Tensor y = sqrt(x);
    CHECK(lacks(domain_error_of([&] { grad(sum(y), x); }), {"[div]", "inf"}) == "");
  }

  TEST_CASE("values that were infinite before, and tapes without the trap, pass") {
    Tape trapping({.nan_trap = true});
    const Tensor x = trapping.watch(tensor({1.0, std::numeric_limits<double>::infinity()}));
    CHECK(domain_error_of([&] { exp(x) - x; }) == "");
    Tape plain;
    CHECK(domain_error_of([&] { log(plain.watch(zeros({2}))); }) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

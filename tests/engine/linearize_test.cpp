// linearize: the same numbers as jvp, replayed without recording anything.
#include <doctest/doctest.h>

#include "engine/autodiff.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/sampler.h"
#include "tests/support/small_icnn.h"

namespace brenier::testing {
namespace {

TEST_SUITE("linearize") {
  TEST_CASE("a linearized gradient gives Hessian-vector products without growing the tape") {
    Sampler sampler(21);
    const SmallIcnn icnn = make_small_icnn(3, 4, sampler);
    Tape tape;
    const Tensor x = tape.watch(sampler.uniform({5, 3}));
    const Tensor y = sum(icnn(x)), g = grad(y, x);
    const Linearization product = linearize(g, x);
    const std::int32_t size = tape.size();
    for (int i = 0; i < 20; ++i) {
      const Tensor v = sampler.direction(x.shape());
      const Tensor got = product(v);
      CHECK(tape.size() == size);
      CHECK_FALSE(got.recorded());
      Tape fresh;
      const Tensor again = fresh.watch(x.detached());
      CHECK(rounding_mismatch(got, hvp(sum(icnn(again)), again, v), 4) == "");
    }
    CHECK(product.operations() < static_cast<std::size_t>(size));
  }

  TEST_CASE("calls of a linear map repeat no memory") {
    Sampler sampler(22);
    Tape tape;
    const Tensor x = tape.watch(sampler.uniform({8}));
    const Linearization map = linearize(sin(x) * sum(square(x)), x);
    const Tensor t = sampler.direction({8});
    map(t);
    const std::size_t before = memory_stats().current_bytes;
    for (int i = 0; i < 100; ++i) map(t);
    CHECK(memory_stats().current_bytes == before);
  }

  TEST_CASE("a linear map outlives its tape") {
    Linearization map;
    {
      Tape tape;
      const Tensor x = tape.watch(tensor({1.0, 2.0}));
      map = linearize(square(x), x);
    }
    CHECK(mismatch(map(tensor({10.0, 100.0})), tensor({20.0, 400.0}), 0) == "");
  }

  TEST_CASE("the identity, an independent output and a constant slope are linear maps too") {
    Tape tape;
    const Tensor x = tape.watch(tensor({1.0, 2.0})), other = tape.watch(ones({3}));
    const Tensor t = tensor({5.0, -7.0});
    CHECK(mismatch(linearize(x, x)(t), t, 0) == "");
    CHECK(mismatch(linearize(square(other), x)(t), zeros({3}), 0) == "");
    CHECK(mismatch(linearize(x * 3.0, x)(t), tensor({15.0, -21.0}), 0) == "");
    CHECK(mismatch(linearize(flip(x, {0}), x)(t), tensor({-7.0, 5.0}), 0) == "");
  }

  TEST_CASE("a tangent of another shape or dtype, and an unrecorded input, are refused") {
    Tape tape;
    const Tensor x = tape.watch(ones({2, 3}));
    const Linearization map = linearize(square(x), x);
    CHECK(lacks(message_of([&] { map(ones({3, 2})); }), {"[linearize]", "[2, 3]", "[3, 2]"}) == "");
    CHECK(lacks(message_of([&] { map(ones({2, 3}, DType::Float32)); }), {"[linearize]", "float32", "float64"}) == "");
    CHECK(lacks(message_of([&] { linearize(square(x), ones({2})); }), {"[linearize]", "not recorded"}) == "");
  }
}

}  // namespace
}  // namespace brenier::testing

// Tensors: making and reading them, views that share storage, dtypes, printing, and the memory behind them.
#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <numbers>
#include <vector>

#include "engine/memory.h"
#include "engine/ops.h"
#include "engine/str.h"
#include "engine/tape.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"

namespace brenier::testing {
namespace {

using Doubles = std::vector<double>;
using Integers = std::vector<std::int64_t>;

TEST_SUITE("tensor") {
  TEST_CASE("tensors are made from numbers, rows, spans and formulas") {
    CHECK(tensor(2.5).item() == 2.5);
    CHECK(tensor(2.5).shape() == Shape{});
    CHECK(tensor({1, 2, 3}).to_vector<double>() == Doubles{1, 2, 3});
    const Tensor rows = tensor({{1, 2, 3}, {4, 5, 6}});
    CHECK(rows.shape() == Shape{2, 3});
    CHECK(rows.to_vector<double>() == Doubles{1, 2, 3, 4, 5, 6});
    CHECK(tensor(Doubles{1, 2}, {2, 1}).shape() == Shape{2, 1});
    CHECK(tensor(std::vector<float>{0.5f}, {1}).dtype() == DType::Float32);
    CHECK(zeros({2, 2}).to_vector<double>() == Doubles(4, 0));
    CHECK(ones_like(rows).to_vector<double>() == Doubles(6, 1));
    CHECK(full({2}, 7).to_vector<double>() == Doubles{7, 7});
    CHECK(eye(2).to_vector<double>() == Doubles{1, 0, 0, 1});
    CHECK(arange(3).to_vector<double>() == Doubles{0, 1, 2});
    CHECK(linspace(1, 2, 5).to_vector<double>() == Doubles{1, 1.25, 1.5, 1.75, 2});
    CHECK(linspace(3, 4, 1).to_vector<double>() == Doubles{3});
    // Both ends are met exactly even where the step is not a floating-point number.
    CHECK(linspace(0, 0.7, 8).at({-1}) == 0.7);
  }

  TEST_CASE("dtypes are kept, rounded to and named") {
    CHECK(tensor(1.0).dtype() == DType::Float64);
    CHECK(zeros_like(ones({2}, DType::Float32)).dtype() == DType::Float32);
    CHECK(tensor(std::numbers::pi, DType::Float32).item() == static_cast<double>(std::numbers::pi_v<float>));
    CHECK(index_tensor({1, -2}).dtype() == DType::Int64);
    CHECK_FALSE(index_tensor({1}).is_floating());
    CHECK(tensor(2.75).to_vector<std::int64_t>() == Integers{2});
    CHECK(str(DType::Float32, " ", DType::Float64, " ", DType::Int64) == "float32 float64 int64");
    CHECK(size_of(DType::Float32) == 4);
    CHECK(size_of(DType::Float64) == 8);
    CHECK(size_of(DType::Int64) == 8);
  }

  TEST_CASE("large integers keep every digit") {
    const std::int64_t large = (std::int64_t{1} << 62) + 12345;
    CHECK(index_tensor({large, -large}).to_vector<std::int64_t>() == Integers{large, -large});
    CHECK(select(index_tensor({0, large}), 0, 1).to_vector<std::int64_t>() == Integers{large});
  }

  TEST_CASE("elements are read by index from either end") {
    const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
    CHECK(x.at({0, 2}) == 3);
    CHECK(x.at({-1, -3}) == 4);
    CHECK(x.dim(0) == 2);
    CHECK(x.dim(-1) == 3);
    CHECK(x.size() == 6);
    CHECK(transpose(x).at({2, 1}) == 6);
  }

  TEST_CASE("misuse names the tensor and its shape") {
    const Tensor x = ones({2, 3});
    CHECK(lacks(message_of([&] { x.item(); }), {"[item]", "[2, 3]"}) == "");
    CHECK(lacks(message_of([&] { x.at({0}); }), {"[at]", "[2, 3]"}) == "");
    CHECK(lacks(message_of([&] { x.at({2, 0}); }), {"[at]", "[2, 3]"}) == "");
    CHECK(lacks(message_of([&] { x.at({0, -4}); }), {"[at]", "[2, 3]"}) == "");
    CHECK(lacks(message_of([&] { x.dim(2); }), {"[dim]", "[2, 3]"}) == "");
    CHECK(lacks(message_of([] { tensor(Doubles{1, 2, 3}, {2, 2}); }), {"[tensor]", "3", "[2, 2]"}) == "");
    CHECK(lacks(message_of([] { tensor({{1, 2}, {3}}); }), {"[tensor]"}) == "");
    CHECK(lacks(message_of([] { Tensor().item(); }), {"[item]", "undefined"}) == "");
    CHECK(lacks(message_of([] { Tensor().to_vector<double>(); }), {"[to_vector]", "undefined"}) == "");
    CHECK(lacks(message_of([] { zeros({2, -1}); }), {"["}) == "");
    CHECK(lacks(message_of([] { zeros({-2, -1}); }), {"["}) == "");
    CHECK(lacks(message_of([] { arange(-1); }), {"["}) == "");
  }

  TEST_CASE("views share storage and know whether they are row-major") {
    const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
    const Tensor t = transpose(x), column = slice(x, 1, 1, 2), back = flip(x, {0, 1});
    for (const Tensor& view : {t, column, back}) CHECK(view.data<double>() >= x.data<double>());
    for (const Tensor& view : {t, column, back}) CHECK(view.data<double>() < x.data<double>() + 6);
    CHECK(x.contiguous());
    CHECK_FALSE(t.contiguous());
    CHECK_FALSE(back.contiguous());
    CHECK_FALSE(broadcast_to(x, {2, 2, 3}).contiguous());
    CHECK(select(x, 0, 1).contiguous());
    CHECK(t.to_vector<double>() == Doubles{1, 4, 2, 5, 3, 6});
    CHECK(back.to_vector<double>() == Doubles{6, 5, 4, 3, 2, 1});
    CHECK(transpose(t).same_view(x));
    CHECK_FALSE(t.same_view(x));
    CHECK_FALSE((x * 1.0).same_view(x));
  }

  TEST_CASE("a view keeps its storage alive") {
    Tensor row;
    {
      const Tensor x = tensor({{1, 2}, {3, 4}});
      row = select(x, 0, 1);
    }
    CHECK(row.to_vector<double>() == Doubles{3, 4});
  }

  TEST_CASE("operations never change their arguments") {
    const Tensor x = tensor({1, 2}), y = x;
    const Tensor z = x + 1.0;
    CHECK(z.data<double>() != x.data<double>());
    CHECK(y.to_vector<double>() == Doubles{1, 2});
  }

  TEST_CASE("a handle knows whether it is recorded, and on which tape") {
    const Tensor value = ones({2});
    CHECK_FALSE(value.recorded());
    Tape tape;
    const Tensor x = tape.watch(value);
    CHECK(x.recorded());
    CHECK(x.tape() == &tape);
    CHECK_FALSE(x.detached().recorded());
    CHECK(x.same_view(value));
    CHECK(tape.at(x.slot()).same_view(x));
  }

  TEST_CASE("printing shows dtype, shape and values, and shortens long axes") {
    CHECK(str(tensor({{1, 2.5}, {-3, 4}})) == "float64 [2, 2] [[1, 2.5], [-3, 4]]");
    CHECK(str(tensor(1.5)) == "float64 [] 1.5");
    CHECK(str(index_tensor({7})) == "int64 [1] [7]");
    CHECK(str(zeros({0})) == "float64 [0] []");
    CHECK(str(Tensor()) == "undefined");
    const std::string text = str(arange(1000));
    CHECK(text.size() < 100);
    CHECK(text.find("…") != std::string::npos);
    CHECK(text.find("999]") != std::string::npos);
    CHECK(text.find("500") == std::string::npos);
  }
}

TEST_SUITE("memory") {
  TEST_CASE("the counters follow what tensors hold") {
    const std::size_t before = memory_stats().current_bytes;
    const std::uint64_t requests = memory_stats().requests;
    {
      const Tensor x = arange(1000);
      const Tensor view = flip(x, {0}), copy = x;
      const std::size_t held = memory_stats().current_bytes - before;
      CHECK(held >= 8000);
      CHECK(held <= 10000);  // a size class wastes at most a quarter
      CHECK(memory_stats().requests == requests + 1);
    }
    CHECK(memory_stats().current_bytes == before);
  }

  TEST_CASE("constants of any shape hold one number") {
    const std::size_t before = memory_stats().current_bytes;
    const Tensor x = full({1000, 1000}, 3);
    CHECK(memory_stats().current_bytes - before < 1000);
    CHECK(sum(x).item() == 3e6);
  }

  TEST_CASE("the peak is the most that was held since it was reset") {
    reset_peak_memory();
    const std::size_t before = memory_stats().current_bytes;
    CHECK(memory_stats().peak_bytes == before);
    { const Tensor x = arange(5000); }
    CHECK(memory_stats().peak_bytes >= before + 40000);
    CHECK(memory_stats().current_bytes == before);
    reset_peak_memory();
    CHECK(memory_stats().peak_bytes == before);
  }

  TEST_CASE("freed blocks are used again, and can be given back") {
    { const Tensor x = arange(7777); }
#if !defined(__SANITIZE_ADDRESS__)
    const std::uint64_t allocations = memory_stats().system_allocations;
    CHECK(memory_stats().cached_bytes >= 7777 * 8);
    for (int i = 0; i < 10; ++i) const Tensor x = arange(7777);
    CHECK(memory_stats().system_allocations == allocations);
#endif
    release_cached_memory();
    CHECK(memory_stats().cached_bytes == 0);
    CHECK(sum(arange(7777)).item() == 7776.0 * 7777 / 2);
  }

  TEST_CASE("blocks of every size begin at a multiple of 64 bytes") {
    for (std::int64_t n : {0, 1, 7, 8, 9, 100, 1000, 4097}) {
      const Tensor x = arange(n);
      CHECK(reinterpret_cast<std::uintptr_t>(x.data<double>()) % 64 == 0);
    }
  }
}

}  // namespace
}  // namespace brenier::testing

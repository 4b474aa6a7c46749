// The thread pool: every piece once, whatever the number of threads and whoever calls; and kernels that use it give
// the same bits for every number of threads. Run under ThreadSanitizer too.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/cpu/threads.h"
#include "tests/support/compare.h"
#include "tests/support/kernel_call.h"
#include "tests/support/sampler.h"
#include "tests/support/with_threads.h"

namespace brenier::testing {
namespace {

// How often parallel_for visited each of `count` numbers.
std::vector<int> visits(std::int64_t count, std::int64_t grain) {
  std::vector<int> visited(static_cast<std::size_t>(count));
  cpu::parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++visited[static_cast<std::size_t>(i)];
  });
  return visited;
}

struct Size {
  std::int64_t m, n, k;
};

// Empty if two and three threads give the product that one thread gives.
std::string differences_between_threads(const Tensor& a, const Tensor& b, const Shape& shape) {
  std::vector<Tensor> products;
  for (int count : {1, 2, 3}) {
    const WithThreads with(count);
    products.push_back(run_kernel(OpCode::MatMul, {a, b}, shape, a.dtype()));
  }
  return mismatch(products[1], products[0], 0) + mismatch(products[2], products[0], 0);
}

bool once_each(const std::vector<int>& visited) {
  for (int count : visited) {
    if (count != 1) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("parallel_for visits every number once") {
  for (int count : {1, 2, 3}) {
    const WithThreads with(count);
    CHECK(threads() == count);
    for (std::int64_t n : {0, 1, 2, 7, 64, 1000}) {
      for (std::int64_t grain : {1, 3, 1000}) CHECK(once_each(visits(n, grain)));
    }
  }
}

TEST_CASE("parallel_for runs thousands of loops one after another") {
  const WithThreads with(2);
  for (int repetition = 0; repetition < 3000; ++repetition) REQUIRE(once_each(visits(5, 1)));
}

TEST_CASE("the work of a loop is seen by the caller, also when threads have gone to sleep in between") {
  const WithThreads with(2);
  for (int repetition = 0; repetition < 5; ++repetition) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(once_each(visits(100, 1)));
  }
}

TEST_CASE("a parallel_for inside another runs in the thread that meets it") {
  const WithThreads with(2);
  std::atomic<int> total{0};
  cpu::parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::thread::id here = std::this_thread::get_id();
      cpu::parallel_for(10, 1, [&](std::int64_t first, std::int64_t last) {
        if (std::this_thread::get_id() == here) total += static_cast<int>(last - first);
      });
    }
  });
  CHECK(total == 80);
}

TEST_CASE("several threads of a program may use the pool at once") {
  const WithThreads with(2);
  std::atomic<int> wrong{0};
  const auto user = [&] {
    for (int repetition = 0; repetition < 200; ++repetition) wrong += once_each(visits(50, 1)) ? 0 : 1;
  };
  std::thread first(user), second(user);
  first.join();
  second.join();
  CHECK(wrong == 0);
}

TEST_CASE("an exception in a piece reaches the caller, and the pool goes on") {
  const WithThreads with(2);
  const auto fail_at = [](std::int64_t bad) {
    cpu::parallel_for(40, 1, [&](std::int64_t begin, std::int64_t) {
      if (begin == bad) throw std::runtime_error("piece");
    });
  };
  for (std::int64_t bad : {0, 17, 39}) CHECK_THROWS_AS(fail_at(bad), std::runtime_error);
  CHECK(once_each(visits(40, 1)));
}

TEST_CASE("set_threads refuses numbers of threads that make no sense") {
  const int before = threads();
  CHECK_THROWS_AS(set_threads(0), std::invalid_argument);
  CHECK_THROWS_AS(set_threads(-1), std::invalid_argument);
  CHECK_THROWS_AS(set_threads(1 << 20), std::invalid_argument);
  CHECK(threads() == before);
}

TEST_CASE("batches of products are the same for every number of threads, bit for bit") {
  Sampler sampler(4);
  const Tensor a = sampler.uniform({3, 50, 20, 21}), b = sampler.uniform({50, 21, 22});
  CHECK(differences_between_threads(a, b, {3, 50, 20, 22}) == "");
  const Tensor large = sampler.uniform({2, 150, 60}), right = sampler.uniform({2, 60, 70});
  CHECK(differences_between_threads(large, right, {2, 150, 70}) == "");
}

TEST_CASE("products are the same for every number of threads, bit for bit") {
  Sampler sampler(3);
  for (DType dtype : {DType::Float32, DType::Float64}) {
    for (const auto& [m, n, k] : {Size{203, 130, 300}, Size{1027, 36, 40}, Size{4096, 64, 2}}) {
      const Tensor a = sampler.uniform({m, k}, -1, 1, dtype), b = sampler.uniform({n, k}, -1, 1, dtype);
      const Tensor columns = b.view({k, n}, {1, k}, 0);
      CHECK(differences_between_threads(a, columns, {m, n}) == "");
    }
  }
}

}  // namespace brenier::testing

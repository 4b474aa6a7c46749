// OpenBLAS as a worker (bench/workloads/worker.h), for matrix products only. usage: openblas_peer [--threads N]
//
// Its OpenMP build is meant: one thread pool, whose size the worker sets. bench/compare.py asks for AVX-512 kernels by
// OPENBLAS_CORETYPE, because releases older than a processor fall back to AVX2.
#include <cblas.h>

#include <cstdio>
#include <memory>

#include "bench/workloads/worker.h"

namespace {

using namespace brenier::bench;

template <class T>
std::vector<T> numbers(std::uint32_t stream, long count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<T>(number(stream, static_cast<std::uint32_t>(i)));
  return values;
}

template <class T>
struct Product {
  int m, n, k;
  bool a_transposed, b_transposed;
  std::vector<T> a = numbers<T>(1, long{m} * k), b = numbers<T>(2, long{k} * n),
                 c = std::vector<T>(std::size_t(m) * std::size_t(n));

  void run() {
    const auto form = [](bool transposed) { return transposed ? CblasTrans : CblasNoTrans; };
    const int a_width = a_transposed ? m : k, b_width = b_transposed ? k : n;
    if constexpr (sizeof(T) == 4)
      cblas_sgemm(CblasRowMajor, form(a_transposed), form(b_transposed), m, n, k, 1.0f, a.data(), a_width, b.data(),
                  b_width, 0.0f, c.data(), n);
    else
      cblas_dgemm(CblasRowMajor, form(a_transposed), form(b_transposed), m, n, k, 1.0, a.data(), a_width, b.data(),
                  b_width, 0.0, c.data(), n);
  }
};

template <class T>
Task task_of(const char* form, int m, int n, int k) {
  const auto product = std::make_shared<Product<T>>(Product<T>{m, n, k, form[0] == 't', form[1] == 't'});
  return {.run = [product] { product->run(); },
          .values =
              [product] {
                product->run();
                return std::vector<double>(product->c.begin(), product->c.end());
              }};
}

std::optional<Task> prepare(const std::string& name, std::string& why) {
  char form[3] = {};
  int bits = 0, m = 0, n = 0, k = 0;
  if (std::sscanf(name.c_str(), "gemm/f%d/%2[nt]/%dx%dx%d", &bits, form, &m, &n, &k) != 5) {
    why = "OpenBLAS has matrix products only";
    return std::nullopt;
  }
  return bits == 32 ? task_of<float>(form, m, n, k) : task_of<double>(form, m, n, k);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = threads_option(argc, argv);
  openblas_set_num_threads(threads);
  serve({.peer = "openblas", .version = openblas_get_config(), .threads = threads, .names = {}, .prepare = prepare});
}

// cuBLAS, which counts columns first: the row-major c is its transposed result, c' = b' a'.
#include <cmath>
#include <map>
#include <vector>

#include "bench/cuda/gemm.h"
#include "engine/backend.h"
#include "engine/ops.h"

namespace brenier::bench {
namespace {

constexpr int kSampledEntries = 256;

double measure_ceiling(DType dtype) {
  const std::int64_t n = dtype == DType::Float32 ? 8192 : 4096;
  const GemmProblem problem{"nn", n, n, n, dtype};
  const Tensor a = random_matrix(1, n, n, dtype), b = random_matrix(2, n, n, dtype);
  Tensor c = Tensor::uninitialized({n, n}, dtype, a.backend());
  return problem.tflops(gpu_time([&] { cublas_product(problem, a, b, c); }).us);
}

struct Entry {
  double value, terms;  // terms: the sum of their absolute values
};
// In double; a and b as stored.
Entry exact_entry(const GemmProblem& problem, const std::vector<double>& a, const std::vector<double>& b,
                  std::int64_t i, std::int64_t j) {
  Entry entry{0, 0};
  for (std::int64_t p = 0; p < problem.k; ++p) {
    const std::int64_t in_a = problem.a_transposed() ? p * problem.m + i : i * problem.k + p;
    const std::int64_t in_b = problem.b_transposed() ? j * problem.k + p : p * problem.n + j;
    const double term = a[static_cast<std::size_t>(in_a)] * b[static_cast<std::size_t>(in_b)];
    entry.value += term;
    entry.terms += std::abs(term);
  }
  return entry;
}

}  // namespace

Tensor random_matrix(std::uint64_t seed, std::int64_t rows, std::int64_t cols, DType dtype) {
  return 2.0 * random_uniform(RandomKey(seed, 0), {rows, cols}, dtype) - 1.0;
}

void cublas_product(const GemmProblem& problem, const Tensor& a, const Tensor& b, Tensor& c) {
  const auto m = static_cast<int>(problem.m), n = static_cast<int>(problem.n), k = static_cast<int>(problem.k);
  const cublasOperation_t of_a = problem.a_transposed() ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t of_b = problem.b_transposed() ? CUBLAS_OP_T : CUBLAS_OP_N;
  const int a_line = problem.a_transposed() ? m : k, b_line = problem.b_transposed() ? k : n;
  if (problem.dtype == DType::Float32) {
    const float one = 1, zero = 0;
    check_cublas(cublasSgemm(blas(), of_b, of_a, n, m, k, &one, b.data<float>(), b_line, a.data<float>(), a_line, &zero,
                             c.mutable_data<float>(), n),
                 "cublasSgemm");
  } else {
    const double one = 1, zero = 0;
    check_cublas(cublasDgemm(blas(), of_b, of_a, n, m, k, &one, b.data<double>(), b_line, a.data<double>(), a_line,
                             &zero, c.mutable_data<double>(), n),
                 "cublasDgemm");
  }
}

double gemm_ceiling(DType dtype) {
  static std::map<DType, double> measured;
  if (!measured.contains(dtype)) measured[dtype] = measure_ceiling(dtype);
  return measured[dtype];
}

double sampled_error(const GemmProblem& problem, const Tensor& a, const Tensor& b, const Tensor& c) {
  const std::vector<double> in_a = a.to_vector<double>(), in_b = b.to_vector<double>(), result = c.to_vector<double>();
  const auto entries = static_cast<std::uint64_t>(problem.m * problem.n);
  double worst = 0;
  for (std::uint64_t sample = 0; sample < kSampledEntries; ++sample) {
    const std::uint64_t at = sample * 0x9e3779b97f4a7c15u % entries;  // spread over all entries
    const auto index = static_cast<std::int64_t>(at);
    const Entry exact = exact_entry(problem, in_a, in_b, index / problem.n, index % problem.n);
    const double distance = std::abs(result[at] - exact.value) / exact.terms;
    if (!(distance <= worst)) worst = distance;  // a NaN stays
  }
  return worst;
}

}  // namespace brenier::bench

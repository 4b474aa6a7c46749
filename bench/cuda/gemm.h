// Matrix products on the device for the bench: the kernels of engine/cuda/gemm.h by name, and cuBLAS.
#pragma once

#include <cstdint>

#include "bench/cuda/timing.h"
#include "engine/tensor.h"

namespace brenier::bench {

// As stored: nn [m, k] and [k, n], nt [m, k] and [n, k], tn [k, m] and [k, n].
struct GemmProblem {
  const char* form;
  std::int64_t m, n, k;
  DType dtype;

  bool a_transposed() const { return form[0] == 't'; }
  bool b_transposed() const { return form[1] == 't'; }
  double tflops(double us) const { return 2e-6 * static_cast<double>(m * n * k) / us; }
};

// In [-1, 1), on the default device.
Tensor random_matrix(std::uint64_t seed, std::int64_t rows, std::int64_t cols, DType dtype);

// c = a b by cuBLAS, in float32 or float64 throughout.
void cublas_product(const GemmProblem& problem, const Tensor& a, const Tensor& b, Tensor& c);

// What cuBLAS reaches on large squares of that dtype, in TFLOP/s. Measured once.
double gemm_ceiling(DType dtype);

// Largest |c - exact| over the sum of the absolute values of the terms, on a sample of 256 entries.
double sampled_error(const GemmProblem& problem, const Tensor& a, const Tensor& b, const Tensor& c);

}  // namespace brenier::bench

// Matrix products in the three forms that training needs, for square sizes and for the layers of the networks in
// bench/README.md, on one thread and on two:
//
//   nn   A [m, k] · B [k, n]        activations times weights
//   nt   A [m, k] · B [n, k]^T      the cotangent of the activations
//   tn   A [k, m]^T · B [k, n]      the cotangent of the weights
//
// Rates are per second of processor time, so with two threads too 100 %fma is what one core can do.
#include <vector>

#include "bench/measure.h"
#include "bench/register.h"
#include "engine/backend.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

struct GemmCase {
  const char* form;
  std::int64_t m, n, k;
};

struct Layer {
  std::int64_t in, out;
};

std::vector<GemmCase> gemm_cases() {
  std::vector<GemmCase> cases;
  for (const std::int64_t n : {64, 128, 256, 512, 1024, 2048}) cases.push_back({"nn", n, n, n});
  for (const std::int64_t batch : {128, 1024}) {
    for (const auto& [in, out] :
         {Layer{2, 32}, Layer{32, 32}, Layer{43, 256}, Layer{256, 256}, Layer{512, 512}, Layer{784, 256}}) {
      cases.push_back({"nn", batch, out, in});  // weights stored [in, out]
      cases.push_back({"nt", batch, out, in});  // weights stored [out, in]
      cases.push_back({"tn", in, out, batch});
      if (in != out) cases.push_back({"nt", batch, in, out});
    }
    cases.push_back({"nn", batch, 1, 256});  // the last layer of a potential
  }
  return cases;
}

void run_case(benchmark::State& state, const GemmCase& row, DType dtype, int thread_count) {
  const bool a_transposed = row.form[0] == 't', b_transposed = row.form[1] == 't';
  const Tensor a = a_transposed ? transpose(sample({row.k, row.m}, dtype, 1)) : sample({row.m, row.k}, dtype, 1);
  const Tensor b = b_transposed ? transpose(sample({row.n, row.k}, dtype, 2)) : sample({row.k, row.n}, dtype, 2);
  const double flops = 2.0 * static_cast<double>(row.m * row.n * row.k);
  set_threads(thread_count);
  measure(state, {.flops = flops, .dtype = dtype}, [&] { return matmul(a, b); });
  set_threads(1);
}

}  // namespace

void register_matmul() {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    for (const GemmCase& row : gemm_cases()) {
      for (const int count : {1, 2}) {
        const std::string name = str("matmul/", row.form, "/", short_name(dtype), "/",
                                     shape_name({row.m, row.n, row.k}), "/threads:", count);
        benchmark::RegisterBenchmark(name.c_str(),
                                     [=](benchmark::State& state) { run_case(state, row, dtype, count); });
      }
    }
  }
}

}  // namespace brenier::bench

// Matrix products in the three forms that training needs, at the sizes of the two ICNNs of bench/README.md:
//
//   nn   A [m, k] · B [k, n]        activations times weights
//   nt   A [m, k] · B [n, k]^T      the cotangent of the activations
//   tn   A [k, m]^T · B [k, n]      the cotangent of the weights
#include "bench/measure.h"
#include "bench/register.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

struct MatmulCase {
  const char* form;
  std::int64_t m, n, k;
};

const MatmulCase kCases[] = {
    {"nn", 128, 32, 2},     {"nn", 128, 32, 32},    {"nt", 128, 32, 32},
    {"tn", 32, 32, 128},    {"nn", 1024, 256, 43},  {"nn", 1024, 256, 256},
    {"nt", 1024, 256, 256}, {"tn", 256, 256, 1024}, {"nn", 512, 512, 512},
};

void run_case(benchmark::State& state, const MatmulCase& row, DType dtype) {
  const bool a_transposed = row.form[0] == 't', b_transposed = row.form[1] == 't';
  const Tensor a = a_transposed ? transpose(sample({row.k, row.m}, dtype, 1)) : sample({row.m, row.k}, dtype, 1);
  const Tensor b = b_transposed ? transpose(sample({row.n, row.k}, dtype, 2)) : sample({row.k, row.n}, dtype, 2);
  const double flops = 2.0 * static_cast<double>(row.m * row.n * row.k);
  measure(state, {.flops = flops, .dtype = dtype}, [&] { return matmul(a, b); });
}

}  // namespace

void register_matmul() {
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const MatmulCase& row : kCases) {
      const std::string name = str("matmul/", row.form, "/", short_name(dtype), "/", shape_name({row.m, row.n, row.k}));
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { run_case(state, row, dtype); });
    }
}

}  // namespace brenier::bench

// Matrix products in the three forms that training needs, M x N x K, for square sizes and for the layers of b1 to b4:
//
//   nn   A [m, k] · B [k, n]        activations times weights
//   nt   A [m, k] · B [n, k]^T      the cotangent of the activations; weights stored [out, in]
//   tn   A [k, m]^T · B [k, n]      the cotangent of the weights
#include "bench/workloads/recording.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

struct Product {
  const char* form;
  std::int64_t m, n, k;
};

struct Layer {
  std::int64_t batch, in, out;
};

std::vector<Product> products() {
  std::vector<Product> list;
  for (const std::int64_t n : {64, 128, 256, 512, 1024, 2048}) list.push_back({"nn", n, n, n});
  for (const auto& [batch, in, out] : {Layer{128, 2, 32}, Layer{128, 32, 32}, Layer{1024, 43, 256},
                                       Layer{1024, 256, 256}, Layer{1024, 512, 512}, Layer{128, 784, 256}}) {
    list.push_back({"nn", batch, out, in});
    list.push_back({"nt", batch, out, in});
    list.push_back({"tn", in, out, batch});
  }
  return list;
}

Prepared multiply(const Product& row, DType dtype) {
  const bool a_transposed = row.form[0] == 't', b_transposed = row.form[1] == 't';
  const Tensor a = formula_tensor(kPoints, a_transposed ? Shape{row.k, row.m} : Shape{row.m, row.k}, 1.0, dtype);
  const Tensor b = formula_tensor(kTarget, b_transposed ? Shape{row.n, row.k} : Shape{row.k, row.n}, 1.0, dtype);
  const Tensor left = a_transposed ? transpose(a) : a, right = b_transposed ? transpose(b) : b;
  return {.run = [=] { return Tensors{matmul(left, right)}; }, .values = {}};
}

}  // namespace

void add_products(std::vector<Workload>& list) {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    for (const Product& row : products()) {
      list.push_back({.name = str("gemm/", dtype == DType::Float32 ? "f32" : "f64", "/", row.form, "/", row.m, "x",
                                  row.n, "x", row.k),
                      .work = {.flops = 2.0 * static_cast<double>(row.m * row.n * row.k), .dtype = dtype},
                      .eager = [=] { return multiply(row, dtype); },
                      .compiled = {}});
    }
  }
}

}  // namespace brenier::bench

// Every kernel for matrix products, gemm/DTYPE/FORM/MxNxK/KERNEL, on squares and on the layers of the models, against
// cuBLAS on the same numbers.
#include <optional>

#include "bench/cuda/gemm.h"
#include "bench/cuda/register.h"
#include "engine/cuda/gemm.h"

namespace brenier::bench {
namespace {

using cuda::Gemm;

template <class T>
cuda::GemmArguments<T> arguments_of(const GemmProblem& problem, const Tensor& a, const Tensor& b, Tensor& c) {
  using cuda::Along;
  const bool at = problem.a_transposed(), bt = problem.b_transposed();
  const auto whole = [](std::int64_t stride) { return stride * static_cast<std::int64_t>(sizeof(T)) % 16 == 0; };
  const std::int64_t a_stride = at ? problem.m : problem.k, b_stride = bt ? problem.k : problem.n;
  cuda::GemmArguments<T> arguments{.rows = static_cast<int>(problem.m),
                                   .cols = static_cast<int>(problem.n),
                                   .depth = static_cast<int>(problem.k),
                                   .a = {a.data<T>(), a_stride, at ? Along::Side : Along::Depth, whole(a_stride)},
                                   .b = {b.data<T>(), b_stride, bt ? Along::Depth : Along::Side, whole(b_stride)},
                                   .c = c.mutable_data<T>()};
  arguments.batch = cuda::make_walk<2>(Shape{}, {Strides{}, Strides{}});
  return arguments;
}

// A product made ready: its memory and what splits it.
template <class T>
std::function<void()> prepared(Gemm rung, const GemmProblem& problem, const Tensor& a, const Tensor& b, Tensor& c) {
  const cuda::GemmShape shape{problem.m, problem.n, problem.k};
  const cuda::GemmPlan plan = cuda::plan_gemm(rung, shape);
  const auto scratch =
      std::make_shared<cuda::Scratch>(std::max<std::size_t>(cuda::scratch_bytes(plan, shape, problem.dtype), 1));
  const cuda::GemmArguments<T> arguments = arguments_of<T>(problem, a, b, c);
  return [=] { cuda::gemm(plan, arguments, scratch->template data<T>()); };
}

GpuRow measure(Gemm rung, const GemmProblem& problem) {
  const auto [form, m, n, k, dtype] = problem;
  const bool at = problem.a_transposed(), bt = problem.b_transposed();
  const Tensor a = random_matrix(1, at ? k : m, at ? m : k, dtype), b = random_matrix(2, bt ? n : k, bt ? k : n, dtype);
  Tensor c = Tensor::uninitialized({m, n}, dtype, a.backend());
  const std::function<void()> run =
      dtype == DType::Float32 ? prepared<float>(rung, problem, a, b, c) : prepared<double>(rung, problem, a, b, c);
  const GpuTime ours = gpu_time(run);
  GpuRow row{.name = {},
             .us = ours.us,
             .spread = ours.spread,
             .tflops = problem.tflops(ours.us),
             .ceiling = gemm_ceiling(dtype)};
  row.error = sampled_error(problem, a, b, c);
  row.peer = "cublas";
  row.peer_us = gpu_time([&] { cublas_product(problem, a, b, c); }).us;
  row.peer_error = sampled_error(problem, a, b, c);
  return row;
}

// The simple kernels take seconds for what others do in milliseconds.
bool worth_measuring(Gemm rung, std::int64_t n) {
  if (rung == Gemm::Naive || rung == Gemm::Tiled) return n <= 2048;
  return rung != Gemm::Vectorised || n <= 4096;
}

struct Layer {
  std::int64_t batch, in, out;
};

void add_products(std::vector<GpuCase>& cases, const GemmProblem& problem) {
  for (const Gemm rung : cuda::all_gemms()) {
    if (!cuda::computes(rung, problem.dtype) || !worth_measuring(rung, problem.n)) continue;
    if (cuda::available() && !cuda::runs_here(rung)) continue;
    cases.push_back({str("gemm/", problem.dtype == DType::Float32 ? "f32" : "f64", "/", problem.form, "/", problem.m,
                         "x", problem.n, "x", problem.k, "/", cuda::name_of(rung)),
                     [=] { return measure(rung, problem); }});
  }
}

}  // namespace

void add_gemms(std::vector<GpuCase>& cases) {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    for (const std::int64_t n : {1024, 2048, 4096, 8192}) add_products(cases, {"nn", n, n, n, dtype});
    for (const auto& [batch, in, out] : {Layer{1024, 43, 256}, Layer{1024, 256, 256}, Layer{1024, 512, 512}}) {
      add_products(cases, {"nn", batch, out, in, dtype});
      add_products(cases, {"nt", batch, out, in, dtype});
      add_products(cases, {"tn", in, out, batch, dtype});
    }
  }
}

}  // namespace brenier::bench

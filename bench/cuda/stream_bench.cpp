// What memory bounds: fused chains of elementwise operations and the softplus families on 64 M floats, sums of 256 M
// floats. The ceiling is the rate of a copy within the device.
#include "bench/cuda/register.h"
#include "bench/cuda/timing.h"
#include "bench/workloads/recording.h"
#include "engine/ops.h"

namespace brenier::bench {
namespace {

constexpr std::int64_t kElements = std::int64_t{1} << 26, kSide = std::int64_t{1} << 14;

Tensor random_floats(const Shape& shape, double scale) {
  return scale * (2.0 * random_uniform(RandomKey(3, 0), shape, DType::Float32) - 1.0);
}

// `moved`: tensors of the size of x that are read or written at least.
GpuRow measure(const Tensor& x, double moved, const std::function<void()>& run) {
  const GpuTime time = gpu_time(run);
  const double bytes = moved * static_cast<double>(x.size()) * static_cast<double>(size_of(x.dtype()));
  return {
      .name = {}, .us = time.us, .spread = time.spread, .gbps = 1e-3 * bytes / time.us, .ceiling = copy_bandwidth()};
}

// A program that reads x once and writes each result once.
void add_chain(std::vector<GpuCase>& cases, const std::string& name, double moved, const Formula& formula) {
  cases.push_back({name, [=] {
                     const Tensor x = random_floats({kElements}, 4.0);
                     const Prepared program = compiled(formula, {x});
                     return measure(x, moved, [&] { program.run(); });
                   }});
}

void add_sum(std::vector<GpuCase>& cases, const std::string& name, const Axes& axes) {
  cases.push_back({name, [=] {
                     const Tensor x = random_floats({kSide, kSide}, 1.0);
                     return measure(x, 1, [&] { sum(x, axes); });
                   }});
}

Tensors gaussian_family(const Tensors& in) {
  const Tensor &x = in[0], density = normal_pdf(x);
  return {gaussian_softplus(x), normal_cdf(x), density, -x * density};
}

Tensors logistic_family(const Tensors& in) {
  const Tensor slope = sigmoid(in[0]), curvature = slope * (1.0 - slope);
  return {softplus(in[0]), slope, curvature, curvature * (1.0 - 2.0 * slope)};
}

Tensors ten_operations(const Tensors& in) {
  Tensor x = in[0];
  for (int i = 0; i < 5; ++i) x = x * 0.5 + 1.0;
  return {x};
}

}  // namespace

void add_streams(std::vector<GpuCase>& cases) {
  add_chain(cases, "stream/64M/ten_operations", 2, ten_operations);
  add_chain(cases, "stream/64M/gaussian_softplus_three_derivatives", 5, gaussian_family);
  add_chain(cases, "stream/64M/softplus_three_derivatives", 5, logistic_family);
}

void add_reductions(std::vector<GpuCase>& cases) {
  add_sum(cases, "sum/all/f32/16384x16384", {});
  add_sum(cases, "sum/rows/f32/16384x16384", {-1});
  add_sum(cases, "sum/columns/f32/16384x16384", {0});
}

}  // namespace brenier::bench

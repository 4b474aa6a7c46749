// The FMA loop is one text over GCC vector types, compiled for each instruction set by a target attribute and chosen
// at run time. Twelve chains cover a latency of four or five cycles at two or three operations per cycle, and leave
// registers for the two operands.
#include "bench/peaks.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <vector>

namespace brenier::bench {
namespace {

constexpr int kChains = 12;
constexpr int kRuns = 15;
constexpr long kRounds = 500'000;  // a few milliseconds per run

template <class T, int bytes>
using Pack [[gnu::vector_size(bytes)]] = T;

// Runs kRounds * kChains multiply-adds on packs. The factor is below 1, so that the chains converge and stay normal.
template <class T, class V>
[[gnu::always_inline]] inline T fma_chains(T factor, T summand) {
  V chain[kChains];
  for (V& c : chain) c = V{} + summand;
  const V f = V{} + factor, s = V{} + summand;
  for (long round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = chain[i] * f + s;
  }
  V total{};
  for (const V& c : chain) total += c;
  return total[0];
}

struct FmaLoop {
  const char* name;
  int vector_bytes;
  float (*f32)(float, float);
  double (*f64)(double, double);
};

float portable_f32(float f, float s) { return fma_chains<float, Pack<float, 16>>(f, s); }
double portable_f64(double f, double s) { return fma_chains<double, Pack<double, 16>>(f, s); }
#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] float avx2_f32(float f, float s) { return fma_chains<float, Pack<float, 32>>(f, s); }
[[gnu::target("avx2,fma")]] double avx2_f64(double f, double s) { return fma_chains<double, Pack<double, 32>>(f, s); }
[[gnu::target("avx512f")]] float avx512_f32(float f, float s) { return fma_chains<float, Pack<float, 64>>(f, s); }
[[gnu::target("avx512f")]] double avx512_f64(double f, double s) { return fma_chains<double, Pack<double, 64>>(f, s); }
#endif

FmaLoop widest_loop() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {"AVX-512", 64, avx512_f32, avx512_f64};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {"AVX2", 32, avx2_f32, avx2_f64};
#endif
  return {"128-bit vectors", 16, portable_f32, portable_f64};
}

// The shortest of several runs, in seconds.
template <class Function>
double best_seconds(Function&& function) {
  using Clock = std::chrono::steady_clock;
  double best = 1e300;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    function();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

template <class T>
double measure_fma(T (*loop)(T, T), int vector_bytes) {
  // Volatile operands, so that the loop is not computed at compile time.
  volatile T factor = T(0.5), summand = T(1), sink = T(0);
  const double seconds = best_seconds([&] { sink = loop(factor, summand); });
  const double lanes = static_cast<double>(vector_bytes) / sizeof(T);
  return 2.0 * kChains * static_cast<double>(kRounds) * lanes / seconds;
}

// Not inlined, so that the repetitions of measure_triad() are not merged.
[[gnu::noinline]] void triad(float* a, const float* b, const float* c, float s, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + s * c[i];
}
#if defined(__x86_64__)
[[gnu::noinline, gnu::target("avx2,fma")]] void triad_avx2(float* a, const float* b, const float* c, float s,
                                                           std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + s * c[i];
}
#endif

double measure_triad(std::size_t bytes) {
  auto kernel = triad;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernel = triad_avx2;
#endif
  const std::size_t n = bytes / (3 * sizeof(float));
  std::vector<float> a(n, 0.0f), b(n, 1.0f), c(n, 2.0f);
  const std::size_t repetitions = std::max<std::size_t>(1, (std::size_t{16} << 20) / bytes);
  const double seconds = best_seconds([&] {
    for (std::size_t r = 0; r < repetitions; ++r) kernel(a.data(), b.data(), c.data(), 0.5f, n);
  });
  return static_cast<double>(3 * sizeof(float) * n * repetitions) / seconds;
}

}  // namespace

const char* vector_extension() { return widest_loop().name; }

double fma_peak(DType dtype) {
  static const FmaLoop loop = widest_loop();
  static const double f32 = measure_fma(loop.f32, loop.vector_bytes);
  static const double f64 = measure_fma(loop.f64, loop.vector_bytes);
  return dtype == DType::Float32 ? f32 : f64;
}

double stream_bandwidth(std::size_t bytes) {
  static std::map<std::size_t, double> measured;
  const std::size_t size = std::bit_ceil(std::clamp<std::size_t>(bytes, std::size_t{16} << 10, std::size_t{256} << 20));
  auto [entry, is_new] = measured.try_emplace(size, 0.0);
  if (is_new) entry->second = measure_triad(size);
  return entry->second;
}

}  // namespace brenier::bench

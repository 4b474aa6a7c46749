// The device layer of the CUDA backend: what kernels may use, held against plain loops and matrix products.
//
// The file is compiled like a kernel file, for the shim and, in builds with nvcc, for the GPU, where the same tests
// say whether the shim's models of shuffles and matrix units are those of the hardware.
#include "engine/cuda/device.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "engine/cuda/runtime.h"
#include "tests/cuda/array.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr unsigned kAll = 0xffffffffu;

struct Partial {
  int sums[256];
};

// The sum of a block by halving.
__global__ void __launch_bounds__(256) block_sum(const int* in, int* out) {
  Partial& partial = shared_memory<Partial>();
  const unsigned i = threadIdx.x;
  partial.sums[i] = in[blockIdx.x * 256 + i];
  __syncthreads();
  for (unsigned half = 128; half > 0; half /= 2) {
    if (i < half) partial.sums[i] += partial.sums[i + half];
    __syncthreads();
  }
  if (i == 0) out[blockIdx.x] = partial.sums[0];
}

template <class T>
__global__ void shuffles(const T* in, T* out, int width) {
  const T x = in[threadIdx.x];
  T* const row = out + threadIdx.x * 4;
  row[0] = __shfl_sync(kAll, x, 5, width);
  row[1] = __shfl_up_sync(kAll, x, 3, width);
  row[2] = __shfl_down_sync(kAll, x, 3, width);
  row[3] = __shfl_xor_sync(kAll, x, 9, width);
}

__global__ void votes(const int* in, unsigned* out) {
  const unsigned i = threadIdx.x;
  out[i * 5] = __ballot_sync(kAll, in[i] > 0);
  out[i * 5 + 1] = __any_sync(kAll, in[i] > 0) != 0;
  out[i * 5 + 2] = __all_sync(kAll, in[i] > 0) != 0;
  out[i * 5 + 3] = __syncthreads_or(in[i] > 0) != 0;
  // Two halves of a warp on their own.
  out[i * 5 + 4] = i % 32 < 16 ? __ballot_sync(0xffffu, in[i] > 0) : __ballot_sync(0xffff0000u, in[i] > 0);
}

// D += A B, row by row; A of 16 x 8.
__global__ void multiply_tf32(const float* a, const float* b, float* d) {
  const unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
  const std::uint32_t a_part[4] = {to_tf32(a[g * 8 + t]), to_tf32(a[(g + 8) * 8 + t]), to_tf32(a[g * 8 + t + 4]),
                                   to_tf32(a[(g + 8) * 8 + t + 4])};
  const std::uint32_t b_part[2] = {to_tf32(b[t * 8 + g]), to_tf32(b[(t + 4) * 8 + g])};
  float* const places[4] = {d + g * 8 + 2 * t, d + g * 8 + 2 * t + 1, d + (g + 8) * 8 + 2 * t,
                            d + (g + 8) * 8 + 2 * t + 1};
  float d_part[4];
  for (int i = 0; i < 4; ++i) d_part[i] = *places[i];
  mma_tf32(d_part, a_part, b_part);
  for (int i = 0; i < 4; ++i) *places[i] = d_part[i];
}

// The same bits as operands, unrounded: what the unit does with the bits beyond TF32.
__global__ void multiply_bits(float a, float b, float* d) {
  const std::uint32_t a_part[4] = {__float_as_uint(a), 0, 0, 0};
  const std::uint32_t b_part[2] = {threadIdx.x % 4 == 0 ? __float_as_uint(b) : 0, 0};
  float d_part[4] = {};
  mma_tf32(d_part, a_part, b_part);
  if (threadIdx.x == 0) *d = d_part[0];
}

// A of 8 x 4, B of 4 x 8.
__global__ void multiply_f64(const double* a, const double* b, double* d) {
  const unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
  double d_part[2] = {d[g * 8 + 2 * t], d[g * 8 + 2 * t + 1]};
  mma_f64(d_part, a[g * 4 + t], b[t * 8 + g]);
  d[g * 8 + 2 * t] = d_part[0];
  d[g * 8 + 2 * t + 1] = d_part[1];
}

__global__ void round_to_tf32(const float* in, std::uint32_t* out) { out[threadIdx.x] = to_tf32(in[threadIdx.x]); }

struct Stage {
  float4 quads[2][32];
  float words[32];
};

// Copies in three groups; every second quad of the second group and word of the third is left out.
__global__ void copy_async(const float4* in, float4* out, float* words) {
  Stage& stage = shared_memory<Stage>();
  const unsigned i = threadIdx.x;
  cp_async_16(&stage.quads[0][i], in + i, true);
  cp_async_commit();
  cp_async_16(&stage.quads[1][i], in + 32 + i, i % 2 == 0);
  cp_async_commit();
  cp_async_4(&stage.words[i], &in[i].y, i % 2 == 1);
  cp_async_commit();
  cp_async_wait<2>();
  __syncthreads();
  out[i] = stage.quads[0][31 - i];
  cp_async_wait<0>();
  __syncthreads();
  out[32 + i] = stage.quads[1][31 - i];
  words[i] = stage.words[31 - i];
}

__global__ void bit_functions(const unsigned* in, unsigned* out) {
  const unsigned x = in[threadIdx.x];
  out[threadIdx.x * 4] = static_cast<unsigned>(__popc(x));
  out[threadIdx.x * 4 + 1] = static_cast<unsigned>(__clz(static_cast<int>(x)));
  out[threadIdx.x * 4 + 2] = static_cast<unsigned>(__ffs(static_cast<int>(x)));
  out[threadIdx.x * 4 + 3] = __umulhi(x, 0x9e3779b9u);
}

}  // namespace

TEST_CASE("threads of a block add up through shared memory and barriers") {
  if (!available()) return;
  const std::vector<int> numbers = uniform<int>(8 * 256, 1);
  Array<int> in(numbers), out(8);
  for (int repeat = 0; repeat < 10; ++repeat) {
    launch({.grid = {8}, .block = {256}, .op = "block_sum"}, block_sum, in.data(), out.data());
    const std::vector<int> sums = out.values();
    for (std::size_t block = 0; block < 8; ++block) {
      int expected = 0;
      for (std::size_t i = 0; i < 256; ++i) expected += numbers[block * 256 + i];
      CHECK(sums[block] == expected);
    }
  }
}

TEST_CASE_TEMPLATE("shuffles take values from the lanes that CUDA documents", T, float, double, std::int32_t,
                   std::uint32_t, std::int64_t, std::uint64_t) {
  if (!available()) return;
  const std::vector<T> numbers = [] {
    std::vector<T> values(64);
    for (std::size_t i = 0; i < 64; ++i) values[i] = static_cast<T>(1000 + i * i);
    return values;
  }();
  Array<T> in(numbers), out(64 * 4);
  for (const int width : {32, 16, 8}) {
    launch({.block = {64}, .op = "shuffles"}, shuffles<T>, in.data(), out.data(), width);
    const std::vector<T> values = out.values();
    for (int i = 0; i < 64; ++i) {
      const int begin = i / width * width, end = begin + width;
      // The four sources of lane i; a shift out of the segment leaves the lane its own value.
      const int warp_begin = i / 32 * 32, crossed = warp_begin + ((i - warp_begin) ^ 9);
      const int sources[4] = {begin + 5, i - 3 >= begin ? i - 3 : i, i + 3 < end ? i + 3 : i,
                              crossed < end ? crossed : i};
      for (int k = 0; k < 4; ++k) {
        CAPTURE(width);
        CAPTURE(i);
        CAPTURE(k);
        CHECK(values[static_cast<std::size_t>(i * 4 + k)] == numbers[static_cast<std::size_t>(sources[k])]);
      }
    }
  }
}

TEST_CASE("votes count the lanes of a warp, and of a part of it") {
  if (!available()) return;
  for (unsigned pattern : {0u, 1u, 0x80000000u, 0xffffffffu, 0x0f0f1234u}) {
    std::vector<int> numbers(64);
    for (unsigned i = 0; i < 64; ++i) numbers[i] = i < 32 ? (pattern >> i & 1 ? 1 : -1) : -1;
    Array<int> in(numbers);
    Array<unsigned> out(64 * 5);
    launch({.block = {64}, .op = "votes"}, votes, in.data(), out.data());
    const std::vector<unsigned> values = out.values();
    for (unsigned i = 0; i < 64; ++i) {
      const unsigned bits = i < 32 ? pattern : 0;
      CHECK(values[i * 5] == bits);
      CHECK(values[i * 5 + 1] == (bits != 0));
      CHECK(values[i * 5 + 2] == (bits == kAll));
      CHECK(values[i * 5 + 3] == (pattern != 0));
      CHECK(values[i * 5 + 4] == (bits & (i % 32 < 16 ? 0xffffu : 0xffff0000u)));
    }
  }
}

TEST_CASE("rounding to TF32 keeps 10 bits, with ties away from zero") {
  if (!available()) return;
  std::vector<float> numbers = uniform<float>(60, 3);
  numbers.insert(numbers.end(), {1.0f + 0x1p-11f, -1.0f - 0x1p-11f, 1.0f + 0x1p-11f - 0x1p-23f, 0.0f});
  Array<float> in(numbers);
  Array<std::uint32_t> out(64);
  launch({.block = {64}, .op = "round_to_tf32"}, round_to_tf32, in.data(), out.data());
  const std::vector<std::uint32_t> bits = out.values();
  for (std::size_t i = 0; i < 64; ++i) {
    int exponent = 0;
    const double fraction = std::frexp(static_cast<double>(numbers[i]), &exponent);
    float rounded = 0;
    const std::uint32_t kept = bits[i] & 0xffffe000u;  // the hardware may leave anything below
    std::memcpy(&rounded, &kept, sizeof rounded);
    CHECK(rounded ==
          std::ldexp(std::round(std::ldexp(fraction, 11)), exponent - 11));  // std::round: ties away from zero
  }
}

TEST_CASE("mma_tf32 is a matrix product of numbers rounded to TF32") {
  if (!available()) return;
  const std::vector<float> a = uniform<float>(16 * 8, 4), b = uniform<float>(8 * 8, 5), d = uniform<float>(16 * 8, 6);
  Array<float> a_there(a), b_there(b), d_there(d);
  launch({.block = {32}, .op = "mma_tf32"}, multiply_tf32, a_there.data(), b_there.data(), d_there.data());
  const std::vector<float> values = d_there.values();
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      double sum = d[row * 8 + column], scale = std::abs(sum);
      for (std::size_t k = 0; k < 8; ++k) {
        sum += double{a[row * 8 + k]} * b[k * 8 + column];
        scale += std::abs(double{a[row * 8 + k]} * b[k * 8 + column]);
      }
      // Each factor is off by at most 2^-11 of itself; the sum is rounded in single precision.
      CHECK(std::abs(values[row * 8 + column] - sum) <= scale * (2 * 0x1p-11 + 0x1p-20));
    }
  }
}

TEST_CASE("mma_tf32 reads no bits beyond TF32") {
  if (!available()) return;
  Array<float> d(1);
  launch({.block = {32}, .op = "mma_tf32"}, multiply_bits, 1.0f + 0x1p-10f + 0x1p-11f, 1.0f, d.data());
  CHECK(d.values()[0] == 1.0f + 0x1p-10f);
}

TEST_CASE("mma_f64 is a matrix product") {
  if (!available()) return;
  const std::vector<double> a = uniform<double>(8 * 4, 7), b = uniform<double>(4 * 8, 8), d = uniform<double>(8 * 8, 9);
  Array<double> a_there(a), b_there(b), d_there(d);
  launch({.block = {32}, .op = "mma_f64"}, multiply_f64, a_there.data(), b_there.data(), d_there.data());
  const std::vector<double> values = d_there.values();
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      long double sum = d[row * 8 + column];
      for (std::size_t k = 0; k < 4; ++k) sum += static_cast<long double>(a[row * 4 + k]) * b[k * 8 + column];
      CHECK(std::abs(static_cast<double>(values[row * 8 + column] - sum)) <= 5 * 20 * 0x1p-53);  // |sum| <= 18
    }
  }
}

TEST_CASE("asynchronous copies arrive group by group, with zeros for what is left out") {
  if (!available()) return;
  const std::vector<float> numbers = uniform<float>(64 * 4, 10);
  std::vector<float4> quads(64);
  std::memcpy(quads.data(), numbers.data(), sizeof(float) * numbers.size());
  Array<float4> in(quads), out(64);
  Array<float> words(32);
  launch({.block = {32}, .op = "copy_async"}, copy_async, in.data(), out.data(), words.data());
  const std::vector<float4> copied = out.values();
  const std::vector<float> copied_words = words.values();
  for (std::size_t i = 0; i < 32; ++i) {
    CHECK(copied[i].x == quads[31 - i].x);
    CHECK(copied[i].w == quads[31 - i].w);
    CHECK(copied[32 + i].z == (i % 2 == 1 ? quads[63 - i].z : 0));
    CHECK(copied_words[i] == (i % 2 == 0 ? quads[31 - i].y : 0));
  }
}

TEST_CASE("functions of bits") {
  if (!available()) return;
  const std::vector<unsigned> numbers{0, 1, 0x80000000u, 0x00f0a000u, 0xffffffffu, 12345};
  Array<unsigned> in(numbers), out(numbers.size() * 4);
  launch({.block = {6}, .op = "bits"}, bit_functions, in.data(), out.data());
  const std::vector<unsigned> values = out.values();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    unsigned ones = 0, highest = 32, lowest = 0;  // zeros before the highest one; place of the lowest, from 1
    for (unsigned bit = 0; bit < 32; ++bit) {
      if (!(numbers[i] >> bit & 1)) continue;
      ++ones;
      highest = 31 - bit;
      if (!lowest) lowest = bit + 1;
    }
    CHECK(values[i * 4] == ones);
    CHECK(values[i * 4 + 1] == highest);
    CHECK(values[i * 4 + 2] == lowest);
    CHECK(values[i * 4 + 3] == static_cast<unsigned>(std::uint64_t{numbers[i]} * 0x9e3779b9u >> 32));
  }
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

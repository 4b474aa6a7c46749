// The matrix instruction of warpgroups, engine/cuda/wgmma.h: layouts in shared memory, fragments and groups, on a GPU that
// has it and in the shim's model; and the mistakes that the model reports.
#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/cuda/wgmma.h"
#include "tests/cuda/array.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

constexpr int kRows = 64, kColumns = 128, kTerms = 8, kBlock = 128;

// Where term k of a column lies, as the documentation draws it: chunks of 16 bytes, mixed within eight lines.
__host__ __device__ int place_in_bytes(SharedLayout layout, int column, int k) {
  const int chunk = k / 4, in_chunk = k % 4 * 4;
  if (layout.swizzle == Swizzle::None)
    return column / 8 * static_cast<int>(layout.stride) + chunk * static_cast<int>(layout.leading) + column % 8 * 16 +
           in_chunk;
  const int line = layout.swizzle == Swizzle::Bytes128 ? 128 : layout.swizzle == Swizzle::Bytes64 ? 64 : 32;
  const int mixed = (chunk ^ (column * line / 128)) % (line / 16);
  return column / 8 * static_cast<int>(layout.stride) + column % 8 * line + mixed * 16 + in_chunk;
}

// What one of a lane's numbers of D is: row and column.
struct Entry {
  int row, column;
};
__host__ __device__ Entry entry_of(int thread, int i) {
  const int lane = thread % 32;
  return {thread / 32 * 16 + lane / 4 + i / 2 % 2 * 8, i / 4 * 8 + lane % 4 * 2 + i % 2};
}

__device__ __forceinline__ void store_all(float* out, const float (&d)[64]) {
  for (int i = 0; i < 64; ++i) {
    const auto [row, column] = entry_of(static_cast<int>(threadIdx.x), i);
    out[row * kColumns + column] = d[i];
  }
}
__device__ __forceinline__ void load_a(const float* from, std::uint32_t (&a)[4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32, row = static_cast<int>(threadIdx.x) / 32 * 16 + lane / 4;
  for (int i = 0; i < 4; ++i) a[i] = to_tf32(from[(row + i % 2 * 8) * kTerms + lane % 4 + i / 2 * 4]);
}
// `first` is the first term of eight, in a line that may have more.
__device__ __forceinline__ void write_b(const float* from, SharedLayout layout, int first) {
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kTerms; i += kBlock) {
    const int to = place_in_bytes(layout, i / kTerms, first + i % kTerms);
    dynamic_shared<std::uint32_t>()[to / 4] = to_tf32(from[i]);
  }
}

// out = A B, and twice as much in the second half: a second product is added.
__global__ void multiply_once_and_twice(const float* a_matrix, const float* b_matrix, float* out, SharedLayout layout,
                                        int first) {
  if constexpr (kHasWgmma) {
    write_b(b_matrix, layout, first);
    fence_proxy_async();
    __syncthreads();
    std::uint32_t a[4];
    load_a(a_matrix, a);
    float once[64], twice[64];
    const std::uint64_t b = wgmma_advance(wgmma_descriptor(dynamic_shared<float>(), layout), 4 * first);
    wgmma_fence();
    wgmma_tf32(once, a, b, false);
    wgmma_commit();
    wgmma_tf32(twice, a, b, false);
    wgmma_tf32(twice, a, b, true);
    wgmma_commit();
    wgmma_wait<1>(once);
    store_all(out, once);
    wgmma_wait<0>(twice);
    store_all(out + kRows * kColumns, twice);
  }
}

std::vector<float> small_integers(std::size_t count, unsigned seed) {
  std::vector<float> values = uniform<float>(count, seed);
  for (float& value : values) value = std::round(value * 8);
  return values;
}

bool is_product(const std::vector<float>& out, std::size_t from, float factor, const std::vector<float>& a,
                const std::vector<float>& b) {
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kColumns; ++j) {
      float sum = 0;
      for (std::size_t k = 0; k < kTerms; ++k) sum += a[i * kTerms + k] * b[j * kTerms + k];
      if (out[from + i * kColumns + j] != factor * sum) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("a warpgroup multiplies what a descriptor describes") {
  if (!available() || !has_warpgroups()) return;
  struct Case {
    SharedLayout layout;
    int first;
  };
  const std::vector<float> a = small_integers(kRows * kTerms, 1), b = small_integers(kColumns * kTerms, 2);
  Array<float> a_device(a), b_device(b);
  for (const auto& [layout, first] :
       {Case{{Swizzle::Bytes128, 1024}, 0}, Case{{Swizzle::Bytes128, 1024}, 24}, Case{{Swizzle::Bytes128, 2048}, 8},
        Case{{Swizzle::Bytes64, 512}, 8}, Case{{Swizzle::Bytes32, 256}, 0}, Case{{Swizzle::None, 256, 128}, 0},
        Case{{Swizzle::None, 128, 2048}, 0}}) {
    INFO("swizzle ", static_cast<int>(layout.swizzle), ", first term ", first);
    Array<float> out(2 * kRows * kColumns);
    launch({.block = {kBlock}, .dynamic_shared = 32 * 1024, .op = "wgmma"}, multiply_once_and_twice, a_device.data(),
           b_device.data(), out.data(), layout, first);
    const std::vector<float> values = out.values();
    CHECK(is_product(values, 0, 1, a, b));
    CHECK(is_product(values, kRows * kColumns, 2, a, b));
  }
}

#if BRENIER_CUDA_ON_HOST

namespace {

enum class Mistake {
  None,
  NoProxyFence,
  OneWarpDoesNotFence,
  NoBarrier,
  NoRegisterFence,
  NoWait,
  NoCommit,
  MemoryChanged,
  FactorChanged,
  SumChanged,
  OneWarpAlone
};

__global__ void mistaken(float* out, Mistake mistake) {
  const SharedLayout layout{Swizzle::Bytes128, 1024};
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < kColumns * 32; i += kBlock) dynamic_shared<float>()[i] = 1;
  if (mistake != Mistake::NoProxyFence && (mistake != Mistake::OneWarpDoesNotFence || thread >= 32))
    fence_proxy_async();
  if (mistake != Mistake::NoBarrier) __syncthreads();
  std::uint32_t a[4] = {to_tf32(1), to_tf32(1), to_tf32(1), to_tf32(1)};
  float d[64] = {};
  if (mistake != Mistake::NoRegisterFence) wgmma_fence();
  if (mistake != Mistake::OneWarpAlone || thread < 32)
    wgmma_tf32(d, a, wgmma_descriptor(dynamic_shared<float>(), layout), true);
  if (mistake != Mistake::NoCommit) wgmma_commit();
  if (mistake == Mistake::MemoryChanged) dynamic_shared<float>()[thread] = 2;
  if (mistake == Mistake::FactorChanged) a[0] = 0;
  if (mistake == Mistake::SumChanged) d[5] = 0;
  if (mistake != Mistake::NoWait) wgmma_wait<0>(d);
  __syncthreads();
  store_all(out, d);
}

std::string result_of(Mistake mistake) {
  Array<float> out(kRows * kColumns);
  try {
    launch({.block = {kBlock}, .dynamic_shared = 16 * 1024, .op = "test"}, mistaken, out.data(), mistake);
  } catch (const std::logic_error& error) {
    const std::string what = error.what();
    return what.substr(what.find(": ") + 2);
  }
  std::size_t right = 0;
  for (const float value : out.values()) right += value == kTerms;
  return right == kRows * kColumns ? "right" : "wrong";
}

__global__ void one_wgmma(float* out, float big, float small) {
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * 32; i += kBlock)
    dynamic_shared<float>()[i] = i % 2 == 0 ? big : small;
  fence_proxy_async();
  __syncthreads();
  const std::uint32_t a[4] = {to_tf32(1), to_tf32(1), to_tf32(1), to_tf32(1)};
  float d[64];
  wgmma_fence();
  wgmma_tf32(d, a, wgmma_descriptor(dynamic_shared<float>(), {Swizzle::Bytes128, 1024}), false);
  wgmma_commit();
  wgmma_wait<0>(d);
  store_all(out, d);
}

}  // namespace

TEST_CASE("what a program may not do while a warpgroup multiplies shows") {
  CHECK(result_of(Mistake::None) == "right");
  CHECK(result_of(Mistake::NoProxyFence) == "wrong");
  CHECK(result_of(Mistake::OneWarpDoesNotFence) == "wrong");
  CHECK(result_of(Mistake::NoBarrier) == "wrong");
  CHECK(result_of(Mistake::NoWait) == "wrong");
  CHECK(result_of(Mistake::NoCommit) == "wrong");
  CHECK(result_of(Mistake::NoRegisterFence) == "wgmma after its registers were touched, without wgmma_fence");
  CHECK(result_of(Mistake::MemoryChanged) == "shared memory that a wgmma reads was changed before a wait");
  CHECK(result_of(Mistake::FactorChanged) == "a register that a wgmma reads was changed before a wait");
  CHECK(result_of(Mistake::SumChanged) == "a register that a wgmma writes was changed before a wait");
  CHECK(result_of(Mistake::OneWarpAlone) == "a wgmma that not all four warps of a warpgroup have executed");
}

TEST_CASE("the model reads 19 bits of its factors and truncates its sum") {
  Array<float> out(kRows * kColumns);
  const auto sum = [&](float big, float small) {
    launch({.block = {kBlock}, .dynamic_shared = 16 * 1024, .op = "test"}, one_wgmma, out.data(), big, small);
    return out.values()[0];
  };
  CHECK(sum(1 + 0x1p-11f, 0) == 4);               // the twelfth bit is not read
  CHECK(sum(4, 0x1.8p-23f) == 16);                // 16 + 0.375 units
  CHECK(sum(4, 0x1.8p-21f) == 16 + 0x1p-19f);     // 16 + 1.5 units is rounded down
  CHECK(sum(-4, -0x1.8p-21f) == -16 - 0x1p-19f);  // and towards zero
}

#endif

}  // namespace brenier::BRENIER_CUDA_NAMESPACE

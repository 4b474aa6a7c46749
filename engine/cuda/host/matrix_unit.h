// The functional model of wgmma (engine/cuda/wgmma.h): what a warpgroup's matrix instruction does with its warp's part, 16
// rows of D, and when.
//
// It runs beside the program, so the model does its work at the last moment, when a wait covers its group. Until then its
// results are NaN in the registers, and whoever changes what it reads or writes meanwhile is told so. Shared memory
// is seen through the asynchronous proxy: there is only what all threads of the block have fenced before a barrier.
// (PTX asks that of the threads that have written; the model asks it of all.)
//
// A product of 8 terms and the former sum are added exactly, and the result is truncated, as tensor cores do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace brenier::cuda_on_host::shim {

constexpr std::size_t kWgmmaColumns = 128, kWgmmaTerms = 8, kWgmmaSums = 64;

// The number that a matrix unit reads from 32 bits: the sign, the exponent and 10 bits of the fraction.
double tf32_value(std::uint32_t bits);

// A matrix descriptor of PTX, decoded.
struct SharedMatrix {
  std::size_t start, leading, stride;  // bytes
  unsigned swizzle, base_offset;

  explicit SharedMatrix(std::uint64_t descriptor);
  // The address of term k of a line, from the start of shared memory.
  std::size_t address(std::size_t line, std::size_t k) const;
};

// The dynamic shared memory of a block: itself, and what the asynchronous proxy sees of it, at first nothing.
class AsyncView {
 public:
  void begin(const void* memory, std::size_t bytes);
  void publish();
  std::size_t bytes() const { return bytes_; }
  std::uint32_t seen(std::size_t address) const;     // by the proxy
  std::uint32_t present(std::size_t address) const;  // in memory
  std::size_t offset_of(const void* data) const;     // from the start, or bytes() if it does not lie here

 private:
  const std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<std::byte> seen_;
};

// What a lane hands in.
struct LaneProduct {
  float* d;
  const std::uint32_t* a;
  std::uint64_t b;
  bool add;
};
using WarpProduct = std::array<LaneProduct, 32>;

// The products of one warp that are under way. All functions give what is wrong, or null.
class WarpProducts {
 public:
  void clear();
  void fence() { fenced_ = true; }
  const char* start(const WarpProduct& product, const AsyncView& view);
  void commit();
  const char* wait(std::size_t groups_left, const AsyncView& view);
  std::size_t started() const { return started_; }

 private:
  using Sums = std::array<float, kWgmmaSums>;
  using Terms = std::array<std::uint32_t, 4>;
  struct Pending {
    WarpProduct lanes;
    SharedMatrix matrix;
    std::array<Terms, 32> a;
    std::vector<std::uint32_t> b;  // [column][term]
    bool committed;
  };
  // Of the lanes' registers d, known by the first lane's: the true sums, while the registers hold NaN.
  struct Hidden {
    WarpProduct lanes;
    std::array<Sums, 32> sums;
    std::size_t pending;
  };
  Hidden& hide(const WarpProduct& product);
  const char* finish(const Pending& product, const AsyncView& view);
  static void multiply(const Pending& product, std::array<Sums, 32>& sums);

  std::deque<Pending> pending_;
  std::vector<Hidden> hidden_;
  std::vector<std::size_t> groups_;  // the sizes of committed groups
  bool fenced_ = false;
  std::size_t started_ = 0;
};

}  // namespace brenier::cuda_on_host::shim

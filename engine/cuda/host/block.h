// What the scheduler knows of the block that runs: its threads and what each waits for, its warps, its shared memory,
// and the order drawn for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/cuda/host/fiber.h"
#include "engine/cuda/host/matrix_unit.h"
#include "engine/cuda/host/scheduler.h"

namespace brenier::cuda_on_host::shim {

// SplitMix64: small, and any seed will do.
class Random {
 public:
  explicit Random(std::uint64_t seed = 0) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

struct Lane;

struct Warp {
  Lane* first = nullptr;
  unsigned existing = 0;  // bit by bit: the block has that lane
  unsigned waiting = 0;   // that lane waits in an operation of the warp
  WarpProducts products{};
};

struct CopyLater {
  void* to;
  const void* from;
  unsigned bytes;
  bool valid;
};

// A thread of the block.
struct Lane {
  enum class State : std::uint8_t { New, Ready, Running, InBlock, InWarp, Returned };

  State state = State::New;
  Index3 thread{};
  unsigned in_warp = 0;
  Warp* warp = nullptr;
  Fiber* fiber = nullptr;
  bool fenced = false;  // since the last barrier: what it wrote is for the asynchronous proxy
  // While it waits.
  const char* waits_at = "";
  int vote = 0;
  unsigned mask = 0;
  void* payload = nullptr;
  Combine combine = nullptr;

  void wait_in_block(const char* name, int its_vote);
  void wait_in_warp(const char* name, unsigned its_mask, void* its_payload, Combine its_combine);

  // Asynchronous copies: those of all groups in order, and where each committed group ends.
  std::vector<CopyLater> copies{};
  std::vector<std::size_t> group_ends{};
  const char* copy_later(const CopyLater& copy);  // what is wrong with it, or null
  void commit_copies() { group_ends.push_back(copies.size()); }
  void carry_out_copies(std::size_t groups_left);
};

// Memory of an exact size from the system, so that AddressSanitizer sees both ends.
class SharedBlock {
 public:
  SharedBlock(const void* key, std::size_t bytes, std::size_t alignment);
  const void* key() const { return key_; }
  std::size_t bytes() const { return bytes_; }
  void* data() const { return data_.get(); }
  void poison();

 private:
  struct Free {
    void operator()(void* data) const;
  };
  const void* key_;
  std::size_t bytes_;
  std::unique_ptr<void, Free> data_;
};

class Block {
 public:
  void begin_launch(const LaunchShape& shape);
  void end_launch() { shared_.clear(); }
  void begin(Random& random);

  std::vector<Lane>& lanes() { return lanes_; }
  // Of all threads: warp by warp, or mixed.
  const std::vector<Lane*>& draw_order(Random& random);
  bool mixes_warps() const { return mixes_warps_; }
  AsyncView& async_view() { return async_view_; }
  // At a barrier: if all threads have fenced their writes, the asynchronous proxy sees them from now on. Gives what is wrong
  // with the matrix products of the warpgroups, or null.
  const char* publish_fenced();
  bool has_new() const { return started_ < start_order_.size(); }
  Lane& take_new() { return *start_order_[started_++]; }

  // The first is the dynamic one.
  void* dynamic_data() const { return shared_.front().data(); }
  std::string make_static(const void* key, std::size_t bytes, std::size_t alignment);  // what is wrong, or nothing
  void* static_data(const void* key) const;

  // "[op] block (x, y, z) thread (x, y, z): "; without the thread when it is null.
  std::string place(const Lane* lane) const;
  std::string describe_deadlock() const;

 private:
  std::string describe(const Lane& lane) const;

  const char* op_ = "";
  std::vector<Lane> lanes_;
  std::vector<Warp> warps_;
  std::vector<const Warp*> warps_in_turn_;
  std::vector<Lane*> order_, start_order_;
  std::size_t started_ = 0;
  bool mixes_warps_ = false;
  std::vector<SharedBlock> shared_;
  AsyncView async_view_;
};

}  // namespace brenier::cuda_on_host::shim

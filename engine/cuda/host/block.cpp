// The bookkeeping of one block at a time; the arrays are made once per launch and used for all its blocks.
#include "engine/cuda/host/block.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ios>
#include <new>

#include "engine/str.h"

namespace brenier::cuda_on_host::shim {

namespace {

constexpr std::size_t kStaticBytes = 48 * 1024, kAllSharedBytes = 227 * 1024;

template <class T>
void shuffle(T* begin, std::size_t count, Random& random) {
  for (std::size_t i = count; i > 1; --i) std::swap(begin[i - 1], begin[random.below(i)]);
}

std::string triple(const Index3& i) { return str("(", i.x, ", ", i.y, ", ", i.z, ")"); }

}  // namespace

std::uint64_t Random::next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void Lane::wait_in_block(const char* name, int its_vote) {
  state = State::InBlock;
  waits_at = name;
  vote = its_vote;
}

void Lane::wait_in_warp(const char* name, unsigned its_mask, void* its_payload, Combine its_combine) {
  state = State::InWarp;
  waits_at = name;
  mask = its_mask;
  payload = its_payload;
  combine = its_combine;
}

const char* Lane::copy_later(const CopyLater& copy) {
  const auto misaligned = [&](const void* data) { return reinterpret_cast<std::uintptr_t>(data) % copy.bytes != 0; };
  if (misaligned(copy.to)) return "cp_async to an address that is not a multiple of its size";
  if (copy.valid && misaligned(copy.from)) return "cp_async from an address that is not a multiple of its size";
  std::memset(copy.to, 0xff, copy.bytes);
  copies.push_back(copy);
  return nullptr;
}

void Lane::carry_out_copies(std::size_t groups_left) {
  if (group_ends.size() <= groups_left) return;
  const std::size_t groups = group_ends.size() - groups_left, end = group_ends[groups - 1];
  for (std::size_t i = 0; i < end; ++i) {
    const CopyLater& copy = copies[i];
    if (copy.valid) std::memcpy(copy.to, copy.from, copy.bytes);
    if (!copy.valid) std::memset(copy.to, 0, copy.bytes);
  }
  copies.erase(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(end));
  group_ends.erase(group_ends.begin(), group_ends.begin() + static_cast<std::ptrdiff_t>(groups));
  for (std::size_t& group_end : group_ends) group_end -= end;
}

SharedBlock::SharedBlock(const void* key, std::size_t bytes, std::size_t alignment) : key_(key), bytes_(bytes) {
  void* data = nullptr;
  if (posix_memalign(&data, std::max<std::size_t>(alignment, 16), bytes) != 0) throw std::bad_alloc();
  data_.reset(data);
  poison();
}

void SharedBlock::Free::operator()(void* data) const { std::free(data); }

void SharedBlock::poison() {
  if (bytes_) std::memset(data_.get(), 0xff, bytes_);
}

void Block::begin_launch(const LaunchShape& shape) {
  op_ = shape.op;
  const unsigned count = shape.block.x * shape.block.y * shape.block.z;
  lanes_.resize(count);
  warps_.assign((count + 31) / 32, Warp{});
  warps_in_turn_.clear();
  for (const Warp& warp : warps_) warps_in_turn_.push_back(&warp);
  order_.resize(count);
  for (unsigned i = 0; i < count; ++i) {
    Lane& lane = lanes_[i];
    order_[i] = &lane;
    lane.thread = {i % shape.block.x, i / shape.block.x % shape.block.y, i / shape.block.x / shape.block.y};
    lane.in_warp = i % 32;
    lane.warp = &warps_[i / 32];
    lane.warp->existing |= 1u << i % 32;
    if (i % 32 == 0) lane.warp->first = &lane;
  }
  shared_.clear();
  shared_.emplace_back(nullptr, shape.dynamic_shared, 1024);
}

void Block::begin(Random& random) {
  for (Lane& lane : lanes_) {
    lane.state = Lane::State::New;
    lane.copies.clear();
    lane.group_ends.clear();
    lane.fenced = false;
  }
  for (Warp& warp : warps_) {
    warp.waiting = 0;
    warp.products.clear();
  }
  for (SharedBlock& block : shared_) block.poison();
  async_view_.begin(shared_.front().data(), shared_.front().bytes());
  mixes_warps_ = random.below(2) == 0;
  start_order_ = draw_order(random);
  started_ = 0;
}

const std::vector<Lane*>& Block::draw_order(Random& random) {
  if (mixes_warps_) {
    shuffle(order_.data(), order_.size(), random);
    return order_;
  }
  shuffle(warps_in_turn_.data(), warps_in_turn_.size(), random);
  std::size_t next = 0;
  for (const Warp* warp : warps_in_turn_) {
    const std::size_t begin = next;
    for (unsigned lane = 0; lane < 32 && warp->existing >> lane & 1; ++lane) order_[next++] = warp->first + lane;
    shuffle(order_.data() + begin, next - begin, random);
  }
  return order_;
}

const char* Block::publish_fenced() {
  const auto fenced = [](const Lane& lane) { return lane.fenced; };
  if (std::all_of(lanes_.begin(), lanes_.end(), fenced)) async_view_.publish();
  for (Lane& lane : lanes_) lane.fenced = false;
  for (std::size_t i = 0; i < warps_.size(); ++i)
    if (warps_[i].products.started() != warps_[i / 4 * 4].products.started())
      return "a wgmma that not all four warps of a warpgroup have executed";
  return nullptr;
}

std::string Block::make_static(const void* key, std::size_t bytes, std::size_t alignment) {
  std::size_t total = bytes;
  for (const SharedBlock& block : shared_) {
    if (block.key() == key) return {};
    if (block.key()) total += block.bytes();
  }
  if (total > kStaticBytes) return str("more than 48 KiB of static shared memory: ", total, " bytes");
  if (total + shared_.front().bytes() > kAllSharedBytes) {
    return str("more than 227 KiB of shared memory: ", total + shared_.front().bytes(), " bytes");
  }
  shared_.emplace_back(key, bytes, alignment);
  return {};
}

void* Block::static_data(const void* key) const {
  const auto is_it = [&](const SharedBlock& block) { return block.key() == key; };
  return std::find_if(shared_.begin(), shared_.end(), is_it)->data();
}

std::string Block::place(const Lane* lane) const {
  const std::string block = str("[", op_, "] block ", triple(current_block));
  return lane ? str(block, " thread ", triple(lane->thread), ": ") : block + ": ";
}

std::string Block::describe(const Lane& lane) const {
  switch (lane.state) {
    case Lane::State::InBlock:
      return str("wait at ", lane.waits_at);
    case Lane::State::InWarp:
      return str("wait at ", lane.waits_at, " with mask 0x", std::hex, lane.mask);
    case Lane::State::Returned:
      return "have returned";
    default:
      return "run";
  }
}

std::string Block::describe_deadlock() const {
  std::string text = place(nullptr) + "threads wait for others that do not come:";
  for (std::size_t begin = 0, end = 0; begin < lanes_.size(); begin = end) {
    const std::string state = describe(lanes_[begin]);
    for (end = begin + 1; end < lanes_.size() && describe(lanes_[end]) == state;) ++end;
    text += begin + 1 == end ? str(" ", begin) : str(" ", begin, "-", end - 1);
    text += " " + state + (end < lanes_.size() ? "," : "");
  }
  return text;
}

}  // namespace brenier::cuda_on_host::shim

// Threads of the block are taken from two places: those that have not started, in the order drawn for the block, and
// those that wait no longer, each parked on its fiber. A fiber takes thread after thread; only when one waits does
// another fiber go on. So a kernel without barriers runs on one fiber as a plain loop. When a thread waits and there
// is nobody left to take, the threads wait for others that will never come: the launch ends with a description.
#include "engine/cuda/host/scheduler.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/cuda/host/block.h"
#include "engine/cuda/host/fiber.h"
#include "engine/str.h"

namespace brenier::cuda_on_host {

namespace shim {

namespace {

class Scheduler {
 public:
  void run(const LaunchShape& shape, const std::function<void()>& thread, std::uint64_t launch);
  int barrier(const char* name, int vote);
  void exchange(const char* name, unsigned mask, void* payload, Combine combine);
  [[noreturn]] void fail(std::string what);
  Block& block() { return block_; }
  Lane& running() { return *running_; }

 private:
  static void fiber_main();
  void run_block();
  void drop_fibers();
  void resume(Lane& lane);
  Lane* choose();
  void start(Lane& lane);
  void rest(Lane* next);
  void park();
  Fiber& idle_fiber();
  void release_block();
  bool warp_is_complete(const Lane& self) const;
  void release_warp(const Lane& self);

  Block block_;
  Random random_;
  const std::function<void()>* kernel_ = nullptr;
  Lane* running_ = nullptr;
  Lane* handed_over_ = nullptr;  // to the fiber that is switched to: a thread to start
  std::vector<Lane*> ready_;
  unsigned waiting_in_block_ = 0, returned_ = 0;
  std::string failure_;
  std::exception_ptr exception_;
  Fiber* main_ = nullptr;
  Fiber* fiber_ = nullptr;  // that runs
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
};

Scheduler& scheduler() {
  static auto& only = *new Scheduler;  // launches happen one at a time
  return only;
}

void Scheduler::run(const LaunchShape& shape, const std::function<void()>& thread, std::uint64_t launch) {
  Fiber main;
  main_ = &main;
  kernel_ = &thread;
  random_ = Random(launch);
  block_size = {shape.block.x, shape.block.y, shape.block.z};
  grid_size = {shape.grid.x, shape.grid.y, shape.grid.z};
  block_.begin_launch(shape);
  // i -> first + i step (mod count) visits every block once when step and count have no common factor.
  const std::uint64_t count = std::uint64_t{shape.grid.x} * shape.grid.y * shape.grid.z;
  const std::uint64_t first = random_.below(count);
  std::uint64_t step = 1 + random_.below(count);
  while (std::gcd(step, count) != 1) ++step;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t index = (first + i * step) % count;
    current_block = {static_cast<unsigned>(index % shape.grid.x),
                     static_cast<unsigned>(index / shape.grid.x % shape.grid.y),
                     static_cast<unsigned>(index / shape.grid.x / shape.grid.y)};
    run_block();
  }
  block_.end_launch();
}

void Scheduler::run_block() {
  block_.begin(random_);
  ready_.clear();
  waiting_in_block_ = returned_ = 0;
  Fiber& first = idle_fiber();
  fiber_ = &first;
  main_->switch_to(first);
  if (returned_ == block_.lanes().size()) return;
  const std::string reason = exception_ ? "" : failure_.empty() ? block_.describe_deadlock() : failure_;
  failure_.clear();
  drop_fibers();
  block_.end_launch();
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  throw std::logic_error(reason);
}

// Threads are in the middle of the kernel on some of them.
void Scheduler::drop_fibers() {
  idle_.clear();
  fibers_.clear();
  handed_over_ = nullptr;
}

Fiber& Scheduler::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(&Scheduler::fiber_main));
    return *fibers_.back();
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

void Scheduler::fiber_main() {
  Scheduler& s = scheduler();
  for (;;) {
    Lane* lane = s.handed_over_ ? std::exchange(s.handed_over_, nullptr) : s.choose();
    if (lane && lane->state == Lane::State::New) {
      s.start(*lane);
    } else {
      s.rest(lane);
    }
  }
}

Lane* Scheduler::choose() {
  if (block_.has_new() && (ready_.empty() || (block_.mixes_warps() && random_.below(2) == 0)))
    return &block_.take_new();
  if (ready_.empty()) return nullptr;
  if (block_.mixes_warps()) std::swap(ready_[random_.below(ready_.size())], ready_.back());
  Lane* lane = ready_.back();
  ready_.pop_back();
  return lane;
}

void Scheduler::resume(Lane& lane) {
  running_ = &lane;
  fiber_ = lane.fiber;
  current_thread = lane.thread;
  lane.state = Lane::State::Running;
}

void Scheduler::start(Lane& lane) {
  lane.fiber = fiber_;
  resume(lane);
  try {
    (*kernel_)();
  } catch (...) {
    exception_ = std::current_exception();
  }
  if (exception_) fiber_->switch_to(*main_);
  lane.state = Lane::State::Returned;
  ++returned_;
}

// This fiber has no thread. It sleeps until it is idle_fiber() for somebody, and wakes with a thread to start.
void Scheduler::rest(Lane* next) {
  Fiber& self = *fiber_;
  idle_.push_back(&self);
  Fiber& target = next ? *next->fiber : *main_;
  self.switch_to(target);
}

// The running thread waits.
void Scheduler::park() {
  Lane& self = *running_;
  Lane* next = choose();
  if (next != &self) {
    Fiber* target = main_;
    if (next && next->state == Lane::State::New) {
      handed_over_ = next;
      target = fiber_ = &idle_fiber();
    } else if (next) {
      target = next->fiber;
    }
    self.fiber->switch_to(*target);
  }
  resume(self);
}

int Scheduler::barrier(const char* name, int vote) {
  Lane& self = *running_;
  self.wait_in_block(name, vote);
  if (++waiting_in_block_ == block_.lanes().size()) release_block();
  park();
  return self.vote;
}

void Scheduler::release_block() {
  int votes = 0;
  for (const Lane& lane : block_.lanes()) {
    if (lane.waits_at != running_->waits_at) {
      fail(str("waits at ", running_->waits_at, ", another one at ", lane.waits_at));
    }
    votes |= lane.vote;
  }
  waiting_in_block_ = 0;
  if (const char* problem = block_.publish_fenced()) fail(problem);
  for (Lane* lane : block_.draw_order(random_)) {
    lane->vote = votes;
    lane->state = Lane::State::Ready;
    ready_.push_back(lane);
  }
}

void Scheduler::exchange(const char* name, unsigned mask, void* payload, Combine combine) {
  Lane& self = *running_;
  const unsigned bit = 1u << self.in_warp;
  if (!(mask & bit)) fail(str(name, " with mask 0x", std::hex, mask, " that lacks lane ", std::dec, self.in_warp));
  self.wait_in_warp(name, mask & self.warp->existing, payload, combine);
  self.warp->waiting |= bit;
  if (!warp_is_complete(self)) return park();
  void* payloads[32] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (self.mask >> lane & 1) payloads[lane] = self.warp->first[lane].payload;
  }
  combine(payloads);
  release_warp(self);
}

bool Scheduler::warp_is_complete(const Lane& self) const {
  if ((self.warp->waiting & self.mask) != self.mask) return false;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(self.mask >> lane & 1)) continue;
    const Lane& other = self.warp->first[lane];
    if (other.mask != self.mask || other.waits_at != self.waits_at || other.combine != self.combine) return false;
  }
  return true;
}

// The last one to come goes on at once, the others when they are chosen.
void Scheduler::release_warp(const Lane& self) {
  self.warp->waiting &= ~self.mask;
  const unsigned turn = static_cast<unsigned>(random_.below(32));
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned lane = (i + turn) % 32;
    if (!(self.mask >> lane & 1)) continue;
    Lane& other = self.warp->first[lane];
    other.state = &other == &self ? Lane::State::Running : Lane::State::Ready;
    if (&other != &self) ready_.push_back(&other);
  }
}

// The stack is dropped without destructors, so nothing on it may own memory at the switch.
void Scheduler::fail(std::string what) {
  failure_ = block_.place(running_) + std::string(std::move(what));
  for (;;) fiber_->switch_to(*main_);
}

}  // namespace

void run_grid(const LaunchShape& shape, const std::function<void()>& thread, std::uint64_t launch) {
  scheduler().run(shape, thread, launch);
}
int barrier(const char* name, int vote) { return scheduler().barrier(name, vote); }
void exchange(const char* name, unsigned mask, void* payload, Combine combine) {
  scheduler().exchange(name, mask, payload, combine);
}
unsigned lane() { return scheduler().running().in_warp; }
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  std::string problem = scheduler().block().make_static(key, bytes, alignment);
  if (!problem.empty()) fail(std::move(problem));
  return scheduler().block().static_data(key);
}
void* dynamic_shared() { return scheduler().block().dynamic_data(); }
AsyncView& async_view() { return scheduler().block().async_view(); }
WarpProducts& warp_products() { return scheduler().running().warp->products; }
void fence_proxy() { scheduler().running().fenced = true; }
void copy_later(void* to, const void* from, unsigned bytes, bool valid) {
  const char* problem = scheduler().running().copy_later({to, from, bytes, valid});
  if (problem) fail(problem);
}
void commit_copies() { scheduler().running().commit_copies(); }
void wait_for_copies(unsigned groups_left) { scheduler().running().carry_out_copies(groups_left); }
void fail(std::string what) { scheduler().fail(std::move(what)); }

}  // namespace shim

}  // namespace brenier::cuda_on_host

// The pool. One 32-bit word says all: a generation number, whether the job of this generation is open, and how many
// workers are in it. A worker joins an open job by counting itself in, and works until no piece is left. The caller
// then closes the job and waits for those inside only, so a worker that woke up late delays nobody. The other fields
// of a job change while it is closed and empty. Workers watch the word for a while before they sleep on it: products
// in a training step follow each other within microseconds, and waking a thread takes several.
#include "engine/cpu/threads.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "engine/str.h"

namespace brenier {

namespace cpu {

namespace {

constexpr std::uint32_t kWorkers = 0x0fff, kOpen = 0x1000, kStop = 0x2000, kGeneration = 0x4000;
constexpr int kSpins = 4000;  // some 50 microseconds
constexpr int kMaxThreads = 4096;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

thread_local bool in_parallel_loop = false;

class Pool {
 public:
  ~Pool() { stop(); }
  int size() const { return size_.load(std::memory_order_relaxed); }
  void resize(int threads);
  void run(std::int64_t count, std::int64_t grain, void (*body)(const void*, std::int64_t, std::int64_t),
           const void* context);

 private:
  void stop();
  void work();
  void take_pieces();
  void close_and_wait();

  std::atomic<int> size_{1};
  std::mutex in_use_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint32_t> state_{0};
  // The job.
  void (*body_)(const void*, std::int64_t, std::int64_t) = nullptr;
  const void* context_ = nullptr;
  std::int64_t count_ = 0, grain_ = 1;
  std::atomic<std::int64_t> next_{0};
  std::mutex failing_;
  std::exception_ptr failure_;
};

void Pool::take_pieces() {
  in_parallel_loop = true;
  try {
    for (;;) {
      const std::int64_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= count_) break;
      body_(context_, begin, std::min(begin + grain_, count_));
    }
  } catch (...) {
    next_.store(count_, std::memory_order_relaxed);
    const std::lock_guard lock(failing_);
    failure_ = std::current_exception();
  }
  in_parallel_loop = false;
}

void Pool::work() {
  std::uint32_t done = 0;
  for (int spins = 0;;) {
    std::uint32_t state = state_.load(std::memory_order_acquire);
    if (state & kStop) return;
    const std::uint32_t generation = state / kGeneration;
    if ((state & kOpen) && generation != done) {
      if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) continue;
      done = generation;
      take_pieces();
      state_.fetch_sub(1, std::memory_order_release);
      spins = 0;
    } else if (++spins < kSpins) {
      pause_briefly();
    } else {
      state_.wait(state, std::memory_order_acquire);
      spins = 0;
    }
  }
}

void Pool::close_and_wait() {
  std::uint32_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  for (int spins = 0; state & kWorkers; state = state_.load(std::memory_order_acquire)) {
    if (++spins < kSpins)
      pause_briefly();
    else
      std::this_thread::yield();
  }
}

void Pool::run(std::int64_t count, std::int64_t grain, void (*body)(const void*, std::int64_t, std::int64_t),
               const void* context) {
  if (in_parallel_loop) return body(context, 0, count);
  const std::unique_lock lock(in_use_, std::try_to_lock);
  if (!lock || workers_.empty()) return body(context, 0, count);
  body_ = body;
  context_ = context;
  count_ = count;
  grain_ = grain;
  failure_ = nullptr;
  next_.store(0, std::memory_order_relaxed);
  state_.store(((state_.load(std::memory_order_relaxed) / kGeneration + 1) * kGeneration) | kOpen,
               std::memory_order_release);
  state_.notify_all();
  take_pieces();
  close_and_wait();
  if (failure_) std::rethrow_exception(failure_);
}

void Pool::stop() {
  state_.fetch_or(kStop, std::memory_order_acq_rel);
  state_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  state_.store(0, std::memory_order_release);
}

void Pool::resize(int threads) {
  const std::lock_guard lock(in_use_);
  if (threads == size()) return;
  stop();
  size_.store(1, std::memory_order_relaxed);
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  size_.store(threads, std::memory_order_relaxed);
}

Pool& pool() {
  static Pool pool;
  return pool;
}

struct Free {
  void operator()(std::byte* data) const { ::operator delete (data, std::align_val_t{64}); }
};
struct Block {
  std::unique_ptr<std::byte, Free> data;
  std::size_t bytes = 0;
};

}  // namespace

void parallel_run(std::int64_t count, std::int64_t grain, void (*run)(const void*, std::int64_t, std::int64_t),
                  const void* body) {
  pool().run(count, grain, run, body);
}

void* scratch(Scratch name, std::size_t bytes) {
  thread_local std::array<Block, static_cast<std::size_t>(Scratch::kCount)> blocks;
  Block& block = blocks[static_cast<std::size_t>(name)];
  if (block.bytes < bytes) {
    block.data.reset();
    block.bytes = 0;
    block.data.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    block.bytes = bytes;
  }
  return block.data.get();
}

}  // namespace cpu

void set_threads(int count) {
  if (count < 1 || count > cpu::kMaxThreads) {
    throw std::invalid_argument(str("[set_threads] expects 1 to ", cpu::kMaxThreads, " threads, got ", count));
  }
  cpu::pool().resize(count);
}

int threads() { return cpu::pool().size(); }

}  // namespace brenier

// A fiber: a stack of its own and a place in a function, between which the processor switches in a few nanoseconds.
// It runs until it switches to another fiber and goes on from there when somebody switches back. No exception
// may leave a fiber's entry function, and none is in flight when it switches.
#pragma once

#include <cstddef>

namespace brenier::cuda_on_host {

class Fiber {
 public:
  // The context that is running now, on the stack of its thread.
  Fiber();
  // A fiber that will run entry, which does not return. The stack is 256 KiB above an inaccessible page.
  explicit Fiber(void (*entry)());
  ~Fiber();  // what lies on the stack is dropped without destructors
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Leaves this fiber, which must be the running one. Returns when it is switched to again.
  void switch_to(Fiber& next);

 private:
  static void begin();
  static void arrive();
  void prepare_stack();

  void (*entry_)() = nullptr;
  void* context_ = nullptr;  // the stack pointer while it does not run; a ucontext_t* where there is no assembly
  char* mapping_ = nullptr;
  // For the sanitizers.
  const void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
};

}  // namespace brenier::cuda_on_host

// The switch saves the registers that a called function must preserve on the stack it leaves, changes the stack
// pointer, and takes the other fiber's registers from there. A new fiber's stack looks as if it had left begin().
// AddressSanitizer is told the bounds of the next stack, ThreadSanitizer which fiber runs.
#include "engine/cuda/host/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "engine/cuda/host/sanitizers.h"

#if defined(__x86_64__)
// Arguments: where to store the stack pointer (rdi), the new one (rsi).
asm(R"(
.text
.globl brenier_switch_stack
.hidden brenier_switch_stack
.type brenier_switch_stack, @function
brenier_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size brenier_switch_stack, . - brenier_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl brenier_switch_stack
.hidden brenier_switch_stack
.type brenier_switch_stack, %function
brenier_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size brenier_switch_stack, . - brenier_switch_stack
)");
#else
#include <ucontext.h>
#define BRENIER_UCONTEXT 1
#endif

namespace brenier::cuda_on_host {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;

// Switches happen in one thread at a time (the launch holds a mutex), so these need not belong to a thread.
Fiber* departed = nullptr;
Fiber* running = nullptr;

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

#if defined(__x86_64__) || defined(__aarch64__)
extern "C" void brenier_switch_stack(void** save, void* next);

void Fiber::prepare_stack() {
#if defined(__x86_64__)
  // Six registers, the address to return to, and the return address of begin(): none.
  auto* top = reinterpret_cast<std::uintptr_t*>(mapping_ + page_bytes() + kStackBytes) - 8;
  top[6] = reinterpret_cast<std::uintptr_t>(&Fiber::begin);
#else
  // Twelve integer registers, the last of them the address to return to, and eight of floating point.
  auto* top = reinterpret_cast<std::uintptr_t*>(mapping_ + page_bytes() + kStackBytes) - 20;
  top[11] = reinterpret_cast<std::uintptr_t>(&Fiber::begin);
#endif
  context_ = top;
}
#else
static void brenier_switch_stack(void** save, void* next) {
  ucontext_t here;  // lives on the stack that is left, until the switch back
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(next));
}

void Fiber::prepare_stack() {
  auto* context = reinterpret_cast<ucontext_t*>(mapping_ + page_bytes());
  getcontext(context);
  context->uc_stack.ss_sp = context + 1;
  context->uc_stack.ss_size = kStackBytes - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, &Fiber::begin, 0);
  context_ = context;
}
#endif

Fiber::Fiber() {
#if BRENIER_TSAN
  tsan_fiber_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(void (*entry)()) : entry_(entry) {
  void* memory = mmap(nullptr, page_bytes() + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mapping_ = static_cast<char*>(memory);
  mprotect(mapping_, page_bytes(), PROT_NONE);
  stack_ = mapping_ + page_bytes();
  stack_bytes_ = kStackBytes;
  prepare_stack();
#if BRENIER_TSAN
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  if (!mapping_) return;
  ASAN_UNPOISON_MEMORY_REGION(stack_, stack_bytes_);
  munmap(mapping_, page_bytes() + kStackBytes);
#if BRENIER_TSAN
  __tsan_destroy_fiber(tsan_fiber_);
#endif
}

void Fiber::arrive() {
#if BRENIER_ASAN
  // The bounds of a thread's own stack are learned here, when it has been left.
  __sanitizer_finish_switch_fiber(running->fake_stack_, &departed->stack_, &departed->stack_bytes_);
#endif
}

void Fiber::begin() {
  arrive();
  running->entry_();
}

void Fiber::switch_to(Fiber& next) {
  departed = this;
  running = &next;
#if BRENIER_ASAN
  __sanitizer_start_switch_fiber(&fake_stack_, next.stack_, next.stack_bytes_);
#endif
#if BRENIER_TSAN
  __tsan_switch_to_fiber(next.tsan_fiber_, 0);
#endif
  brenier_switch_stack(&context_, next.context_);
  arrive();
}

}  // namespace brenier::cuda_on_host
